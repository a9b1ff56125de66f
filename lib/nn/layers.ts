import type { Generator, Tensor } from "../tensor/mod.ts";
import { uniformByFanIn } from "./init.ts";
import { type Layer, Module, parameter } from "./module.ts";

/** Affine map of the last dimension: [..., I] → [..., O], as torch.nn.Linear. */
export class Linear extends Module {
  /** [O, I] */
  readonly weight: Tensor;
  /** [O], or null without one. */
  readonly bias: Tensor | null;
  #zeroed = false;

  /** A map of I to O features, its weights yet to be filled. */
  constructor(inFeatures: number, outFeatures: number, { bias = true }: { bias?: boolean } = {}) {
    super();
    this.weight = parameter([outFeatures, inFeatures]);
    this.bias = bias ? parameter([outFeatures]) : null;
  }

  /** Starts at zero, as the original's `zero_module`. */
  zeroed(): this {
    this.#zeroed = true;
    return this;
  }

  /** PyTorch's own beginning, uniform in ±1/√fanIn; zero where {@linkcode zeroed} says so. */
  override reset(generator: Generator): void {
    resetAffine(this.weight, this.bias, this.#zeroed, generator);
  }

  /** [..., I] → [..., O]: x·Wᵀ + b. */
  override forward(x: Tensor): Tensor {
    return x.linear(this.weight, this.bias);
  }
}

/** Options of {@linkcode Conv2d}. */
export interface Conv2dOptions {
  /** Pixels from one place of the kernel to the next. @default {1} */
  stride?: number;
  /** Zeros added on all sides, or above and below, left and right. @default {0} */
  padding?: number | readonly [number, number];
  /** Groups of channels that see only themselves; as many as channels is a depthwise convolution. @default {1} */
  groups?: number;
  /** Whether a number is added to each output channel. @default {true} */
  bias?: boolean;
}

/** Convolution [B, I, h, w] → [B, O, h', w'], as torch.nn.Conv2d; weights lie in channels_last. */
export class Conv2d extends Module {
  /** [O, I / groups, k, k], in channels_last. */
  readonly weight: Tensor;
  /** [O], or null without one. */
  readonly bias: Tensor | null;
  readonly #stride: number;
  readonly #padding: number | readonly [number, number];
  readonly #groups: number;
  #zeroed = false;

  /** A convolution, its weights yet to be filled. @param kernel its height and width, one number where it is square */
  constructor(
    inChannels: number,
    outChannels: number,
    kernel: number | readonly [number, number],
    options: Conv2dOptions = {},
  ) {
    super();
    const [height, width] = typeof kernel === "number" ? [kernel, kernel] : kernel;
    this.#groups = options.groups ?? 1;
    this.weight = parameter([outChannels, inChannels / this.#groups, height, width], "channels_last");
    this.bias = options.bias ?? true ? parameter([outChannels]) : null;
    this.#stride = options.stride ?? 1;
    this.#padding = options.padding ?? 0;
  }

  /** Starts at zero, as the original's `zero_module`. */
  zeroed(): this {
    this.#zeroed = true;
    return this;
  }

  /** PyTorch's own beginning, uniform in ±1/√fanIn; zero where {@linkcode zeroed} says so. */
  override reset(generator: Generator): void {
    resetAffine(this.weight, this.bias, this.#zeroed, generator);
  }

  /** [B, I, h, w] → [B, O, h', w'], where h' = ⌊(h + 2·padding − k) / stride⌋ + 1. */
  override forward(x: Tensor): Tensor {
    return x.conv2d(this.weight, this.bias, this.#stride, this.#padding, 1, this.#groups);
  }
}

/** A table of vectors: integers [...] → [..., D], as torch.nn.Embedding. */
export class Embedding extends Module {
  /** [N, D], a row for each integer. */
  readonly weight: Tensor;

  /** N vectors (`count`) of D numbers (`features`), yet to be filled. @param std their deviation at the start */
  constructor(count: number, features: number, private readonly std = 1) {
    super();
    this.weight = parameter([count, features]);
  }

  /** Normal. */
  override reset(generator: Generator): void {
    this.weight.normal_(0, this.std, { generator });
  }

  /** Integers [...] from 0 to N − 1 → their rows, [..., D]. */
  override forward(indices: Tensor): Tensor {
    return this.weight.embedding(indices);
  }
}

/** Zeroes a share p of the elements while training and scales the rest by 1/(1−p); draws from the device's generator. */
export class Dropout extends Module {
  /** Drops the share p, 0 to 1, of the elements. */
  constructor(private readonly p: number) {
    super();
  }

  /** [...] → the same shape. */
  override forward(x: Tensor): Tensor {
    return this.training && this.p > 0 ? x.nativeDropout(this.p, true)[0] : x.share();
  }
}

/** Layers one after the other; their names are their positions: `0.weight`. */
export class Sequential extends Module {
  readonly #layers: readonly Layer[];

  /** A chain of modules and stateless layers such as {@linkcode silu}. */
  constructor(...layers: Layer[]) {
    super();
    this.#layers = layers;
  }

  /** The layers that are modules, by position. */
  override *children(): ReturnType<Module["children"]> {
    for (const [i, layer] of this.#layers.entries()) if (layer instanceof Module) yield [String(i), layer];
  }

  /** The last layer's output; each one between is freed when the next is there. */
  override forward(x: Tensor): Tensor {
    let h = x;
    for (const layer of this.#layers) {
      const next = layer.call(h);
      if (h !== x) h.dispose();
      h = next;
    }
    return h;
  }
}

/** x·sigmoid(x), called swish in the original. */
export const silu: Layer = { call: (x) => x.silu() };

/** The exact GELU, x·Φ(x). */
export const gelu: Layer = { call: (x) => x.gelu() };

/** Passes its input on. */
export const identity: Layer = { call: (x) => x.share() };

function resetAffine(weight: Tensor, bias: Tensor | null, zero: boolean, generator: Generator): void {
  if (zero) {
    weight.zero_();
    bias?.zero_();
    return;
  }
  const fanIn = weight.shape.slice(1).reduce((product, size) => product * size, 1);
  uniformByFanIn(weight, fanIn, generator);
  if (bias !== null) uniformByFanIn(bias, fanIn, generator);
}
