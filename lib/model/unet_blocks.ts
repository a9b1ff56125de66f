import { Conv2d, Dropout, GroupNorm, type Layer, Linear, Module, parameter, Sequential, silu } from "../nn/mod.ts";
import { uniformByFanIn } from "../nn/mod.ts";
import type { Generator, Tensor } from "../tensor/mod.ts";
import { doubled } from "./blocks.ts";
import { fromTokens, toTokens } from "./tokens.ts";

/** Options of {@linkcode ResidualBlock}. */
export interface ResidualBlockOptions {
  channels: number;
  outChannels: number;
  /** Size E of the time embedding. */
  embeddingChannels: number;
  dropout: number;
  /** Scale and shift the second norm by the embedding instead of adding it (`use_scale_shift_norm`). */
  scaleShift: boolean;
  /** Change the resolution between activation and convolution, and on the skip (`resblock_updown`). */
  resample?: "up" | "down";
  /** Centre the first norm: the network's first convolution adds a bias to inputs that may be faint. */
  centred?: boolean;
}

/** Residual block of the U-Net: [B, C, h, w] and a time embedding [B, E] → [B, C', h', w'] (ResBlock, openaimodel.py). */
export class ResidualBlock extends Module<[Tensor, Tensor]> {
  readonly in_layers: Sequential;
  readonly emb_layers: Sequential;
  readonly out_layers: Sequential;
  readonly skip_connection: Conv2d | undefined;
  readonly #norm: GroupNorm;
  readonly #rest: readonly Layer[];

  constructor(private readonly options: ResidualBlockOptions) {
    super();
    const { channels, outChannels, embeddingChannels, dropout, scaleShift, resample, centred = false } = options;
    const change = resample === undefined ? same : resample === "up" ? { call: doubled } : halved;
    this.#norm = new GroupNorm(outChannels);
    this.#rest = [silu, new Dropout(dropout), new Conv2d(outChannels, outChannels, 3, { padding: 1 }).zeroed()];
    this.in_layers = new Sequential(
      new GroupNorm(channels, { centred }),
      resample === undefined ? silu : { call: (x) => scopedChange(x, change) },
      new Conv2d(channels, outChannels, 3, { padding: 1 }),
    );
    this.emb_layers = new Sequential(silu, new Linear(embeddingChannels, scaleShift ? 2 * outChannels : outChannels));
    this.out_layers = new Sequential(this.#norm, ...this.#rest);
    this.skip_connection = channels === outChannels ? undefined : new Conv2d(channels, outChannels, 1);
  }

  override forward(x: Tensor, emb: Tensor): Tensor {
    const { resample, scaleShift } = this.options;
    const h = this.in_layers.call(x);
    const e = this.emb_layers.call(emb).unsqueeze(-1).unsqueeze(-1); // [B, C' or 2C', 1, 1]
    const base = resample === undefined ? x : resample === "up" ? doubled(x) : halved.call(x);
    const skip = this.skip_connection?.call(base) ?? base;
    return (scaleShift ? this.#modulated(h, e) : this.out_layers.call(h.add_(e))).add_(skip);
  }

  #modulated(h: Tensor, e: Tensor): Tensor {
    const [scale, shift] = e.chunk(2, 1) as [Tensor, Tensor];
    let out = shift.addcmul(this.#norm.call(h), scale.add(1));
    for (const layer of this.#rest) out = layer.call(out);
    return out;
  }
}

const same: Layer = { call: (x) => x };
/** [B, C, h, w] → [B, C, h/2, w/2] by means. */
export const halved: Layer = { call: (x) => x.avgPool2d(2, 2) };

function scopedChange(x: Tensor, change: Layer): Tensor {
  using activated = x.silu();
  return change.call(activated);
}

/**
 * Self-attention over positions: [B, C, h, w] → the same (AttentionBlock, openaimodel.py).
 * In the legacy order the channels of qkv are heads × (q, k, v), else (q, k, v) × heads.
 */
export class AttentionBlock extends Module {
  readonly norm: GroupNorm;
  readonly qkv: Pointwise;
  readonly proj_out: Pointwise;

  constructor(channels: number, private readonly heads: number, private readonly legacyOrder = true) {
    super();
    this.norm = new GroupNorm(channels);
    this.qkv = new Pointwise(channels, 3 * channels);
    this.proj_out = new Pointwise(channels, channels).zeroed();
  }

  override forward(x: Tensor): Tensor {
    const [b, c, h, w] = x.shape as [number, number, number, number];
    const qkv = this.qkv.call(toTokens(this.norm.call(x))); // [B, h·w, 3C]
    const width = c / this.heads;
    const split = this.legacyOrder
      ? qkv.view([b, h * w, this.heads, 3, width]).permute([3, 0, 2, 1, 4])
      : qkv.view([b, h * w, 3, this.heads, width]).permute([2, 0, 3, 1, 4]); // [3, B, heads, h·w, width]
    const [q, k, v] = split.unbind() as [Tensor, Tensor, Tensor];
    const attended = q.scaledDotProductAttention(k, v).transpose(1, 2).reshape([b, h * w, c]);
    return fromTokens(this.proj_out.call(attended), h, w).add(x);
  }
}

/** A convolution of size 1 over tokens [B, L, I] → [B, L, O], with the weight of a Conv1d: [O, I, 1]. */
export class Pointwise extends Module {
  readonly weight: Tensor;
  readonly bias: Tensor;
  #zeroed = false;

  constructor(inChannels: number, outChannels: number) {
    super();
    this.weight = parameter([outChannels, inChannels, 1]);
    this.bias = parameter([outChannels]);
  }

  /** Starts at zero. */
  zeroed(): this {
    this.#zeroed = true;
    return this;
  }

  override reset(generator: Generator): void {
    if (this.#zeroed) {
      this.weight.zero_();
      this.bias.zero_();
      return;
    }
    uniformByFanIn(this.weight, this.weight.shape[1]!, generator);
    uniformByFanIn(this.bias, this.weight.shape[1]!, generator);
  }

  override forward(tokens: Tensor): Tensor {
    return tokens.linear(this.weight.squeeze(2), this.bias);
  }
}

/** Halves the resolution by a strided convolution, padded by one on all sides (Downsample, openaimodel.py). */
export class UnetDownsample extends Module {
  readonly op: Conv2d;

  constructor(channels: number) {
    super();
    this.op = new Conv2d(channels, channels, 3, { stride: 2, padding: 1 });
  }

  override forward(x: Tensor): Tensor {
    return this.op.call(x);
  }
}
