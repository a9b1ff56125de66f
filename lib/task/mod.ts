/** Tasks: what a model is for, from its data to its pictures. @module */
export { type EvaluationOptions, type PairFigures } from "./evaluation.ts";
export * from "./evaluate_first_stage.ts";
export * from "./evaluate_images.ts";
export * from "./evaluate_pairs.ts";
export * from "./decode.ts";
export * from "./encode.ts";
export * from "./export.ts";
export * from "./feature_networks.ts";
export * from "./model.ts";
export * from "./pictures.ts";
export * from "./recipe.ts";
export * from "./reconstruct.ts";
export * from "./tiled.ts";
export * from "./unconditional.ts";
export * from "./known_models.ts";
