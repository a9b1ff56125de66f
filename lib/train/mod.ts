/** Training: one loop, the two steps that it runs, run folders. @module */
export {
  autoencoderSchema,
  type DenoiseConfig,
  denoiseSchema,
  type FirstStageConfig,
  firstStageSchema,
  unetSchema,
} from "./config.ts";
export { configOfRun } from "./run_folder.ts";
export { describePlan, type TrainingPlan } from "./plan.ts";
export { planAutoencoder, planDiffusion, trainAutoencoder, trainDiffusion, type TrainOptions } from "./train.ts";
