import * as z from "zod";

/** Keys that say nothing about the networks or their training's mathematics: paths, logging, what runs it. */
const irrelevant = {
  model: ["ckpt_path", "ignore_keys", "monitor", "image_key", "colorize_nlabels", "log_every_t", "load_only_unet"],
  firstStage: ["batch_resize_range", "lr_g_factor", "sane_index_shape", "scheduler_config"],
  loss: ["pixelloss_weight", "n_classes"], // stored by the original and not used; for its log
  unet: ["image_size", "use_fp16", "legacy"], // `legacy` changes nothing where heads are given
  condition: ["key", "device"],
} as const;

function ignored<K extends string>(...lists: (readonly K[])[]): Record<K, z.ZodOptional<z.ZodUnknown>> {
  return Object.fromEntries(lists.flat().map((key) => [key, z.unknown().optional()])) as Record<
    K,
    z.ZodOptional<z.ZodUnknown>
  >;
}

const count = z.int().min(1).max(65536);
const weight = z.number();
const off = z.literal(false).default(false);
const on = z.literal(true).default(true);
const none = z.null().default(null);

/** Something that the original builds from a class and its parameters. */
function named<T extends string, P extends z.ZodType>(targets: readonly [T, ...T[]], params: P) {
  return z.strictObject({ target: z.enum(targets), params });
}

const coder = z.strictObject({
  ch: count,
  ch_mult: z.array(count).min(1).max(8),
  num_res_blocks: z.int().min(0).max(64),
  attn_resolutions: z.array(count),
  dropout: z.number().min(0).max(1).default(0),
  in_channels: count,
  out_ch: count,
  resolution: count,
  z_channels: count,
  double_z: z.boolean().default(true),
  attn_type: z.enum(["vanilla", "none"]).default("vanilla"),
  resamp_with_conv: on,
  use_linear_attn: off,
  give_pre_end: off,
  tanh_out: off,
}).superRefine(({ in_channels, out_ch }, context) => {
  if (in_channels === out_ch) return;
  context.addIssue({ code: "custom", path: ["out_ch"], message: `${in_channels}, as in_channels` });
});

const adversarial = {
  disc_start: z.int().min(0),
  disc_num_layers: z.int().min(1).max(16).default(3),
  disc_in_channels: count.default(3),
  disc_factor: weight.default(1),
  disc_weight: weight.default(1),
  perceptual_weight: weight.default(1),
  use_actnorm: z.boolean().default(false),
  disc_conditional: off,
  disc_loss: z.enum(["hinge", "vanilla"]).default("hinge"),
  ...ignored(irrelevant.loss),
};

const klLoss = named(
  ["ldm.modules.losses.LPIPSWithDiscriminator", "ldm.modules.losses.contperceptual.LPIPSWithDiscriminator"],
  z.strictObject({ ...adversarial, logvar_init: weight.default(0), kl_weight: weight.default(1) }),
);

const vqLoss = named(
  [
    "taming.modules.losses.vqperceptual.VQLPIPSWithDiscriminator",
    "ldm.modules.losses.vqperceptual.VQLPIPSWithDiscriminator",
  ],
  z.strictObject({
    ...adversarial,
    codebook_weight: weight.default(1),
    disc_ndf: count.default(64),
    perceptual_loss: z.literal("lpips").default("lpips"),
    pixel_loss: z.literal("l1").default("l1"),
  }),
);

const noLoss = named(
  ["torch.nn.Identity", "ldm.modules.losses.contperceptual.DummyLoss", "taming.modules.losses.vqperceptual.DummyLoss"],
  z.strictObject({}).optional(),
);

const autoencoder = {
  ddconfig: coder,
  embed_dim: count,
  ...ignored(irrelevant.model, irrelevant.firstStage),
};

const kl = named(
  ["ldm.models.autoencoder.AutoencoderKL"],
  z.strictObject({ ...autoencoder, lossconfig: z.discriminatedUnion("target", [klLoss, noLoss]) })
    .superRefine(({ ddconfig }, context) => {
      if (ddconfig.double_z) return;
      context.addIssue({ code: "custom", path: ["ddconfig", "double_z"], message: "true, for mean and variance" });
    }),
);

const vq = named(
  ["ldm.models.autoencoder.VQModel", "ldm.models.autoencoder.VQModelInterface"],
  z.strictObject({
    ...autoencoder,
    n_embed: z.int().min(1).max(1 << 24),
    lossconfig: z.discriminatedUnion("target", [vqLoss, noLoss]),
    remap: z.string().nullable().default(null), // a path; the list is in the checkpoint, too
    use_ema: z.boolean().default(false),
  }),
);

const identity = named(
  ["ldm.models.autoencoder.IdentityFirstStage"],
  z.strictObject(ignored(["vq_interface"])).optional(),
);

const unet = named(
  ["ldm.modules.diffusionmodules.openaimodel.UNetModel"],
  z.strictObject({
    in_channels: count,
    model_channels: count,
    out_channels: count,
    num_res_blocks: count.max(64),
    attention_resolutions: z.array(count),
    channel_mult: z.array(count).min(1).max(8).default([1, 2, 4, 8]),
    dropout: z.number().min(0).max(1).default(0),
    num_heads: z.int().default(-1),
    num_head_channels: z.int().default(-1),
    num_heads_upsample: z.int().default(-1),
    use_scale_shift_norm: z.boolean().default(false),
    resblock_updown: z.boolean().default(false),
    conv_resample: z.boolean().default(true),
    use_new_attention_order: z.boolean().default(false),
    use_checkpoint: z.boolean().default(false),
    use_spatial_transformer: z.boolean().default(false),
    use_linear_in_transformer: z.boolean().default(false),
    transformer_depth: count.max(64).default(1),
    context_dim: count.nullable().default(null),
    num_classes: count.nullable().default(null),
    dims: z.literal(2).default(2),
    n_embed: none,
    ...ignored(irrelevant.unet),
  }).superRefine(({ num_heads, num_head_channels, use_spatial_transformer, context_dim }, context) => {
    const issue = (path: string, message: string) => context.addIssue({ code: "custom", path: [path], message });
    if (num_heads < 1 && num_head_channels < 1) issue("num_heads", "a number of heads, or num_head_channels");
    if (use_spatial_transformer !== (context_dim !== null)) {
      issue("context_dim", "given with use_spatial_transformer, and only with it");
    }
  }),
);

const classes = named(
  ["ldm.modules.encoders.modules.ClassEmbedder"],
  z.strictObject({ embed_dim: count, n_classes: count.default(1000), ...ignored(irrelevant.condition) }),
);

const text = named(
  ["ldm.modules.encoders.modules.BERTEmbedder"],
  z.strictObject({
    n_embed: count,
    n_layer: count.max(256),
    vocab_size: z.int().min(1).max(1 << 24).default(30522),
    max_seq_len: count.default(77),
    use_tokenizer: z.boolean().default(true),
    embedding_dropout: z.number().min(0).max(1).default(0),
    ...ignored(irrelevant.condition),
  }),
);

const rescaler = named(
  ["ldm.modules.encoders.modules.SpatialRescaler"],
  z.strictObject({
    n_stages: z.int().min(0).max(16).default(1),
    method: z.enum(["nearest", "bilinear", "bicubic", "area"]).default("bilinear"),
    multiplier: z.number().positive().default(0.5),
    in_channels: count.default(3),
    out_channels: count.nullable().default(null),
    bias: z.boolean().default(false),
  }),
);

const passed = named(["torch.nn.Identity"], z.strictObject({}).optional());

const encoders = z.discriminatedUnion("target", [passed, classes, text, rescaler]);

const hybrid = named(
  ["ldm.modules.diffusionmodules.util.HybridConditioner"],
  z.strictObject({ c_concat_config: encoders, c_crossattn_config: encoders }),
);

/** What stands for a condition without an encoder of its own; the reader gives these strings the form of the others. */
const special = named(["__is_unconditional__", "__is_first_stage__"], z.undefined().optional());

const lists = z.array(z.number()).min(1);
const cycles = named(
  ["ldm.lr_scheduler.LambdaLinearScheduler", "ldm.lr_scheduler.LambdaWarmUpCosineScheduler2"],
  z.strictObject({
    warm_up_steps: lists,
    cycle_lengths: lists,
    f_start: lists,
    f_max: lists,
    f_min: lists,
    verbosity_interval: z.number().default(0),
  }),
);

const decay = named(
  ["ldm.lr_scheduler.LambdaWarmUpCosineScheduler"],
  z.strictObject({
    warm_up_steps: z.number(),
    max_decay_steps: z.number(),
    lr_start: z.number(),
    lr_max: z.number(),
    lr_min: z.number(),
    verbosity_interval: z.number().default(0),
  }),
);

const scheduler = z.discriminatedUnion("target", [cycles, decay]);

const pixels = {
  unet_config: unet,
  timesteps: count.default(1000),
  beta_schedule: z.enum(["linear", "cosine", "sqrt_linear", "sqrt"]).default("linear"),
  linear_start: z.number().default(1e-4),
  linear_end: z.number().default(2e-2),
  cosine_s: z.number().default(8e-3),
  given_betas: none,
  loss_type: z.enum(["l1", "l2"]).default("l2"),
  l_simple_weight: weight.default(1),
  original_elbo_weight: weight.default(0),
  v_posterior: weight.default(0),
  learn_logvar: z.boolean().default(false),
  logvar_init: weight.default(0),
  parameterization: z.enum(["eps", "x0"]).default("eps"),
  image_size: count.default(256),
  channels: count.default(3),
  first_stage_key: z.string().default("image"),
  clip_denoised: z.boolean().default(true),
  use_ema: z.boolean().default(true),
  use_positional_encodings: z.boolean().default(false), // stored by the original and not used
  scheduler_config: scheduler.optional(),
  ...ignored(irrelevant.model),
};

const ddpm = named(["ldm.models.diffusion.ddpm.DDPM"], z.strictObject(pixels));

const latent = named(
  ["ldm.models.diffusion.ddpm.LatentDiffusion"],
  z.strictObject({
    ...pixels,
    first_stage_config: z.discriminatedUnion("target", [kl, vq, identity]),
    cond_stage_config: z.discriminatedUnion("target", [special, passed, classes, text, rescaler, hybrid]),
    cond_stage_key: z.string().default("image"),
    cond_stage_trainable: z.boolean().default(false),
    cond_stage_forward: none,
    num_timesteps_cond: z.literal(1).default(1),
    concat_mode: z.boolean().default(true),
    conditioning_key: z.enum(["concat", "crossattn", "hybrid", "adm"]).nullable().default(null),
    scale_factor: z.number().default(1),
    scale_by_std: z.boolean().default(false),
  }),
);

const rate = { base_learning_rate: z.number().optional() };

/** A configuration as CompVis writes it; what is under `data` and `lightning` is not looked at. */
export const compvisSchema = z.object({
  model: z.discriminatedUnion("target", [
    kl.extend(rate),
    vq.extend(rate),
    identity.extend(rate),
    ddpm.extend(rate),
    latent.extend(rate),
  ]),
});

/** The classes that may stand at a place. */
const targetsOf = (...schemas: { shape: { target: { options: string[] } } }[]): string[] =>
  schemas.flatMap(({ shape: { target } }) => target.options);

/** The classes that are known, by where they stand. */
export const compvisTargets = {
  model: targetsOf(kl, vq, identity, ddpm, latent),
  first_stage_config: targetsOf(kl, vq, identity),
  cond_stage_config: targetsOf(special, passed, classes, text, rescaler, hybrid),
  c_concat_config: targetsOf(passed, classes, text, rescaler),
  c_crossattn_config: targetsOf(passed, classes, text, rescaler),
  unet_config: targetsOf(unet),
  lossconfig: targetsOf(klLoss, vqLoss, noLoss),
  scheduler_config: targetsOf(cycles, decay),
} satisfies Record<string, string[]>;

/** A checked configuration. */
export type CompvisYaml = z.output<typeof compvisSchema>["model"];
/** Parameters of a U-Net. */
export type UnetParams = z.output<typeof unet>["params"];
/** A class for the condition, and its parameters. */
export type ConditionYaml = z.output<typeof latent>["params"]["cond_stage_config"];
/** A class for the first stage, and its parameters. */
export type FirstStageYaml = z.output<typeof kl> | z.output<typeof vq> | z.output<typeof identity>;
/** Parameters of `ddconfig`. */
export type CoderParams = z.output<typeof coder>;
/** Loss of a first stage. */
export type LossYaml = z.output<typeof klLoss> | z.output<typeof vqLoss> | z.output<typeof noLoss>;
/** Parameters that diffusion on pixels and on latents share. */
export type DiffusionParams = z.output<typeof ddpm>["params"];
/** Parameters of diffusion on latents. */
export type LatentParams = z.output<typeof latent>["params"];
/** How the learning rate changes. */
export type SchedulerYaml = z.output<typeof scheduler>;
