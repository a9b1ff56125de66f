import { Embedding, gelu, LayerNorm, Linear, Module } from "../../nn/mod.ts";
import { scope, type Tensor } from "../../tensor/mod.ts";
import { fillFrozen } from "../features/frozen.ts";
import { attend, TextNetwork } from "./text_network.ts";

/** Sizes of {@linkcode MiniLm}; what is left out is all-MiniLM-L6-v2's. */
export interface MiniLmOptions {
  /** Tokens are integers below it. @default {30522} */
  vocabulary?: number;
  /** The most tokens, L. @default {512} */
  length?: number;
  /** Numbers for each token, C. @default {384} */
  width?: number;
  /** Layers of attention. @default {6} */
  layers?: number;
  /** Heads of attention; they divide C. @default {12} */
  heads?: number;
}

/** BERT adds more to the variance than float32 can tell from nothing, but not float64. */
const normEps = 1e-12;

class Embeddings extends Module {
  readonly word_embeddings: Embedding;
  readonly position_embeddings: Embedding;
  readonly token_type_embeddings: Embedding;
  readonly LayerNorm: LayerNorm;

  constructor(vocabulary: number, length: number, width: number) {
    super();
    this.word_embeddings = new Embedding(vocabulary, width);
    this.position_embeddings = new Embedding(length, width);
    this.token_type_embeddings = new Embedding(2, width);
    this.LayerNorm = new LayerNorm(width, normEps);
  }

  /** All tokens are of the first type: one text. */
  override forward(ids: Tensor): Tensor {
    const places = this.position_embeddings.weight.narrow(0, 0, ids.shape[1]!);
    const type = this.token_type_embeddings.weight.narrow(0, 0, 1);
    return this.LayerNorm.call(this.word_embeddings.call(ids).add_(places).add_(type));
  }
}

class SelfAttention extends Module<[Tensor, Tensor]> {
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;

  constructor(width: number, private readonly heads: number) {
    super();
    this.query = new Linear(width, width);
    this.key = new Linear(width, width);
    this.value = new Linear(width, width);
  }

  override forward(x: Tensor, mask: Tensor): Tensor {
    const inputs = [this.query, this.key, this.value].map((projection) => projection.call(x));
    return attend(inputs, { heads: this.heads, mask });
  }
}

/** A map, added to what came before it, then the norm. */
class Output extends Module<[Tensor, Tensor]> {
  readonly dense: Linear;
  readonly LayerNorm: LayerNorm;

  constructor(inFeatures: number, width: number) {
    super();
    this.dense = new Linear(inFeatures, width);
    this.LayerNorm = new LayerNorm(width, normEps);
  }

  override forward(h: Tensor, before: Tensor): Tensor {
    return this.LayerNorm.call(this.dense.call(h).add(before));
  }
}

class Attention extends Module<[Tensor, Tensor]> {
  readonly self: SelfAttention;
  readonly output: Output;

  constructor(width: number, heads: number) {
    super();
    this.self = new SelfAttention(width, heads);
    this.output = new Output(width, width);
  }

  override forward(x: Tensor, mask: Tensor): Tensor {
    return this.output.call(this.self.call(x, mask), x);
  }
}

class Intermediate extends Module {
  readonly dense: Linear;

  constructor(width: number) {
    super();
    this.dense = new Linear(width, 4 * width);
  }

  override forward(x: Tensor): Tensor {
    return gelu.call(this.dense.call(x));
  }
}

class BertLayer extends Module<[Tensor, Tensor]> {
  readonly attention: Attention;
  readonly intermediate: Intermediate;
  readonly output: Output;

  constructor(width: number, heads: number) {
    super();
    this.attention = new Attention(width, heads);
    this.intermediate = new Intermediate(width);
    this.output = new Output(4 * width, width);
  }

  override forward(x: Tensor, mask: Tensor): Tensor {
    const h = this.attention.call(x, mask);
    return this.output.call(this.intermediate.call(h), h);
  }
}

class Encoder extends Module<[Tensor, Tensor]> {
  readonly layer: readonly BertLayer[];

  constructor(width: number, layers: number, heads: number) {
    super();
    this.layer = Array.from({ length: layers }, () => new BertLayer(width, heads));
  }

  override forward(x: Tensor, mask: Tensor): Tensor {
    return this.layer.reduce((h, layer) => layer.call(h, mask), x);
  }
}

/**
 * all-MiniLM-L6-v2 (Wang et al. 2020; sentence-transformers), a BERT of six layers whose pooled output tells what a
 * sentence is about: {@linkcode sentences}. It was trained on at most 128 tokens. Its tensors have transformers' names.
 */
export class MiniLm extends TextNetwork {
  /** Words, places and the type of text, added and normalised. */
  readonly embeddings: Module;
  /** The layers. */
  readonly encoder: Module<[Tensor, Tensor]>;

  /** The network, its weights yet to be loaded: {@linkcode loadWeights}. */
  constructor({ vocabulary = 30_522, length = 512, width = 384, layers = 6, heads = 12 }: MiniLmOptions = {}) {
    super({ vocabulary, length, width });
    this.embeddings = new Embeddings(vocabulary, length, width);
    this.encoder = new Encoder(width, layers, heads);
    this.requiresGrad_(false);
  }

  /** Padding is not attended to. */
  override get masked(): boolean {
    return true;
  }

  /** Tokens [B, L] and where they are no padding [B, L] → [B, L, C]. */
  override forward(ids: Tensor, mask: Tensor): Tensor {
    return this.encoder.call(this.embeddings.call(ids), mask);
  }

  /** Fills it from `model.safetensors` as it is published; the pooler is passed over. */
  override loadWeights(weights: ReadonlyMap<string, Tensor>): this {
    const own = [...weights].filter(([name]) => !/^(pooler\.|embeddings\.position_ids$)/.test(name));
    fillFrozen(this, new Map(own), "all-MiniLM-L6-v2's model.safetensors", "text encoder");
    return this;
  }
}

/**
 * What sentences are about: {@linkcode MiniLm}'s outputs [B, L, C] and where they are no padding [B, L], bool, → [B, C],
 * the mean, of length 1. The product of two is the cosine of their angle.
 */
export function sentences(context: Tensor, mask: Tensor): Tensor {
  return scope(() => {
    const sum = context.mul(mask.unsqueeze(2)).sum([1]); // scaled as the mean is, which the length makes one
    return sum.div(sum.linalgVectorNorm(2, 1, true));
  });
}
