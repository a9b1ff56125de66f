import { Conv2d, Embedding, Module } from "../nn/mod.ts";
import type { Tensor } from "../tensor/mod.ts";
import type { Condition } from "./condition.ts";
import { TransformerEmbedder, type TransformerOptions } from "./text_transformer.ts";

/** What makes one condition of a batch's data: a network by its kind. */
export type EncoderOptions =
  | { kind: "identity" }
  | { kind: "class" } & ClassOptions
  | { kind: "text" } & TransformerOptions
  | { kind: "rescale" } & RescaleOptions;

/** The network, its weights yet to be filled. */
export function encoderOf(options: EncoderOptions): Module {
  switch (options.kind) {
    case "identity":
      return new Identity();
    case "class":
      return new ClassEmbedder(options);
    case "text":
      return new TransformerEmbedder(options);
    case "rescale":
      return new SpatialRescaler(options);
  }
}

/** Passes on what is a condition already. */
class Identity extends Module {
  override forward(x: Tensor): Tensor {
    return x.share();
  }
}

/** Options of {@linkcode ClassEmbedder}. */
export interface ClassOptions {
  /** Number of labels, with one for no class where the model is guided without a classifier. */
  classes: number;
  /** Of a label's embedding. */
  channels: number;
}

/** A token for each label: int64 [B] → [B, 1, C] (ClassEmbedder, ldm/modules/encoders/modules.py). */
export class ClassEmbedder extends Module {
  /** A row for each label. */
  readonly embedding: Embedding;

  /** The network, its weights yet to be filled. */
  constructor({ classes, channels }: ClassOptions) {
    super();
    this.embedding = new Embedding(classes, channels);
  }

  /** Labels from 0 to `classes` − 1, [B] → [B, 1, C]. */
  override forward(labels: Tensor): Tensor {
    return this.embedding.call(labels).unsqueeze(1);
  }
}

/** Options of {@linkcode SpatialRescaler}. */
export interface RescaleOptions {
  /** How many times the size is changed. */
  stages: number;
  /** How pixels become others. */
  method: "nearest" | "bilinear" | "bicubic" | "area";
  /** Of the size, in each stage. */
  factor: number;
  /** Channels of what comes in. */
  inChannels: number;
  /** Channels after a convolution of size 1; without it there is none. */
  outChannels?: number;
  /** Whether that adds a number to each channel. */
  bias: boolean;
}

/** Brings a map to the size of a latent: [B, I, H, W] → [B, O, h, w] (SpatialRescaler, ldm/modules/encoders/modules.py). */
export class SpatialRescaler extends Module {
  /** To fewer channels. */
  readonly channel_mapper: Conv2d | undefined;

  /** The network, its weights yet to be filled. */
  constructor(readonly options: RescaleOptions) {
    super();
    const { inChannels, outChannels, bias } = options;
    this.channel_mapper = outChannels === undefined ? undefined : new Conv2d(inChannels, outChannels, 1, { bias });
  }

  /** [B, I, H, W] → [B, O, h, w], h being H times the factor of each stage, rounded down. */
  override forward(map: Tensor): Tensor {
    const { stages, method, factor } = this.options;
    let h = map.share();
    for (let stage = 0; stage < stages; stage++) {
      using before = h;
      const size = before.shape.slice(2).map((side) => Math.floor(side * factor));
      h = resize[method](before, size, factor);
    }
    return this.channel_mapper?.call(h) ?? h;
  }
}

/** As torch.nn.functional.interpolate, which goes by the factor and not by what the size was rounded to. */
const resize: Record<RescaleOptions["method"], (x: Tensor, size: number[], factor: number) => Tensor> = {
  nearest: (x, size, factor) => x.upsampleNearest2d(size, factor, factor),
  bilinear: (x, size, factor) => x.upsampleBilinear2d(size, false, factor, factor),
  bicubic: (x, size, factor) => x.upsampleBicubic2d(size, false, factor, factor),
  area: (x, size) => x.adaptiveAvgPool2d(size),
};

/** Two conditions of a batch: what is joined to x and what is attended to (HybridConditioner, diffusionmodules/util.py). */
export class HybridConditioner extends Module<[Tensor, Tensor], Condition> {
  /** Makes what is joined to x. */
  readonly concat_conditioner: Module;
  /** Makes what is attended to. */
  readonly crossattn_conditioner: Module;

  /** The networks, their weights yet to be filled. */
  constructor({ concat, crossattn }: { concat: EncoderOptions; crossattn: EncoderOptions }) {
    super();
    this.concat_conditioner = encoderOf(concat);
    this.crossattn_conditioner = encoderOf(crossattn);
  }

  /** What each of them takes → both conditions. */
  override forward(concat: Tensor, crossattn: Tensor): Condition {
    return { concat: this.concat_conditioner.call(concat), context: this.crossattn_conditioner.call(crossattn) };
  }
}
