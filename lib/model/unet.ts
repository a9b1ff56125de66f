import { Conv2d, Embedding, GroupNorm, Linear, Module, segment, Sequential, silu } from "../nn/mod.ts";
import { arange, cat, type Tensor } from "../tensor/mod.ts";
import { type Condition, wantCondition } from "./condition.ts";
import { StageBuilder } from "./unet_stages.ts";

/** The architecture of a denoiser (`unet_config` of the released configurations). */
export interface UnetOptions {
  /** Channels of x, with those of a concatenated condition. */
  inChannels: number;
  /** Channels of what is predicted: those of a latent. */
  outChannels: number;
  /** Channels at full resolution. */
  modelChannels: number;
  /** Factor of `modelChannels` at each resolution; the first is 1. */
  multipliers: readonly number[];
  /** Residual blocks a resolution on the way down; one more on the way up. */
  residualBlocks: number;
  /** Downsampling factors (1, 2, 4 …) that get attention; the middle always has it. */
  attentionFactors: readonly number[];
  /** Heads of attention: by number, or by the channels of each. */
  heads: { count: number } | { channels: number };
  /** Share of the features that residual blocks drop while training. */
  dropout: number;
  /** Scale and shift norms by the time embedding instead of adding it. */
  scaleShift: boolean;
  /** Change the resolution inside residual blocks instead of by a convolution. */
  residualResampling: boolean;
  /** Change it by pooling and repetition alone. @default {false} */
  plainResampling?: boolean;
  /** Heads of plain attention on the way up, where they are others. @default {those of heads} */
  headsUp?: number;
  /** Attention splits q, k and v before heads, where it is plain. @default {false} */
  newAttentionOrder?: boolean;
  /** Transformers, which attend to a context, in place of plain attention. */
  transformer?: {
    /** Blocks in each place. */
    depth: number;
    /** Channels of the context's tokens. */
    contextChannels: number;
    /** Project by linear maps, as Stable Diffusion 2 does, in place of convolutions. @default {false} */
    linear?: boolean;
  };
  /** Labels, the embedding of which is added to that of time. */
  classes?: number;
}

/** One position of a {@linkcode Unet}: x [B, C, h, w], time embedding [B, E], context → [B, C', h', w']. */
export type UnetStage = Module<[Tensor, Tensor, Tensor?]>;

/**
 * The U-Net (section 3.2; UNetModel, openaimodel.py): x [B, C, h, w], steps t [B] and a condition, where it takes one
 * → [B, C', h, w].
 */
export class Unet extends Module<[Tensor, Tensor, Condition?]> {
  /** Sinusoids of t [B, C] → time embedding [B, 4C], C being `modelChannels`. */
  readonly time_embed: Sequential;
  /** Labels [B] → [B, 4C], to be added to that. */
  readonly label_emb: Embedding | undefined;
  /** The way down: each stage's output is kept for the way up. */
  readonly input_blocks: readonly UnetStage[];
  /** Residual block, attention, residual block at the lowest resolution. */
  readonly middle_block: UnetStage;
  /** The way up: each stage takes what came before it and one kept output, joined by channels. */
  readonly output_blocks: readonly UnetStage[];
  /** Norm, activation and the convolution to `outChannels`, which begins at zero. */
  readonly out: Sequential;

  /** The network, its weights yet to be filled: by `initialise` or `loadStateDict`. */
  constructor(readonly options: UnetOptions) {
    super();
    const { modelChannels: base, multipliers, outChannels, classes } = options;
    const embeddingChannels = 4 * base;
    this.time_embed = new Sequential(
      new Linear(base, embeddingChannels),
      silu,
      new Linear(embeddingChannels, embeddingChannels),
    );
    this.label_emb = classes === undefined ? undefined : new Embedding(classes, embeddingChannels);
    const built = new StageBuilder(options, embeddingChannels);
    this.input_blocks = built.down();
    this.middle_block = built.middle();
    this.output_blocks = built.up();
    this.out = new Sequential(
      new GroupNorm(base * multipliers[0]!),
      silu,
      new Conv2d(base, outChannels, 3, { padding: 1 }).zeroed(),
    );
  }

  /**
   * x [B, C, h, w], steps [B] and the condition → prediction [B, C', h, w]; h and w are multiples of
   * 2^(resolutions − 1).
   *
   * @throws LatentError `condition.shape` where the condition is another than the options say
   */
  override forward(x: Tensor, t: Tensor, condition: Condition = {}): Tensor {
    this.#want(x, condition);
    const { concat, context, classes } = condition;
    const emb = this.#embedding(t, classes);
    const skips: Tensor[] = [];
    let h = (concat === undefined ? x : cat([x, concat], 1)).contiguous({ memoryFormat: "channels_last" });
    for (const stage of this.input_blocks) {
      skips.push(h = segment([h, emb, context], (h, emb, context) => stage.call(h, emb, context)));
    }
    h = segment([h, emb, context], (h, emb, context) => this.middle_block.call(h, emb, context));
    for (const stage of this.output_blocks) {
      using skip = skips.pop()!;
      using before = h;
      h = segment([before, skip, emb, context], (h, skip, emb, context) => {
        using joined = cat([h, skip], 1);
        h.dispose();
        skip.dispose();
        return stage.call(joined, emb, context);
      });
    }
    return this.out.call(h);
  }

  #embedding(t: Tensor, classes?: Tensor): Tensor {
    const time = this.time_embed.call(timestepEmbedding(t, this.options.modelChannels));
    return classes === undefined ? time : time.add(this.label_emb!.call(classes));
  }

  #want({ shape }: Tensor, condition: Condition): void {
    const { inChannels, transformer, classes } = this.options;
    const [b, c, h, w] = shape as [number, number, number, number];
    wantCondition(condition, {
      concat: c < inChannels ? [b, inChannels - c, h, w] : undefined,
      context: transformer && [b, -1, transformer.contextChannels],
      classes: classes === undefined ? undefined : [b],
    });
  }
}

/**
 * Sinusoidal embedding of steps [B] → [B, D]: cosines first, frequencies exp(−ln 10000 · i / (D/2))
 * (timestep_embedding, diffusionmodules/util.py).
 */
export function timestepEmbedding(t: Tensor, channels: number): Tensor {
  const half = Math.floor(channels / 2);
  const frequencies = arange(0, half, 1, { device: t.device }).mul(-Math.log(10000)).div(half).exp();
  const angles = t.to({ dtype: "float32" }).unsqueeze(1).mul(frequencies.unsqueeze(0));
  return cat([angles.cos(), angles.sin()], 1);
}
