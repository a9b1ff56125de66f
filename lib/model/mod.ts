/** Networks: first stages with their losses, and the denoiser. @module */
export {
  type AdversarialOptions,
  type Discriminator,
  discriminatorLoss,
  type FirstStageLoss,
  type Reconstruction,
} from "./adversarial.ts";
export * from "./autoencoder.ts";
export * from "./codebook.ts";
export * from "./codebook_usage.ts";
export type { CoderOptions } from "./coder.ts";
export type { Condition } from "./condition.ts";
export * from "./conditioners.ts";
export * from "./discriminator.ts";
export { type FirstStage, IdentityFirstStage, type IdentityOptions } from "./first_stage.ts";
export * from "./first_stage_loss.ts";
export * from "./features/mod.ts";
export * from "./text/mod.ts";
export * from "./text_transformer.ts";
export * from "./unet.ts";
