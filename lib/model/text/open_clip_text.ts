import { Embedding, gelu, LayerNorm, Linear, Module, parameter } from "../../nn/mod.ts";
import type { Generator, Tensor } from "../../tensor/mod.ts";
import { fillFrozen } from "../features/frozen.ts";
import type { ClipTextOptions } from "./clip_text.ts";
import { attend, TextNetwork } from "./text_network.ts";

class Attention extends Module {
  readonly in_proj_weight: Tensor;
  readonly in_proj_bias: Tensor;
  readonly out_proj: Linear;

  constructor(width: number, private readonly heads: number) {
    super();
    this.in_proj_weight = parameter([3 * width, width]);
    this.in_proj_bias = parameter([3 * width]);
    this.out_proj = new Linear(width, width);
  }

  override reset(generator: Generator): void {
    this.in_proj_weight.normal_(0, this.in_proj_weight.shape[1]! ** -0.5, { generator });
    this.in_proj_bias.zero_();
  }

  override forward(x: Tensor): Tensor {
    const inputs = x.linear(this.in_proj_weight, this.in_proj_bias).chunk(3, 2);
    return this.out_proj.call(attend(inputs, { heads: this.heads, causal: true }));
  }
}

class Mlp extends Module {
  readonly c_fc: Linear;
  readonly c_proj: Linear;

  constructor(width: number) {
    super();
    this.c_fc = new Linear(width, 4 * width);
    this.c_proj = new Linear(4 * width, width);
  }

  override forward(x: Tensor): Tensor {
    return this.c_proj.call(gelu.call(this.c_fc.call(x)));
  }
}

class Block extends Module {
  readonly ln_1: LayerNorm;
  readonly attn: Attention;
  readonly ln_2: LayerNorm;
  readonly mlp: Mlp;

  constructor(width: number, heads: number) {
    super();
    this.ln_1 = new LayerNorm(width);
    this.attn = new Attention(width, heads);
    this.ln_2 = new LayerNorm(width);
    this.mlp = new Mlp(width);
  }

  override forward(x: Tensor): Tensor {
    const h = this.attn.call(this.ln_1.call(x)).add(x);
    return this.mlp.call(this.ln_2.call(h)).add(h);
  }
}

class Transformer extends Module {
  readonly resblocks: readonly Block[];

  constructor(width: number, layers: number, heads: number) {
    super();
    this.resblocks = Array.from({ length: layers }, () => new Block(width, heads));
  }

  override forward(x: Tensor): Tensor {
    return this.resblocks.reduce((h, block) => block.call(h), x);
  }
}

class Clip extends Module {
  readonly positional_embedding: Tensor;
  readonly transformer: Transformer;
  readonly token_embedding: Embedding;
  readonly ln_final: LayerNorm;

  constructor({ vocabulary, length, width, layers, heads }: Required<ClipTextOptions>) {
    super();
    this.positional_embedding = parameter([length, width]);
    this.transformer = new Transformer(width, layers, heads);
    this.token_embedding = new Embedding(vocabulary, width);
    this.ln_final = new LayerNorm(width);
  }

  override reset(generator: Generator): void {
    this.positional_embedding.normal_(0, 0.01, { generator });
  }

  override forward(ids: Tensor): Tensor {
    const h = this.token_embedding.call(ids).add_(this.positional_embedding.narrow(0, 0, ids.shape[1]!));
    return this.ln_final.call(this.transformer.call(h));
  }
}

/**
 * The text transformer of OpenCLIP (ViT-H/14) as Stable Diffusion 2 uses it: causal attention, padding read like other
 * tokens, the output of the last layer but one after the final norm. The last layer isn't there. Its tensors have the
 * names of those checkpoints after `cond_stage_model.`.
 */
export class OpenClipText extends TextNetwork {
  /** All of it. */
  readonly model: Module;
  readonly #layers: number;

  /**
   * The network, its weights yet to be loaded: {@linkcode loadWeights}. Sizes that are left out are ViT-H/14's: C 1024,
   * 16 heads, and 23 layers, the last left out.
   */
  constructor({ vocabulary = 49_408, length = 77, width = 1024, layers = 23, heads = 16 }: ClipTextOptions = {}) {
    super({ vocabulary, length, width });
    this.#layers = layers;
    this.model = new Clip({ vocabulary, length, width, layers, heads });
    this.requiresGrad_(false);
  }

  /** Padding is read like other tokens. */
  override get masked(): boolean {
    return false;
  }

  /** Tokens [B, L] → [B, L, C]. */
  override forward(ids: Tensor): Tensor {
    return this.model.call(ids);
  }

  /** Fills it from what a checkpoint of Stable Diffusion 2 has after `cond_stage_model.`; the last layer is passed over. */
  override loadWeights(weights: ReadonlyMap<string, Tensor>): this {
    const unused = new RegExp(
      `^model\\.(text_projection|logit_scale|attn_mask|transformer\\.resblocks\\.${this.#layers}\\.)`,
    );
    const own = [...weights].filter(([name]) => !unused.test(name));
    fillFrozen(this, new Map(own), "`cond_stage_model.model.…` of Stable Diffusion 2", "text encoder");
    return this;
  }
}
