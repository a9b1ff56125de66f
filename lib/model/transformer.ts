import { Conv2d, type GroupNorm, identity, type Layer, LayerNorm, Linear, Module, Sequential } from "../nn/mod.ts";
import type { Tensor } from "../tensor/mod.ts";
import { CrossAttention } from "./attention.ts";
import { normalize } from "./blocks.ts";
import { fromTokens, toTokens } from "./tokens.ts";

/** Options of {@linkcode SpatialTransformer}. */
export interface SpatialTransformerOptions {
  channels: number;
  /** Heads of each attention; they divide the channels. */
  heads: number;
  /** Blocks one after the other. */
  depth: number;
  /** Of the context's tokens. */
  contextChannels: number;
  /** Projections by linear maps of the tokens in place of convolutions. @default {false} */
  linear?: boolean;
}

/**
 * Transformer over positions: x [B, C, h, w] and a context [B, M, D] → [B, C, h, w]
 * (SpatialTransformer, ldm/modules/attention.py; section 3.3 and appendix E.2.1 of the paper).
 */
export class SpatialTransformer extends Module<[Tensor, Tensor]> {
  readonly norm: GroupNorm;
  readonly proj_in: Conv2d | Linear;
  readonly transformer_blocks: readonly TransformerBlock[];
  readonly proj_out: Conv2d | Linear;

  constructor(private readonly options: SpatialTransformerOptions) {
    super();
    const { channels, depth, linear = false } = options;
    const projection = () => linear ? new Linear(channels, channels) : new Conv2d(channels, channels, 1);
    this.norm = normalize(channels);
    this.proj_in = projection();
    this.transformer_blocks = Array.from({ length: depth }, () => new TransformerBlock(options));
    this.proj_out = projection().zeroed();
  }

  override forward(x: Tensor, context: Tensor): Tensor {
    const [height, width] = x.shape.slice(2) as [number, number];
    const { linear = false } = this.options;
    const normed = this.norm.call(x);
    let tokens = linear ? this.proj_in.call(toTokens(normed)) : toTokens(this.proj_in.call(normed)); // [B, h·w, C]
    normed.dispose();
    for (const block of this.transformer_blocks) {
      using before = tokens;
      tokens = block.call(before, context);
    }
    const image = (rows: Tensor) => fromTokens(rows, height, width);
    return (linear ? image(this.proj_out.call(tokens)) : this.proj_out.call(image(tokens))).add(x);
  }
}

/**
 * Self-attention, attention to the context, feed-forward, each after a norm and added to what came:
 * tokens [B, L, C] and a context [B, M, D] → [B, L, C] (BasicTransformerBlock, ldm/modules/attention.py).
 */
export class TransformerBlock extends Module<[Tensor, Tensor]> {
  readonly attn1: CrossAttention;
  readonly ff: FeedForward;
  readonly attn2: CrossAttention;
  readonly norm1: LayerNorm;
  readonly norm2: LayerNorm;
  readonly norm3: LayerNorm;

  constructor({ channels, heads, contextChannels }: Omit<SpatialTransformerOptions, "depth" | "linear">) {
    super();
    const attention = { channels, heads, headChannels: channels / heads };
    this.attn1 = new CrossAttention(attention);
    this.ff = new FeedForward(channels, new Gated(channels, 4 * channels));
    this.attn2 = new CrossAttention({ ...attention, contextChannels });
    this.norm1 = new LayerNorm(channels);
    this.norm2 = new LayerNorm(channels);
    this.norm3 = new LayerNorm(channels);
  }

  override forward(tokens: Tensor, context: Tensor): Tensor {
    using first = residual(tokens, this.norm1, (x) => this.attn1.call(x));
    using second = residual(first, this.norm2, (x) => this.attn2.call(x, context));
    first.dispose();
    return residual(second, this.norm3, (x) => this.ff.call(x));
  }
}

/** x + layer(norm(x)), for tokens [B, L, C]. */
export function residual(x: Tensor, norm: LayerNorm, layer: (x: Tensor) => Tensor): Tensor {
  using normed = norm.call(x);
  using added = layer(normed);
  return added.add(x);
}

/** Widening, then a linear map back: [..., C] → [..., C] (FeedForward, ldm/modules/attention.py and x_transformer.py). */
export class FeedForward extends Module {
  readonly net: Sequential;

  /** @param widened to four times the channels, with an activation */
  constructor(channels: number, widened: Layer) {
    super();
    this.net = new Sequential(widened, identity, new Linear(4 * channels, channels));
  }

  override forward(x: Tensor): Tensor {
    return this.net.call(x);
  }
}

/** The first half of a linear map times the exact GELU of the second: [..., C] → [..., D] (GEGLU, ldm/modules/attention.py). */
class Gated extends Module {
  readonly proj: Linear;

  constructor(channels: number, outChannels: number) {
    super();
    this.proj = new Linear(channels, 2 * outChannels);
  }

  override forward(x: Tensor): Tensor {
    const [value, gate] = this.proj.call(x).chunk(2, -1) as [Tensor, Tensor];
    return value.mul(gate.gelu());
  }
}
