import { Embedding, type Layer, LayerNorm, Linear, Module } from "../../nn/mod.ts";
import type { Tensor } from "../../tensor/mod.ts";
import { fillFrozen } from "../features/frozen.ts";
import { attend, TextNetwork } from "./text_network.ts";

/** Sizes of {@linkcode ClipText}; what is left out is ViT-L/14's. */
export interface ClipTextOptions {
  /** Tokens are integers below it. @default {49408} */
  vocabulary?: number;
  /** The most tokens, L. @default {77} */
  length?: number;
  /** Numbers for each token, C. @default {768} */
  width?: number;
  /** Layers of attention. @default {12} */
  layers?: number;
  /** Heads of attention; they divide C. @default {12} */
  heads?: number;
}

/** x·sigmoid(1.702x), CLIP's approximation of GELU. */
const quickGelu: Layer = { call: (x) => x.mul(1.702).sigmoid().mul_(x) };

class Embeddings extends Module {
  readonly token_embedding: Embedding;
  readonly position_embedding: Embedding;

  constructor(vocabulary: number, length: number, width: number) {
    super();
    this.token_embedding = new Embedding(vocabulary, width);
    this.position_embedding = new Embedding(length, width);
  }

  override forward(ids: Tensor): Tensor {
    return this.token_embedding.call(ids).add_(this.position_embedding.weight.narrow(0, 0, ids.shape[1]!));
  }
}

class SelfAttention extends Module {
  readonly k_proj: Linear;
  readonly v_proj: Linear;
  readonly q_proj: Linear;
  readonly out_proj: Linear;

  constructor(width: number, private readonly heads: number) {
    super();
    this.k_proj = new Linear(width, width);
    this.v_proj = new Linear(width, width);
    this.q_proj = new Linear(width, width);
    this.out_proj = new Linear(width, width);
  }

  override forward(x: Tensor): Tensor {
    const inputs = [this.q_proj, this.k_proj, this.v_proj].map((projection) => projection.call(x));
    return this.out_proj.call(attend(inputs, { heads: this.heads, causal: true }));
  }
}

class Mlp extends Module {
  readonly fc1: Linear;
  readonly fc2: Linear;

  constructor(width: number) {
    super();
    this.fc1 = new Linear(width, 4 * width);
    this.fc2 = new Linear(4 * width, width);
  }

  override forward(x: Tensor): Tensor {
    return this.fc2.call(quickGelu.call(this.fc1.call(x)));
  }
}

class EncoderLayer extends Module {
  readonly self_attn: SelfAttention;
  readonly layer_norm1: LayerNorm;
  readonly mlp: Mlp;
  readonly layer_norm2: LayerNorm;

  constructor(width: number, heads: number) {
    super();
    this.self_attn = new SelfAttention(width, heads);
    this.layer_norm1 = new LayerNorm(width);
    this.mlp = new Mlp(width);
    this.layer_norm2 = new LayerNorm(width);
  }

  override forward(x: Tensor): Tensor {
    const h = this.self_attn.call(this.layer_norm1.call(x)).add(x);
    return this.mlp.call(this.layer_norm2.call(h)).add(h);
  }
}

class Encoder extends Module {
  readonly layers: readonly EncoderLayer[];

  constructor(width: number, layers: number, heads: number) {
    super();
    this.layers = Array.from({ length: layers }, () => new EncoderLayer(width, heads));
  }

  override forward(x: Tensor): Tensor {
    return this.layers.reduce((h, layer) => layer.call(h), x);
  }
}

class TextModel extends Module {
  readonly embeddings: Embeddings;
  readonly encoder: Encoder;
  readonly final_layer_norm: LayerNorm;

  constructor({ vocabulary, length, width, layers, heads }: Required<ClipTextOptions>) {
    super();
    this.embeddings = new Embeddings(vocabulary, length, width);
    this.encoder = new Encoder(width, layers, heads);
    this.final_layer_norm = new LayerNorm(width);
  }

  override forward(ids: Tensor): Tensor {
    return this.final_layer_norm.call(this.encoder.call(this.embeddings.call(ids)));
  }
}

class Transformer extends Module {
  readonly text_model: TextModel;

  constructor(options: Required<ClipTextOptions>) {
    super();
    this.text_model = new TextModel(options);
  }

  override forward(ids: Tensor): Tensor {
    return this.text_model.call(ids);
  }
}

/**
 * The text transformer of CLIP (Radford et al. 2021) as Stable Diffusion 1 uses it: causal attention, padding read like
 * other tokens, the last layer's output after the final norm. Its tensors have the names of those checkpoints after
 * `cond_stage_model.`, which are transformers' CLIPTextModel's after `transformer.`.
 */
export class ClipText extends TextNetwork {
  /** All of it. */
  readonly transformer: Module;

  /** The network, its weights yet to be loaded: {@linkcode loadWeights}. */
  constructor({ vocabulary = 49_408, length = 77, width = 768, layers = 12, heads = 12 }: ClipTextOptions = {}) {
    super({ vocabulary, length, width });
    this.transformer = new Transformer({ vocabulary, length, width, layers, heads });
    this.requiresGrad_(false);
  }

  /** Padding is read like other tokens. */
  override get masked(): boolean {
    return false;
  }

  /** Tokens [B, L] → [B, L, C]. */
  override forward(ids: Tensor): Tensor {
    return this.transformer.call(ids);
  }

  /** Fills it from what a checkpoint of Stable Diffusion 1 has after `cond_stage_model.`. */
  override loadWeights(weights: ReadonlyMap<string, Tensor>): this {
    const own = [...weights].filter(([name]) => !name.endsWith(".position_ids"));
    fillFrozen(this, new Map(own), "`cond_stage_model.transformer.…` of Stable Diffusion 1", "text encoder");
    return this;
  }
}
