/** What others have released: configurations and checkpoints of CompVis, read into our types. @module */
export { type CompvisConfig, compvisConfig, readCompvisConfig } from "./compvis_config.ts";
export type {
  ReleasedCondition,
  ReleasedDiffusion,
  ReleasedEncoder,
  ReleasedRate,
  ReleasedSchedule,
} from "./compvis_diffusion.ts";
export type { ReleasedFirstStage, ReleasedLoss } from "./compvis_first_stage.ts";
export { type CheckpointParts, type PartNames, splitCheckpoint } from "./split.ts";
