/** Tasks: what a model is for, from its data to its pictures. @module */
export * from "./model.ts";
export * from "./pictures.ts";
export * from "./recipe.ts";
export * from "./unconditional.ts";
export * from "./known_models.ts";
