/** The boundary to the native shim: the only folder that knows of Deno.dlopen, pointers and handles. @module */
export * from "./autograd.ts";
export { callForTensor, callOperator, Operator } from "./call.ts";
export type { Argument, Plain, Result } from "./frame.ts";
export { Handle, keep, leaked, live, scope } from "./handle.ts";
export * from "./modes.ts";
export { operators } from "./operators.ts";
export * from "./process.ts";
export * from "./transfer.ts";
export * from "./locate.ts";
export * from "./shim.ts";
