import { LatentError } from "../base/mod.ts";
import { Dropout, Embedding, gelu, LayerNorm, Linear, Module, segment, Sequential } from "../nn/mod.ts";
import { arange, type Tensor } from "../tensor/mod.ts";
import { SelfAttention } from "./attention.ts";
import { FeedForward, residual } from "./transformer.ts";

/** Options of {@linkcode TransformerEmbedder}. */
export interface TransformerOptions {
  /** Of each token's embedding. */
  channels: number;
  /** Pairs of attention and feed-forward. */
  layers: number;
  /** Number of different tokens. */
  vocabulary: number;
  /** Most tokens of a sequence. */
  length: number;
  /** Share of the embeddings' features that is dropped while training. */
  dropout: number;
  /** Keep the projection to the vocabulary, which the original's checkpoints hold and nothing uses. @default {false} */
  logits?: boolean;
}

/** Deviation of embeddings at the start. */
const std = 0.02;

/**
 * The paper's transformer for tokens of texts and layouts: int64 [B, L] → [B, L, C]
 * (BERTEmbedder and TransformerEmbedder, ldm/modules/encoders/modules.py; τ in eq. 3 and appendix E.2.1).
 */
export class TransformerEmbedder extends Module {
  /** Embeddings, layers, a norm. */
  readonly transformer: Module;

  /** The network, its weights yet to be filled. */
  constructor(readonly options: TransformerOptions) {
    super();
    this.transformer = new TextTransformer(options);
  }

  /**
   * Tokens from 0 to `vocabulary` − 1: [B, L] → [B, L, C]. Padding is a token like others.
   *
   * @throws LatentError `condition.shape` where they are more than `length`
   */
  override forward(tokens: Tensor): Tensor {
    const { length } = this.options;
    if (tokens.shape.length !== 2 || tokens.shape[1]! > length) {
      throw new LatentError("condition.shape", {
        what: "The text transformer cannot read these tokens",
        found: `[${tokens.shape.join(", ")}]`,
        wanted: `[B, L], L from 1 to ${length}`,
      });
    }
    return this.transformer.call(tokens);
  }
}

/** Embeddings of tokens and places, layers, a norm (TransformerWrapper, ldm/modules/x_transformer.py). */
class TextTransformer extends Module {
  readonly token_emb: Embedding;
  readonly pos_emb: Places;
  readonly emb_dropout: Dropout;
  readonly attn_layers: Layers;
  readonly norm: LayerNorm;
  readonly to_logits: Linear | undefined;

  constructor({ channels, layers, vocabulary, length, dropout, logits = false }: TransformerOptions) {
    super();
    this.token_emb = new Embedding(vocabulary, channels, std);
    this.pos_emb = new Places(length, channels);
    this.emb_dropout = new Dropout(dropout);
    this.attn_layers = new Layers(channels, layers);
    this.norm = new LayerNorm(channels);
    this.to_logits = logits ? new Linear(channels, vocabulary) : undefined;
  }

  override forward(tokens: Tensor): Tensor {
    const places = this.pos_emb.call(arange(0, tokens.shape[1]!, 1, { dtype: "int64", device: tokens.device }));
    const embedded = this.emb_dropout.call(this.token_emb.call(tokens).add(places)); // [B, L, C]
    return this.norm.call(this.attn_layers.call(embedded));
  }
}

/** Embeddings of places: int64 [L] → [L, C]. */
class Places extends Module {
  readonly emb: Embedding;

  constructor(length: number, channels: number) {
    super();
    this.emb = new Embedding(length, channels, std);
  }

  override forward(places: Tensor): Tensor {
    return this.emb.call(places);
  }
}

/** Attention, feed-forward, attention … */
class Layers extends Module {
  readonly layers: readonly Layer[];

  constructor(channels: number, pairs: number) {
    super();
    const attention = { channels, heads: 8, headChannels: 64 }; // whatever the channels
    this.layers = Array.from({ length: pairs }, () => [
      new Layer(channels, new SelfAttention(attention)),
      new Layer(channels, new FeedForward(channels, new Sequential(new Linear(channels, 4 * channels), gelu))),
    ]).flat();
  }

  override forward(tokens: Tensor): Tensor {
    let h = tokens;
    for (const layer of this.layers) {
      const next = segment([h], (h) => layer.call(h));
      if (h !== tokens) h.dispose();
      h = next;
    }
    return h;
  }
}

/** A layer after its norm, added to what came. */
class Layer extends Module {
  readonly 0: LayerNorm;
  readonly 1: Module<[Tensor]>;

  constructor(channels: number, layer: Module<[Tensor]>) {
    super();
    this[0] = new LayerNorm(channels);
    this[1] = layer;
  }

  override forward(tokens: Tensor): Tensor {
    return residual(tokens, this[0], (x) => this[1].call(x));
  }
}
