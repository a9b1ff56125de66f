/** Modules: parameters by name, layers, initialisation. @module */
export * from "./layers.ts";
export * from "./module.ts";
export * from "./norm.ts";
export * from "./init.ts";
export { segment, Tape } from "./recompute.ts";
