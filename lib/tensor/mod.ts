/** Tensors: arrays on a device, with PyTorch's methods. @module */
export {
  armSignals,
  type CpuMemory,
  cpuMemory,
  deterministic,
  Handle,
  inferenceMode,
  keep,
  leaked,
  type LibtorchInfo,
  libtorchInfo,
  limitMemory,
  live,
  liveInProcess,
  releaseMemory,
  scope,
  synchronize,
  tf32,
  threads,
} from "../../ffi/mod.ts";
export * from "./tensor.ts";
export * from "./call.ts";
export * from "./device.ts";
export * from "./dtype.ts";
export * from "./generator.ts";
export * from "./methods.ts";
export * from "./modes.ts";
export * from "./noise.ts";
