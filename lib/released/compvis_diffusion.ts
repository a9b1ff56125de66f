import type { EncoderOptions, UnetOptions } from "../model/mod.ts";
import { firstStageOf, type ReleasedFirstStage } from "./compvis_first_stage.ts";
import type { ConditionYaml, DiffusionParams, LatentParams, SchedulerYaml, UnetParams } from "./compvis_schema.ts";

/** How noise grows, by the names of what is linear: √β, β, β², or a cosine for ᾱ. */
export type ReleasedSchedule =
  | { kind: "linear-sqrt" | "linear" | "sqrt"; steps: number; start: number; end: number }
  | { kind: "cosine"; steps: number; offset: number };

/** What makes a condition of a batch's data. */
export type ReleasedEncoder =
  | Exclude<EncoderOptions, { kind: "text" }>
  | Extract<EncoderOptions, { kind: "text" }> & {
    /** Whether it takes texts; else tokens. */
    tokenizer: boolean;
  };

/** The condition of a denoiser. */
export interface ReleasedCondition {
  /** Where it enters: appended to x, by attention, both, or added to the time embedding. */
  mode: "concat" | "crossattn" | "hybrid" | "adm";
  /** What makes it; the first stage, or one encoder for each way of `hybrid`. */
  encoder:
    | ReleasedEncoder
    | { kind: "first-stage" }
    | { kind: "hybrid"; concat: ReleasedEncoder; crossattn: ReleasedEncoder };
  /** What of a batch it is made of (`cond_stage_key`). */
  input: string;
  /** Whether the encoder is trained with the denoiser. */
  trained: boolean;
}

/** A factor of the learning rate by step: what `cycledRate` and a config's `optimizer.rate` take. */
export interface ReleasedRate {
  /** What the fall of each cycle is like. */
  kind: "linear" | "cosine";
  /** One after the other: steps of the rise and in all, the factor at the start, after the rise and at the end. */
  cycles: { warmup: number; length: number; start: number; most: number; least: number }[];
}

/** A diffusion model of a configuration. */
export interface ReleasedDiffusion {
  /** Told apart from a first stage by this. */
  kind: "diffusion";
  /** Images ↔ latents; the identity for diffusion on pixels. */
  firstStage: ReleasedFirstStage;
  /** The denoiser. */
  unet: UnetOptions;
  /** Whether it was trained with activations computed again on the way back. */
  recompute: boolean;
  /** Undefined for an unconditional model. */
  condition?: ReleasedCondition;
  /** How noise grows. */
  schedule: ReleasedSchedule;
  /** What the network predicts. */
  predict: "eps" | "x0";
  /** Whether sampling clamps x0 to [−1, 1], as on pixels. */
  clamped: boolean;
  /** Latents are multiplied by it; `first-batch` is 1/std of the first, and in the checkpoint. */
  latentScale: number | "first-batch";
  /** Side of x, and its channels without those of a condition. */
  size: number;
  /** Channels of x. */
  channels: number;
  /** Whether averaged weights stand beside the others. */
  ema: boolean;
  /** What it was trained with. */
  loss: {
    distance: "l1" | "l2";
    /** Of the mean distance. */
    simpleWeight: number;
    /** Of the variational bound. */
    boundWeight: number;
    /** Share of β in the posterior's variance. */
    posteriorBeta: number;
    /** Log-variance of each step. */
    logvar: { start: number; trained: boolean };
  };
  /** How the learning rate changes; undefined where it does not. */
  rate?: ReleasedRate;
}

/** Diffusion on latents. */
export function latentDiffusionOf(p: LatentParams): ReleasedDiffusion {
  const condition = conditionOf(p);
  return {
    ...commonOf(p),
    firstStage: firstStageOf(p.first_stage_config, p.channels),
    ...condition === undefined ? {} : { condition },
    clamped: false, // whatever is written: the original switches it off
    latentScale: p.scale_by_std ? "first-batch" : p.scale_factor,
  };
}

/** Diffusion on pixels by the original's class for that. */
export function pixelDiffusionOf(p: DiffusionParams): ReleasedDiffusion {
  const firstStage: ReleasedFirstStage = { kind: "identity", options: { imageChannels: p.channels } };
  return { ...commonOf(p), firstStage, clamped: p.clip_denoised, latentScale: 1 };
}

function commonOf(p: DiffusionParams): Omit<ReleasedDiffusion, "firstStage" | "clamped" | "latentScale"> {
  return {
    kind: "diffusion",
    unet: unetOf(p.unet_config.params),
    recompute: p.unet_config.params.use_checkpoint,
    schedule: scheduleOf(p),
    predict: p.parameterization,
    size: p.image_size,
    channels: p.channels,
    ema: p.use_ema,
    loss: {
      distance: p.loss_type,
      simpleWeight: p.l_simple_weight,
      boundWeight: p.original_elbo_weight,
      posteriorBeta: p.v_posterior,
      logvar: { start: p.logvar_init, trained: p.learn_logvar },
    },
    ...p.scheduler_config === undefined ? {} : { rate: rateOf(p.scheduler_config) },
  };
}

function unetOf(p: UnetParams): UnetOptions {
  return {
    inChannels: p.in_channels,
    outChannels: p.out_channels,
    modelChannels: p.model_channels,
    multipliers: p.channel_mult,
    residualBlocks: p.num_res_blocks,
    attentionFactors: p.attention_resolutions,
    heads: p.num_head_channels < 1 ? { count: p.num_heads } : { channels: p.num_head_channels },
    dropout: p.dropout,
    scaleShift: p.use_scale_shift_norm,
    residualResampling: p.resblock_updown,
    ...p.conv_resample || p.resblock_updown ? {} : { plainResampling: true },
    ...p.num_classes === null ? {} : { classes: p.num_classes },
    ...attentionOf(p),
  };
}

function attentionOf(p: UnetParams): Pick<UnetOptions, "headsUp" | "newAttentionOrder" | "transformer"> {
  if (p.context_dim !== null) { // with use_spatial_transformer, and only with it
    const linear = p.use_linear_in_transformer ? { linear: true } : {};
    return { transformer: { depth: p.transformer_depth, contextChannels: p.context_dim, ...linear } };
  }
  const { num_heads_upsample: up, num_head_channels: channels } = p;
  return {
    ...p.use_new_attention_order ? { newAttentionOrder: true } : {},
    ...up < 1 || up === p.num_heads || channels > 0 ? {} : { headsUp: up },
  };
}

function scheduleOf(p: DiffusionParams): ReleasedSchedule {
  const kinds = { linear: "linear-sqrt", sqrt_linear: "linear", sqrt: "sqrt" } as const; // by what they are, not by name
  if (p.beta_schedule === "cosine") return { kind: "cosine", steps: p.timesteps, offset: p.cosine_s };
  return { kind: kinds[p.beta_schedule], steps: p.timesteps, start: p.linear_start, end: p.linear_end };
}

function conditionOf(p: LatentParams): ReleasedCondition | undefined {
  const encoder = conditionEncoderOf(p.cond_stage_config);
  if (encoder === undefined) return undefined;
  const mode = p.conditioning_key ?? (p.concat_mode ? "concat" : "crossattn");
  return { mode, encoder, input: p.cond_stage_key, trained: p.cond_stage_trainable };
}

function conditionEncoderOf(yaml: ConditionYaml): ReleasedCondition["encoder"] | undefined {
  switch (yaml.target) {
    case "__is_unconditional__":
      return undefined;
    case "__is_first_stage__":
      return { kind: "first-stage" };
    case "ldm.modules.diffusionmodules.util.HybridConditioner": {
      const { c_concat_config: concat, c_crossattn_config: crossattn } = yaml.params;
      return { kind: "hybrid", concat: encoderOf(concat), crossattn: encoderOf(crossattn) };
    }
    default:
      return encoderOf(yaml);
  }
}

type EncoderYaml = Extract<ConditionYaml, { target: `${"torch" | "ldm.modules.encoders"}.${string}` }>;

function encoderOf({ target, params: p }: EncoderYaml): ReleasedEncoder {
  switch (target) {
    case "torch.nn.Identity":
      return { kind: "identity" };
    case "ldm.modules.encoders.modules.ClassEmbedder":
      return { kind: "class", classes: p.n_classes, channels: p.embed_dim };
    case "ldm.modules.encoders.modules.BERTEmbedder":
      return {
        kind: "text",
        channels: p.n_embed,
        layers: p.n_layer,
        vocabulary: p.vocab_size,
        length: p.max_seq_len,
        tokenizer: p.use_tokenizer,
        dropout: p.embedding_dropout,
        logits: true,
      };
    case "ldm.modules.encoders.modules.SpatialRescaler":
      return {
        kind: "rescale",
        stages: p.n_stages,
        method: p.method,
        factor: p.multiplier,
        inChannels: p.in_channels,
        ...p.out_channels === null ? {} : { outChannels: p.out_channels },
        bias: p.bias,
      };
  }
}

function rateOf({ target, params: p }: SchedulerYaml): ReleasedRate {
  if (target === "ldm.lr_scheduler.LambdaWarmUpCosineScheduler") {
    const { warm_up_steps: warmup, max_decay_steps: length, lr_start: start, lr_max: most, lr_min: least } = p;
    return { kind: "cosine", cycles: [{ warmup, length, start, most, least }] };
  }
  const kind = target === "ldm.lr_scheduler.LambdaLinearScheduler" ? "linear" : "cosine";
  const cycles = p.warm_up_steps.map((warmup, i) => ({
    warmup,
    length: p.cycle_lengths[i]!,
    start: p.f_start[i]!,
    most: p.f_max[i]!,
    least: p.f_min[i]!,
  }));
  return { kind, cycles };
}
