import { Linear, Module, Sequential } from "../nn/mod.ts";
import type { Tensor } from "../tensor/mod.ts";

/** Options of {@linkcode CrossAttention} and {@linkcode SelfAttention}. */
export interface AttentionOptions {
  /** Of the tokens that ask. */
  channels: number;
  /** Of those that answer. @default {channels} */
  contextChannels?: number;
  /** Number of heads. */
  heads: number;
  /** Of each head. */
  headChannels: number;
}

/** Attention of tokens [B, L, C] to a context [B, M, D], or to themselves → [B, L, C]. */
abstract class Attention extends Module<[Tensor, Tensor?]> {
  readonly to_q: Linear;
  readonly to_k: Linear;
  readonly to_v: Linear;
  abstract readonly to_out: Module;

  constructor(private readonly options: AttentionOptions) {
    super();
    const { channels, contextChannels = channels, heads, headChannels } = options;
    this.to_q = new Linear(channels, heads * headChannels, { bias: false });
    this.to_k = new Linear(contextChannels, heads * headChannels, { bias: false });
    this.to_v = new Linear(contextChannels, heads * headChannels, { bias: false });
  }

  override forward(tokens: Tensor, context: Tensor = tokens): Tensor {
    const { heads, headChannels } = this.options;
    const split = (x: Tensor) => x.view([x.shape[0]!, -1, heads, headChannels]).transpose(1, 2); // [B, heads, L, width]
    const [q, k, v] = [split(this.to_q.call(tokens)), split(this.to_k.call(context)), split(this.to_v.call(context))];
    return this.to_out.call(q.scaledDotProductAttention(k, v).transpose(1, 2).flatten(2));
  }
}

/** Attention of the U-Net's transformers (CrossAttention, ldm/modules/attention.py). */
export class CrossAttention extends Attention {
  readonly to_out: Sequential;

  constructor(options: AttentionOptions) {
    super(options);
    this.to_out = new Sequential(new Linear(options.heads * options.headChannels, options.channels));
  }
}

/** Attention of the transformer that reads texts (Attention, ldm/modules/x_transformer.py). */
export class SelfAttention extends Attention {
  readonly to_out: Linear;

  constructor(options: AttentionOptions) {
    super(options);
    this.to_out = new Linear(options.heads * options.headChannels, options.channels);
  }
}
