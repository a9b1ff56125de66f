import type { AutoencoderSettings } from "./settings.ts";

/** Names of the published first stages, by regularisation and downsampling factor. */
export type FirstStagePreset =
  | "kl-f4"
  | "kl-f8"
  | "kl-f16"
  | "kl-f32"
  | "vq-f4"
  | "vq-f4-noattn"
  | "vq-f8"
  | "vq-f8-n256"
  | "vq-f16";

/** As `configs/autoencoder` has it: batches of 12, two a step, at a rate of 4.5e-6 an image. */
const common = {
  size: 256,
  batchSize: 12,
  learningRate: 12 * 2 * 4.5e-6,
  perceptual: { network: "lpips-vgg", weight: 1 },
  optimizer: { accumulate: 2, betas: [0.5, 0.9], weightDecay: 0 },
} satisfies AutoencoderSettings;

/** Multipliers, latent channels and where there is attention. */
const kl = (
  f: 4 | 8 | 16 | 32,
  multipliers: number[],
  latentChannels: number,
  attentionResolutions: number[] = [],
): AutoencoderSettings => ({
  ...common,
  model: { f, multipliers, latentChannels, attentionResolutions },
  klWeight: 1e-6,
  adversary: { start: 50_001, weight: 0.5 },
});

const vq = (
  model: NonNullable<AutoencoderSettings["model"]>,
  adversary: NonNullable<AutoencoderSettings["adversary"]>,
): AutoencoderSettings => ({ ...common, model, adversary });

/**
 * Settings of the published first stages (tables 8 and 9 of the paper; `models/first_stage_models` and
 * `configs/autoencoder` of CompVis/latent-diffusion), to spread into those of a training:
 * `{ ...firstStagePresets["kl-f8"], data: "photos" }`. The perceptual network's weights come from `latent pull lpips-vgg`.
 */
export const firstStagePresets: Readonly<Record<FirstStagePreset, AutoencoderSettings>> = {
  "kl-f4": kl(4, [1, 2, 4], 3),
  "kl-f8": kl(8, [1, 2, 4, 4], 4),
  "kl-f16": kl(16, [1, 1, 2, 2, 4], 16, [16]),
  "kl-f32": kl(32, [1, 1, 2, 2, 4, 4], 64, [16, 8]),
  "vq-f4": vq({ f: 4, multipliers: [1, 2, 4], latentChannels: 3, codes: 8192 }, { start: 0, weight: 0.75 }),
  "vq-f4-noattn": vq(
    { f: 4, multipliers: [1, 2, 4], latentChannels: 3, codes: 8192, attention: false },
    { start: 11, weight: 0.75 },
  ),
  "vq-f8": vq(
    { f: 8, multipliers: [1, 2, 2, 4], latentChannels: 4, codes: 16_384, attentionResolutions: [32] },
    { start: 1, weight: 0.6, layers: 2 },
  ),
  "vq-f8-n256": vq(
    { f: 8, multipliers: [1, 2, 2, 4], latentChannels: 4, codes: 256, attentionResolutions: [32] },
    { start: 250_001, weight: 0.75 },
  ),
  "vq-f16": vq(
    { f: 16, multipliers: [1, 1, 2, 2, 4], latentChannels: 8, codes: 16_384, attentionResolutions: [16] },
    { start: 250_001, weight: 0.75, layers: 2 },
  ),
};
