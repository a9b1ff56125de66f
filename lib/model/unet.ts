import { Conv2d, GroupNorm, type Layer, Linear, Module, Sequential, silu } from "../nn/mod.ts";
import { arange, cat, type Tensor } from "../tensor/mod.ts";
import { Upsample } from "./blocks.ts";
import { AttentionBlock, ResidualBlock, type ResidualBlockOptions, UnetDownsample } from "./unet_blocks.ts";

/** The architecture of a denoiser (`unet_config` of the released configurations). */
export interface UnetOptions {
  /** Channels of x, with those of a concatenated condition. */
  inChannels: number;
  /** Channels of what is predicted: those of a latent. */
  outChannels: number;
  /** Channels at full resolution. */
  modelChannels: number;
  /** Factor of `modelChannels` at each resolution; the first is 1. */
  multipliers: readonly number[];
  /** Residual blocks a resolution on the way down; one more on the way up. */
  residualBlocks: number;
  /** Downsampling factors (1, 2, 4 …) that get attention; the middle always has it. */
  attentionFactors: readonly number[];
  /** Heads of attention: by number, or by the channels of each. */
  heads: { count: number } | { channels: number };
  /** Share of the features that residual blocks drop while training. */
  dropout: number;
  /** Scale and shift norms by the time embedding instead of adding it. */
  scaleShift: boolean;
  /** Change the resolution inside residual blocks instead of by a convolution. */
  residualResampling: boolean;
}

type UnetLayer = Module<[Tensor, Tensor]> | Layer;

/** Layers of one position of the U-Net; residual blocks get the time embedding (TimestepEmbedSequential, openaimodel.py). */
class Stage extends Module<[Tensor, Tensor]> {
  readonly #layers: readonly UnetLayer[];

  constructor(...layers: UnetLayer[]) {
    super();
    this.#layers = layers;
  }

  override *children(): ReturnType<Module["children"]> {
    for (const [i, layer] of this.#layers.entries()) if (layer instanceof Module) yield [String(i), layer];
  }

  override forward(x: Tensor, emb: Tensor): Tensor {
    let h = x;
    for (const layer of this.#layers) {
      const next = layer.call(h, emb);
      if (h !== x) h.dispose();
      h = next;
    }
    return h;
  }
}

/** The U-Net (section 3.2; UNetModel, openaimodel.py): x [B, C, h, w] and steps t [B] → [B, C', h, w]. */
export class Unet extends Module<[Tensor, Tensor]> {
  /** Sinusoids of t [B, C] → time embedding [B, 4C], C being `modelChannels`. */
  readonly time_embed: Sequential;
  /** The way down: each stage's output is kept for the way up. */
  readonly input_blocks: readonly Module<[Tensor, Tensor]>[];
  /** Residual block, attention, residual block at the lowest resolution. */
  readonly middle_block: Module<[Tensor, Tensor]>;
  /** The way up: each stage takes what came before it and one kept output, joined by channels. */
  readonly output_blocks: readonly Module<[Tensor, Tensor]>[];
  /** Norm, activation and the convolution to `outChannels`, which begins at zero. */
  readonly out: Sequential;

  /** The network, its weights yet to be filled: by `initialise` or `loadStateDict`. */
  constructor(readonly options: UnetOptions) {
    super();
    const { modelChannels: base, multipliers, inChannels, outChannels } = options;
    const embeddingChannels = 4 * base;
    this.time_embed = new Sequential(
      new Linear(base, embeddingChannels),
      silu,
      new Linear(embeddingChannels, embeddingChannels),
    );
    const built = new Builder(options, embeddingChannels);
    this.input_blocks = [new Stage(new Conv2d(inChannels, base, 3, { padding: 1 })), ...built.down()];
    this.middle_block = built.middle();
    this.output_blocks = built.up();
    this.out = new Sequential(
      new GroupNorm(base * multipliers[0]!),
      silu,
      new Conv2d(base, outChannels, 3, { padding: 1 }).zeroed(),
    );
  }

  /** x [B, C, h, w] and steps [B] → prediction [B, C', h, w]; h and w are multiples of 2^(resolutions − 1). */
  override forward(x: Tensor, t: Tensor): Tensor {
    const emb = this.time_embed.call(timestepEmbedding(t, this.options.modelChannels));
    const skips: Tensor[] = [];
    let h = x.contiguous({ memoryFormat: "channels_last" });
    for (const stage of this.input_blocks) skips.push(h = stage.call(h, emb));
    h = this.middle_block.call(h, emb);
    for (const stage of this.output_blocks) {
      using skip = skips.pop()!;
      using joined = cat([h, skip], 1);
      h.dispose();
      h = stage.call(joined, emb);
    }
    return this.out.call(h);
  }
}

/** Lays out the stages: the stack keeps one skip an input stage, each output stage takes one. */
class Builder {
  readonly #skips: number[];
  #channels: number;

  constructor(private readonly o: UnetOptions, private readonly embeddingChannels: number) {
    this.#channels = o.modelChannels;
    this.#skips = [this.#channels];
  }

  down(): Stage[] {
    return this.o.multipliers.flatMap((multiplier, level) => {
      const blocks = Array.from(
        { length: this.o.residualBlocks },
        (_, i) => this.#block(this.#channels, multiplier, level, level === 0 && i === 0),
      );
      for (const _ of blocks) this.#skips.push(this.#channels);
      if (level === this.o.multipliers.length - 1) return blocks.map((b) => new Stage(...b));
      this.#skips.push(this.#channels);
      return [...blocks.map((b) => new Stage(...b)), new Stage(this.#resampled("down"))];
    });
  }

  middle(): Stage {
    const c = this.#channels;
    return new Stage(this.#residual(c, c), new AttentionBlock(c, this.#heads(c)), this.#residual(c, c));
  }

  up(): Stage[] {
    const levels = [...this.o.multipliers.entries()].reverse();
    return levels.flatMap(([level, multiplier]) =>
      Array.from({ length: this.o.residualBlocks + 1 }, (_, i) => {
        const layers = this.#block(this.#channels + this.#skips.pop()!, multiplier, level);
        const last = i === this.o.residualBlocks && level > 0;
        return new Stage(...layers, ...(last ? [this.#resampled("up")] : []));
      })
    );
  }

  #block(inChannels: number, multiplier: number, level: number, centred = false): UnetLayer[] {
    this.#channels = multiplier * this.o.modelChannels;
    const attention = this.o.attentionFactors.includes(2 ** level);
    return [
      this.#residual(inChannels, this.#channels, centred ? { centred } : {}),
      ...(attention ? [new AttentionBlock(this.#channels, this.#heads(this.#channels))] : []),
    ];
  }

  #residual(
    channels: number,
    outChannels: number,
    more: Pick<ResidualBlockOptions, "resample" | "centred"> = {},
  ): ResidualBlock {
    const { dropout, scaleShift } = this.o;
    const { embeddingChannels } = this;
    return new ResidualBlock({ channels, outChannels, embeddingChannels, dropout, scaleShift, ...more });
  }

  #resampled(direction: "up" | "down"): UnetLayer {
    const c = this.#channels;
    if (this.o.residualResampling) return this.#residual(c, c, { resample: direction });
    return direction === "down" ? new UnetDownsample(c) : new Upsample(c);
  }

  #heads(channels: number): number {
    return "count" in this.o.heads ? this.o.heads.count : channels / this.o.heads.channels;
  }
}

/**
 * Sinusoidal embedding of steps [B] → [B, D]: cosines first, frequencies exp(−ln 10000 · i / (D/2))
 * (timestep_embedding, diffusionmodules/util.py).
 */
export function timestepEmbedding(t: Tensor, channels: number): Tensor {
  const half = Math.floor(channels / 2);
  const frequencies = arange(0, half, 1, { device: t.device }).mul(-Math.log(10000)).div(half).exp();
  const angles = t.to({ dtype: "float32" }).unsqueeze(1).mul(frequencies.unsqueeze(0));
  return cat([angles.cos(), angles.sin()], 1);
}
