import {
  ActNorm,
  BatchNorm2d,
  Conv2d,
  type Conv2dOptions,
  type Layer,
  Module,
  parameter,
  Sequential,
} from "../nn/mod.ts";
import type { Generator, Tensor } from "../tensor/mod.ts";

/** The architecture of a {@linkcode PatchDiscriminator}. */
export interface DiscriminatorOptions {
  /** Channels of an image. @default {3} */
  imageChannels?: number;
  /** Channels after the first convolution (`disc_ndf`). @default {64} */
  channels?: number;
  /** Convolutions before the last two, each of which halves the resolution (`disc_num_layers`). @default {3} */
  layers?: number;
  /** Whether norms are fitted to the first batch instead of to every batch (`use_actnorm`). @default {false} */
  actNorm?: boolean;
}

/** Says of each patch of an image how real it looks: [B, 3, H, W] → logits [B, 1, h, w] (NLayerDiscriminator, taming). */
export class PatchDiscriminator extends Module {
  /** Convolutions, norms and activations by position. */
  readonly main: Sequential;

  /** The network, its weights yet to be filled. */
  constructor({ imageChannels = 3, channels = 64, layers = 3, actNorm = false }: DiscriminatorOptions = {}) {
    super();
    const widths = Array.from({ length: layers + 1 }, (_, i) => channels * Math.min(2 ** i, 8));
    const normed = widths.slice(1).flatMap((width, i) => [
      new PatchConv(widths[i]!, width, { stride: i + 1 < layers ? 2 : 1, bias: actNorm }),
      actNorm ? new ActNorm(width) : new PatchNorm(width),
      leaky,
    ]);
    this.main = new Sequential(
      new PatchConv(imageChannels, channels, { stride: 2 }),
      leaky,
      ...normed,
      new PatchConv(widths.at(-1)!, 1),
    );
  }

  /** Images [B, 3, H, W] → a logit for each of their overlapping patches, [B, 1, h, w]. */
  override forward(images: Tensor): Tensor {
    return this.main.call(images);
  }
}

/** Options of {@linkcode LossNetworks}. */
export interface LossNetworksOptions extends DiscriminatorOptions {
  /** Where the log-variance of what is observed begins (`logvar_init`); the VQ autoencoder has none. */
  logvar?: number;
}

/** What a first stage is trained with and is no part of it; in the original's checkpoints these names are under `loss.`. */
export class LossNetworks extends Module {
  /** A scalar, in no optimiser of the original's: it stays where it begins. */
  readonly logvar: Tensor | null;
  /** Tells images from reconstructions. */
  readonly discriminator: PatchDiscriminator;

  /** The networks, their weights yet to be filled. */
  constructor(private readonly options: LossNetworksOptions = {}) {
    super();
    this.logvar = options.logvar === undefined ? null : parameter([]);
    this.discriminator = new PatchDiscriminator(options);
  }

  /** The log-variance where it begins. */
  override reset(): void {
    this.logvar?.fill_(this.options.logvar!);
  }

  /** Images [B, 3, H, W] → the discriminator's logits. */
  override forward(images: Tensor): Tensor {
    return this.discriminator.call(images);
  }
}

/** A convolution of size 4 whose weights begin with a deviation of 0.02 (weights_init, taming). */
class PatchConv extends Conv2d {
  constructor(inChannels: number, outChannels: number, options: Conv2dOptions = {}) {
    super(inChannels, outChannels, 4, { padding: 1, ...options });
  }

  override reset(generator: Generator): void {
    super.reset(generator);
    this.weight.normal_(0, 0.02, { generator });
  }
}

/** A norm whose weights begin at 1 ± 0.02. */
class PatchNorm extends BatchNorm2d {
  override reset(generator: Generator): void {
    super.reset(generator);
    this.weight.normal_(1, 0.02, { generator });
  }
}

/** In place: what comes in is a convolution's or a norm's own output, which nothing else needs. */
const leaky: Layer = { call: (x) => x.leakyRelu_(0.2).share() };
