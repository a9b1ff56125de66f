import type { Generator, Tensor } from "../tensor/mod.ts";
import { uniformByFanIn } from "./init.ts";
import { type Layer, Module, parameter } from "./module.ts";

/** Affine map of the last dimension: [..., I] → [..., O], as torch.nn.Linear. */
export class Linear extends Module {
  readonly weight: Tensor;
  readonly bias: Tensor | null;
  #zeroed = false;

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

  override reset(generator: Generator): void {
    resetAffine(this.weight, this.bias, this.#zeroed, generator);
  }

  override forward(x: Tensor): Tensor {
    return x.linear(this.weight, this.bias);
  }
}

/** Options of {@linkcode Conv2d}. */
export interface Conv2dOptions {
  /** @default {1} */
  stride?: number;
  /** Zeros added on all sides. @default {0} */
  padding?: number;
  /** @default {true} */
  bias?: boolean;
}

/** Convolution [B, I, h, w] → [B, O, h', w'], as torch.nn.Conv2d; weights lie in channels_last. */
export class Conv2d extends Module {
  readonly weight: Tensor;
  readonly bias: Tensor | null;
  readonly #stride: number;
  readonly #padding: number;
  #zeroed = false;

  constructor(inChannels: number, outChannels: number, kernelSize: number, options: Conv2dOptions = {}) {
    super();
    this.weight = parameter([outChannels, inChannels, kernelSize, kernelSize], "channels_last");
    this.bias = options.bias ?? true ? parameter([outChannels]) : null;
    this.#stride = options.stride ?? 1;
    this.#padding = options.padding ?? 0;
  }

  /** Starts at zero, as the original's `zero_module`. */
  zeroed(): this {
    this.#zeroed = true;
    return this;
  }

  override reset(generator: Generator): void {
    resetAffine(this.weight, this.bias, this.#zeroed, generator);
  }

  override forward(x: Tensor): Tensor {
    return x.conv2d(this.weight, this.bias, this.#stride, this.#padding);
  }
}

/** Options of {@linkcode GroupNorm}. */
export interface GroupNormOptions {
  /** @default {32} */
  groups?: number;
  /** @default {1e-5} */
  eps?: number;
  /**
   * Subtract each group's first element first, which changes nothing but rounding: libtorch's kernel for channels_last
   * computes E[x²] − E[x]² and loses all digits where a group varies much less than it is large. @default {false}
   */
  centred?: boolean;
}

/** Group normalisation of [B, C, h, w], as torch.nn.GroupNorm with 32 groups unless said otherwise. */
export class GroupNorm extends Module {
  readonly weight: Tensor;
  readonly bias: Tensor;

  constructor(channels: number, private readonly options: GroupNormOptions = {}) {
    super();
    this.weight = parameter([channels]);
    this.bias = parameter([channels]);
  }

  override reset(): void {
    resetNorm(this.weight, this.bias);
  }

  override forward(x: Tensor): Tensor {
    const { groups = 32, eps = 1e-5, centred = false } = this.options;
    return (centred ? x.sub(firstOfGroups(x, groups)) : x).groupNorm(groups, this.weight, this.bias, eps);
  }
}

/** [B, C, h, w] → [B, C, 1, 1], for each channel the first element of its group; a constant to autograd. */
function firstOfGroups(x: Tensor, groups: number): Tensor {
  const [b, c] = x.shape as [number, number];
  const first = x.detach().select(3, 0).select(2, 0).reshape([b, groups, -1]).narrow(2, 0, 1); // [B, G, 1]
  return first.expand([b, groups, c / groups]).reshape([b, c, 1, 1]);
}

/** Normalisation of the last dimension, as torch.nn.LayerNorm. */
export class LayerNorm extends Module {
  readonly weight: Tensor;
  readonly bias: Tensor;

  constructor(private readonly features: number, private readonly eps = 1e-5) {
    super();
    this.weight = parameter([features]);
    this.bias = parameter([features]);
  }

  override reset(): void {
    resetNorm(this.weight, this.bias);
  }

  override forward(x: Tensor): Tensor {
    return x.layerNorm([this.features], this.weight, this.bias, this.eps);
  }
}

/** A table of vectors: integers [...] → [..., D], as torch.nn.Embedding. */
export class Embedding extends Module {
  readonly weight: Tensor;

  constructor(count: number, features: number) {
    super();
    this.weight = parameter([count, features]);
  }

  override reset(generator: Generator): void {
    this.weight.normal_(0, 1, { generator });
  }

  override forward(indices: Tensor): Tensor {
    return this.weight.embedding(indices);
  }
}

/** Zeroes a share p of the elements while training and scales the rest by 1/(1−p); draws from the device's generator. */
export class Dropout extends Module {
  constructor(private readonly p: number) {
    super();
  }

  override forward(x: Tensor): Tensor {
    return this.training && this.p > 0 ? x.nativeDropout(this.p, true)[0] : x.share();
  }
}

/** Layers one after the other; their names are their positions. */
export class Sequential extends Module {
  readonly #layers: readonly Layer[];

  constructor(...layers: Layer[]) {
    super();
    this.#layers = layers;
  }

  override *children(): ReturnType<Module["children"]> {
    for (const [i, layer] of this.#layers.entries()) if (layer instanceof Module) yield [String(i), layer];
  }

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

/** x·sigmoid(x). */
export const silu: Layer = { call: (x) => x.silu() };

/** Exact (erf) GELU. */
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

function resetNorm(weight: Tensor, bias: Tensor): void {
  weight.fill_(1);
  bias.zero_();
}
