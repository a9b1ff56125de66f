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
  releaseMemory,
  scope,
  synchronize,
  tf32,
  threads,
} from "../../ffi/mod.ts";
export * from "./tensor.ts";
export * from "./call.ts";
export * from "./device.ts";
export { type Device, type DType, dtypeNumber, elementBytes, type Layout, type MemoryFormat } from "./dtype.ts";
export * from "./generator.ts";
export * from "./methods.ts";
export * from "./modes.ts";
export { type Noise, type NoiseKind, noiseOf } from "./noise.ts";
