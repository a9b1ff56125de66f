/** Files: safetensors, PyTorch's checkpoints, NumPy's archives, atomic writes, checkpoints of a run, locks. @module */
export { type AtomicOptions, removePartials, writeAtomic } from "./atomic.ts";
export {
  type CheckpointFile,
  type CheckpointOptions,
  type DamagedCheckpoint,
  type LatestCheckpoint,
  latestCheckpoint,
  listCheckpoints,
  recoverCheckpoints,
  writeCheckpoint,
} from "./checkpoints.ts";
export { disk } from "./disk.ts";
export { isSafeDtype, SAFE_DTYPES, type SafeDtype } from "./dtype.ts";
export type { TensorEntry, TensorLayout } from "./header.ts";
export type { FileLayer, ReadableFile, WritableFile } from "./layer.ts";
export { type FolderLock, lockFolder } from "./lock.ts";
export { NpzFile } from "./npz.ts";
export { openTensorFile } from "./open.ts";
export { Opaque, PickledObject, type PickleValue } from "./pickle_value.ts";
export { SafetensorsFile, type SafetensorsOptions, type TensorSource, writeSafetensors } from "./safetensors.ts";
export { type JsonValue, readState, type RunState, type SavedState, type StateTensor, writeState } from "./state.ts";
export { type LoadOptions, loadTensor, loadTensors, tensorSources } from "./tensors.ts";
export type { FileTensor, TensorFile, TensorView } from "./tensor_file.ts";
export { TorchCheckpoint } from "./torch_checkpoint.ts";
export { TorchStorage, TorchTensor } from "./torch_value.ts";
