/** Training: one loop, the two steps that it runs, run folders. @module */
export { denoiseSchema, firstStageSchema } from "./config.ts";
export { configOfRun } from "./run_folder.ts";
export { describePlan, type TrainingPlan } from "./plan.ts";
export { type FirstStagePreset, firstStagePresets } from "./presets.ts";
export type { AutoencoderSettings, DiffusionSettings, TrainingSettings } from "./settings.ts";
export { planAutoencoder, planDiffusion, trainAutoencoder, trainDiffusion, type TrainOptions } from "./train.ts";
