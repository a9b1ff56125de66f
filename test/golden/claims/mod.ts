/** All that is claimed of cases: what a case is compared in follows from what it holds. @module */
import type { Claim } from "../golden.ts";
import { type TableClaim, tableClaim } from "../tables.ts";
import { conditioners } from "./condition.ts";
import { degradations } from "./degradation.ts";
import { denoisers } from "./denoiser.ts";
import { firstStages } from "./first_stage.ts";
import { firstStageTraining } from "./first_stage_training.ts";
import { compareLayouts, type LayoutTable } from "./layout.ts";
import { patches } from "./patches.ts";
import { perceptual } from "./lpips.ts";
import { sampling } from "./sampling.ts";
import { schedules } from "./schedules.ts";
import { denoiserTraining } from "./training.ts";

export { firstGeneratorStep } from "./first_stage_training.ts";

/** Each claim, in the order of the original's doing. */
export const claims: readonly Claim[] = [
  ...degradations,
  ...perceptual,
  ...firstStages,
  ...firstStageTraining,
  ...conditioners,
  ...denoisers,
  ...sampling,
  ...patches,
  ...denoiserTraining,
];

/** Each claim about files of tables. */
export const tableClaims: readonly TableClaim[] = [
  ...schedules,
  tableClaim<LayoutTable>("tokens are the original's", ["configs", "coordinate_tokens", "items"], compareLayouts),
];
