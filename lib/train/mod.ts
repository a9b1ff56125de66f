/** Training: one loop, the two steps that it runs, run folders. @module */
export {
  autoencoderSchema,
  type DenoiseConfig,
  denoiseSchema,
  type FirstStageConfig,
  firstStageSchema,
  unetSchema,
} from "./config.ts";
export { trainAutoencoder, trainDiffusion, type TrainOptions } from "./train.ts";
