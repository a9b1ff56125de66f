import { Conv2d, Dropout, GroupNorm, Module } from "../nn/mod.ts";
import type { Tensor } from "../tensor/mod.ts";
import { fromTokens, toTokens } from "./tokens.ts";

const normEps = 1e-6;

/** Normalisation of the autoencoder: 32 groups, eps 1e-6 (Normalize, diffusionmodules/model.py). */
export function normalize(channels: number): GroupNorm {
  return new GroupNorm(channels, { eps: normEps });
}

/** Residual block of the autoencoder: [B, I, h, w] → [B, O, h, w] (ResnetBlock, diffusionmodules/model.py). */
export class ResnetBlock extends Module {
  readonly norm1: GroupNorm;
  readonly conv1: Conv2d;
  readonly norm2: GroupNorm;
  readonly dropout: Dropout;
  readonly conv2: Conv2d;
  readonly nin_shortcut: Conv2d | undefined;

  constructor(inChannels: number, outChannels: number, dropout: number) {
    super();
    this.norm1 = normalize(inChannels);
    this.conv1 = new Conv2d(inChannels, outChannels, 3, { padding: 1 });
    this.norm2 = normalize(outChannels);
    this.dropout = new Dropout(dropout);
    this.conv2 = new Conv2d(outChannels, outChannels, 3, { padding: 1 });
    this.nin_shortcut = inChannels === outChannels ? undefined : new Conv2d(inChannels, outChannels, 1);
  }

  override forward(x: Tensor): Tensor {
    using first = activated(this.norm1, x);
    using h = this.conv1.call(first);
    first.dispose();
    using second = activated(this.norm2, h);
    h.dispose();
    using dropped = this.dropout.call(second);
    return this.conv2.call(dropped).add_(this.nin_shortcut?.call(x) ?? x);
  }
}

/** Single-head self-attention over positions: [B, C, h, w] → the same (AttnBlock, diffusionmodules/model.py). */
export class AttnBlock extends Module {
  readonly norm: GroupNorm;
  readonly q: Conv2d;
  readonly k: Conv2d;
  readonly v: Conv2d;
  readonly proj_out: Conv2d;

  constructor(channels: number) {
    super();
    this.norm = normalize(channels);
    this.q = new Conv2d(channels, channels, 1);
    this.k = new Conv2d(channels, channels, 1);
    this.v = new Conv2d(channels, channels, 1);
    this.proj_out = new Conv2d(channels, channels, 1);
  }

  override forward(x: Tensor): Tensor {
    const h = this.norm.call(x);
    const [q, k, v] = [this.q, this.k, this.v].map((conv) => toTokens(conv.call(h)).unsqueeze(1)); // [B, 1, h·w, C]
    const attended = q!.scaledDotProductAttention(k!, v!).squeeze(1); // [B, h·w, C]
    return this.proj_out.call(fromTokens(attended, x.shape[2]!, x.shape[3]!)).add_(x);
  }
}

/** Halves the resolution; pads by one on the right and below only (Downsample, diffusionmodules/model.py). */
export class Downsample extends Module {
  readonly conv: Conv2d;

  constructor(channels: number) {
    super();
    this.conv = new Conv2d(channels, channels, 3, { stride: 2 });
  }

  override forward(x: Tensor): Tensor {
    return this.conv.call(x.constantPadNd([0, 1, 0, 1], 0));
  }
}

/** Doubles the resolution by repetition, then a convolution (Upsample, diffusionmodules/model.py). */
export class Upsample extends Module {
  readonly conv: Conv2d;

  constructor(channels: number) {
    super();
    this.conv = new Conv2d(channels, channels, 3, { padding: 1 });
  }

  override forward(x: Tensor): Tensor {
    return this.conv.call(doubled(x));
  }
}

/** [B, C, h, w] → [B, C, 2h, 2w] by repetition. */
export function doubled(x: Tensor): Tensor {
  return x.upsampleNearest2d([2 * x.shape[2]!, 2 * x.shape[3]!]);
}

/** Norm, then x·sigmoid(x); the norm's output is freed. */
export function activated(norm: GroupNorm, x: Tensor): Tensor {
  using h = norm.call(x);
  return h.requiresGrad ? h.silu() : h.silu_().share();
}

/** The middle of encoder and decoder: residual, attention unless there is none, residual. */
export class Middle extends Module {
  readonly block_1: ResnetBlock;
  readonly attn_1: AttnBlock | undefined;
  readonly block_2: ResnetBlock;

  constructor(channels: number, { dropout, attention = true }: { dropout: number; attention?: boolean }) {
    super();
    this.block_1 = new ResnetBlock(channels, channels, dropout);
    this.attn_1 = attention ? new AttnBlock(channels) : undefined;
    this.block_2 = new ResnetBlock(channels, channels, dropout);
  }

  override forward(x: Tensor): Tensor {
    using first = this.block_1.call(x);
    if (this.attn_1 === undefined) return this.block_2.call(first);
    using attended = this.attn_1.call(first);
    return this.block_2.call(attended);
  }
}
