/** Set-up: finds or fetches libtorch, compiles the shim, tells what is there. Beside the emoji the only part that reaches the network. @module */
export * from "./doctor.ts";
export type { Libtorch, Looked, Shim, Variant } from "../../ffi/mod.ts";
export type { Compiler } from "./compiler.ts";
export type { LibtorchOptions } from "./libtorch.ts";
export * from "./setup.ts";
export { hashSources, type NativeSources } from "./shim.ts";
export { nativeSources } from "./sources.ts";
export { fetchWeights, type FetchWeightsOptions } from "./weights.ts";
