/** All that is claimed of cases: what a case is compared in follows from what it holds. @module */
import type { Claim } from "../golden.ts";
import { denoisers } from "./denoiser.ts";
import { firstStages } from "./first_stage.ts";
import { firstStageTraining } from "./first_stage_training.ts";
import { perceptual } from "./lpips.ts";
import { denoiserTraining } from "./training.ts";

export { firstGeneratorStep } from "./first_stage_training.ts";

/** Each claim, in the order of the original's doing. */
export const claims: readonly Claim[] = [
  ...perceptual,
  ...firstStages,
  ...firstStageTraining,
  ...denoisers,
  ...denoiserTraining,
];
