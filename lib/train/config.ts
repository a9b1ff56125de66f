import * as z from "zod";
import { perceptualNames } from "../task/mod.ts";
import type { AutoencoderOptions, AutoencoderVQOptions, UnetOptions } from "../model/mod.ts";

/** Factor → multipliers of the published first stages (table 8 of the paper; f = 2 after its pattern). */
const multipliersOf: Record<number, number[]> = {
  2: [1, 2],
  4: [1, 2, 4],
  8: [1, 2, 4, 4],
  16: [1, 1, 2, 2, 4],
  32: [1, 1, 2, 2, 4, 4],
};

const positive = z.int().min(1);

/** Which pictures, and how one becomes a training image. */
const pictures = {
  data: z.string().default("emoji").describe("A folder of images, or `emoji`.").meta({
    placeholder: "FOLDER",
    complete: "folder",
  }),
  size: positive.max(4096).default(64).describe("Side of the training images, pixels."),
  images: z.strictObject({
    crop: z.enum(["center", "random"]).default("center").describe("Which part of a picture that is not square."),
    flip: z.boolean().default(false).describe("Mirror half of the images."),
    background: z.enum(["white", "random"]).default("white").describe(
      "Behind transparent pictures; at random each time another colour.",
    ),
    classes: z.array(z.string()).min(1).optional().describe("Only these: subfolders of a folder, groups of the emoji."),
    validation: z.number().min(0).max(0.9).default(0.05).describe(
      "Share of a folder kept out of training (emoji: a fixed tenth).",
    ),
    workers: z.int().min(1).max(64).optional().describe("Threads that decode."),
  }).prefault({}),
};

/** How long, how fast, where, and what is kept. */
const optimisation = {
  batchSize: positive.default(16).describe("Images of one forward pass."),
  steps: positive.default(100_000).describe("Optimiser steps."),
  minutes: z.number().positive().optional().describe("Stop after this time, even before the steps are done."),
  learningRate: z.number().positive().default(1e-4).describe("Of an optimiser step; used as written."),
  precision: z.enum(["float32", "bfloat16"]).default("float32").describe("Of matrix products and convolutions."),
  seed: z.int().min(0).default(0).describe("Of weights, order and noise."),
  device: z.string().default("auto").describe("cpu, cuda, cuda:1, or auto."),
  threads: z.int().min(0).max(1024).default(0).describe("Threads of one operator; 0 is libtorch's choice."),
  optimizer: z.strictObject({
    accumulate: positive.default(1).describe("Batches of one optimiser step."),
    warmup: z.int().min(0).default(0).describe("Steps over which the learning rate rises from 0."),
    cosine: positive.optional().describe(
      "Step at which the learning rate has fallen to 0 along a cosine; else it stays.",
    ),
    rate: z.strictObject({
      kind: z.enum(["linear", "cosine"]).default("linear").describe("Along what the rate falls."),
      cycles: z.array(z.strictObject({
        warmup: z.int().min(0),
        length: positive,
        start: z.number().min(0),
        most: z.number().min(0),
        least: z.number().min(0),
      })).min(1).describe("Steps of a rise and in all, and the rate's factor at first, after the rise and at the end."),
    }).optional().describe("Rises and falls of the learning rate, in place of warmup and cosine."),
    clip: z.number().positive().default(1).describe("Largest norm of all gradients together."),
    betas: z.tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)]).default([0.9, 0.999]).describe(
      "How much of the old the averages of gradients and of their squares keep.",
    ),
    weightDecay: z.number().min(0).default(0.01).describe("AdamW's decoupled weight decay."),
    recompute: z.boolean().default(false).describe(
      "Compute activations again on the way back: less memory, more time.",
    ),
    emaDecay: z.number().min(0).max(1).default(0.9999).describe("Of the averaged weights, which are the ones used."),
  }).superRefine(({ warmup, cosine, rate }, context) => {
    const issue = (path: string, message: string) => context.addIssue({ code: "custom", path: [path], message });
    if (cosine !== undefined && cosine <= warmup) issue("cosine", `more than the ${warmup} steps of warmup`);
    if (rate !== undefined && (warmup > 0 || cosine !== undefined)) issue("rate", "nothing beside warmup and cosine");
  }).prefault({}),
  every: z.strictObject({
    validate: positive.default(500).describe("Steps between validation losses."),
    sample: positive.default(1000).describe("Steps between sample grids."),
    checkpoint: positive.default(500).describe("Steps between checkpoints."),
    keep: positive.optional().describe("Steps of which the checkpoints are kept for good."),
  }).prefault({}),
};

/** The architecture of a first stage, as it is written in a config. */
export const autoencoderSchema = z.strictObject({
  f: z.literal([2, 4, 8, 16, 32]).default(4).describe("Downsampling factor."),
  channels: z.int().min(32).multipleOf(32).default(128).describe("Channels at full resolution."),
  multipliers: z.array(positive).min(1).optional().describe(
    "Factor of the channels at each resolution; the paper's for f unless given.",
  ),
  residualBlocks: z.int().min(0).default(2).describe("Residual blocks a resolution."),
  attentionResolutions: z.array(positive).default([]).describe(
    "Feature-map sizes with attention, at size `resolution`.",
  ),
  attention: z.boolean().default(true).describe("Whether the middle has attention."),
  resolution: positive.default(256).describe("Nominal image size that attentionResolutions refer to."),
  latentChannels: positive.default(4).describe("Channels of the latent."),
  codes: positive.max(2 ** 24).optional().describe("Size of the codebook; without one the latent is a Gaussian's."),
  dropout: z.number().min(0).max(0.9).default(0).describe("Share of activations set to 0 in training."),
}).superRefine(({ f, multipliers }, context) => {
  if (multipliers === undefined || 2 ** (multipliers.length - 1) === f) return;
  context.addIssue({ code: "custom", path: ["multipliers"], message: `${Math.log2(f) + 1} numbers, for f = ${f}` });
});

/** The networks that a config's `model` describes. @param codebook what the codebook's loss is made with */
export function autoencoderOptions(
  model: z.output<typeof autoencoderSchema>,
  codebook: { beta?: number } = {},
): AutoencoderOptions | AutoencoderVQOptions {
  const { f, multipliers = multipliersOf[f]!, latentChannels, codes, ...rest } = model;
  const options = { ...rest, multipliers, latentChannels, embedChannels: latentChannels, imageChannels: 3 };
  if (codes === undefined) return { ...options, doubleLatent: true };
  return { ...options, doubleLatent: false, codebook: { codes, ...codebook } };
}

/** The architecture of a denoiser, as it is written in a config. */
export const unetSchema = z.strictObject({
  channels: z.int().min(32).multipleOf(32).default(128).describe("Channels at full resolution."),
  multipliers: z.array(positive).min(1).default([1, 2, 4]).describe("Factor of the channels at each resolution."),
  residualBlocks: positive.default(2).describe("Residual blocks a resolution."),
  attentionFactors: z.array(positive).default([2, 4]).describe("Downsampling factors with attention."),
  headChannels: positive.default(32).describe("Channels of one attention head."),
  dropout: z.number().min(0).max(0.9).default(0).describe("Share of activations set to 0 in training."),
  scaleShift: z.boolean().default(false).describe("Scale and shift norms by the time embedding."),
  residualResampling: z.boolean().default(false).describe("Change the resolution inside residual blocks."),
}).superRefine(({ channels, multipliers, attentionFactors, headChannels }, context) => {
  const issue = (path: string, message: string) => context.addIssue({ code: "custom", path: [path], message });
  if (multipliers[0] !== 1) issue("multipliers", "a list that begins with 1");
  const attended = multipliers.filter((_, i) => attentionFactors.includes(2 ** i) || i === multipliers.length - 1);
  const odd = attended.find((multiplier) => channels * multiplier % headChannels !== 0);
  if (odd !== undefined) {
    issue("headChannels", `a divisor of ${channels * odd}, the channels of a layer with attention`);
  }
});

/** The network that a config's `model` describes, for latents of so many channels. */
export function unetOptions(model: z.output<typeof unetSchema>, latentChannels: number): UnetOptions {
  const { channels, headChannels, ...rest } = model;
  const heads = { channels: headChannels };
  return { ...rest, modelChannels: channels, heads, inChannels: latentChannels, outChannels: latentChannels };
}

/** Settings of `latent train autoencoder`. */
export const firstStageSchema = z.strictObject({
  ...pictures,
  model: autoencoderSchema.prefault({}),
  klWeight: z.number().min(0).default(1e-6).describe("Weight of the KL divergence."),
  logvar: z.strictObject({
    start: z.number().default(0).describe("Log-variance of what is observed, at the start."),
    learn: z.boolean().default(false).describe("Learn it; the original leaves it where it starts."),
  }).prefault({}),
  codebook: z.strictObject({
    weight: z.number().min(0).default(1).describe("Weight of the codebook's loss."),
    beta: z.number().min(0).default(0.25).describe("Weight of the codes' part in it."),
    reviveAfter: positive.optional().describe("Steps without use after which a code is drawn anew; else never."),
  }).prefault({}),
  perceptual: z.strictObject({
    network: z.enum(perceptualNames).default("lpips-vgg").describe(
      "Whose features are compared.",
    ),
    weight: z.number().positive().default(1).describe("Weight of the perceptual distance."),
    weights: z.string().min(1).optional().describe(
      "Folder of the network's weights; else where `latent pull` puts them.",
    )
      .meta({ placeholder: "FOLDER", complete: "folder" }),
  }).optional().describe("A perceptual distance is added to that of the pixels."),
  adversary: z.strictObject({
    start: z.int().min(0).default(0).describe("Steps without it."),
    weight: z.number().positive().default(0.5).describe("Weight of its loss, on top of the adaptive one."),
    learningRate: z.number().positive().optional().describe("Of its optimiser; the first stage's unless given."),
    loss: z.enum(["hinge", "vanilla"]).default("hinge").describe("How it tells images from reconstructions."),
    channels: positive.default(64).describe("Channels after its first convolution."),
    layers: positive.max(8).default(3).describe("Convolutions before its last two."),
    actNorm: z.boolean().default(false).describe("Norms that are fitted to the first batch, not to every batch."),
  }).optional().describe("A patch discriminator is trained against the first stage."),
  ...optimisation,
});

/** Settings of `latent train diffusion`. */
export const denoiseSchema = z.strictObject({
  firstStage: z.string().min(1).describe("Run folder or model file of the autoencoder; `pixels` for none.").meta({
    placeholder: "PATH",
    complete: "file",
  }),
  latents: z.string().min(1).optional().describe(
    "Folder of `latent encode` to learn from, in place of data, size and images.",
  ).meta({ placeholder: "FOLDER", complete: "folder" }),
  ...pictures,
  model: unetSchema.prefault({}),
  schedule: z.strictObject({
    kind: z.enum(["linear-sqrt", "linear", "sqrt", "cosine"]).default("linear-sqrt").describe(
      "What grows evenly: √β, β, β², or the angle whose squared cosine is ᾱ.",
    ),
    steps: positive.default(1000).describe("Number of noise levels T."),
    start: z.number().positive().max(0.999).default(0.0015).describe("β of the first step; not of `cosine`."),
    end: z.number().positive().max(0.999).default(0.0195).describe("β of the last; not of `cosine`."),
    offset: z.number().min(0).max(1).default(0.008).describe("What the angle of `cosine` begins with."),
    zeroTerminalSnr: z.boolean().default(false).describe("Leave nothing of the signal at the last step."),
  }).prefault({}).describe("How noise grows."),
  objective: z.strictObject({
    predict: z.enum(["eps", "x0", "v"]).default("eps").describe("What the network predicts."),
    loss: z.enum(["l1", "l2"]).default("l2").describe("Absolute or squared difference."),
    simpleWeight: z.number().min(0).default(1).describe("Weight of the mean error."),
    boundWeight: z.number().min(0).default(0).describe("Weight of the variational bound."),
    posteriorBeta: z.number().min(0).max(1).default(0).describe(
      "Share of β in the posterior's variance, for the bound.",
    ),
    minSnr: z.number().positive().optional().describe("Largest weight γ that a step has by its signal-to-noise ratio."),
    logvar: z.strictObject({
      start: z.number().default(0).describe("Log-variance of the error at every step, at the start."),
      learn: z.boolean().default(false).describe("Learn it, for each step."),
    }).prefault({}),
    latentScale: z.union([z.literal("first-batch"), z.number().positive()]).default("first-batch")
      .describe("What latents are multiplied by: 1/std of the first batch, or a number."),
    sampleSteps: positive.default(50).describe("DDIM steps of the sample grids."),
  }).prefault({}),
  ...optimisation,
}).superRefine(({ schedule, objective }, context) => {
  if (!schedule.zeroTerminalSnr || objective.predict !== "eps") return;
  context.addIssue({ code: "custom", path: ["objective", "predict"], message: "v or x0: noise alone tells no signal" });
});

/** A checked config of a first stage's training. */
export type FirstStageConfig = z.output<typeof firstStageSchema>;

/** A checked config of a denoiser's training. */
export type DenoiseConfig = z.output<typeof denoiseSchema>;

const _common = z.strictObject({ ...pictures, ...optimisation });

/** What all trainings share. */
export type TrainConfig = z.output<typeof _common>;

/** Settings that a resumed run may change: they do not alter what is learned. */
export const changeable: readonly string[] = [
  "steps",
  "minutes",
  "device",
  "threads",
  "data",
  "firstStage",
  "latents",
  "optimizer.recompute",
  "images.workers",
  "perceptual.weights",
  "every.validate",
  "every.sample",
  "every.checkpoint",
  "every.keep",
];
