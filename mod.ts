/**
 * latent: latent diffusion (Rombach et al., 2022) over libtorch.
 *
 * 1. A **first stage** is a pair of functions, `encode: image → latent` and `decode: latent → image`.
 * 2. A **denoiser** is a function `(x, step) → {x0, eps}`: network, condition and parameterization are inside it.
 * 3. A **sampler** is a function `(denoiser, x, plan, noise) → async iterator of steps`; guidance wraps the denoiser.
 * 4. A **task** is data: which condition it takes, how a batch becomes one, which preset it defaults to.
 *
 * Errors are {@linkcode LatentError}s, long work is an async iterator of {@linkcode WorkEvent}s, and tensors are freed
 * by the {@linkcode scope} they were made in, by `using`, or by `dispose()`.
 *
 * @module
 */
export {
  cacheFolder,
  type Difference,
  type ErrorFields,
  LatentError,
  type WorkDone,
  type WorkEvent,
  type WorkFile,
  type WorkNote,
  type WorkProgress,
  type WorkStep,
  type WorkWarning,
} from "./lib/base/mod.ts";
export {
  type Batch,
  type CropOptions,
  type Dataset,
  type Emoji,
  emoji,
  type EmojiFact,
  emojiFolder,
  type EmojiOptions,
  fetchEmoji,
  type FetchEmojiOptions,
  type Filter,
  imageFolder,
  type ImageFolderOptions,
  type Item,
  loader,
  type LoaderOptions,
  type ReadOptions,
  type Skipped,
  splitByHash,
  type Unreadable,
} from "./lib/data/mod.ts";
export * from "./lib/diffusion/mod.ts";
export {
  type AtomicOptions,
  type FileLayer,
  type FileTensor,
  type LoadOptions,
  loadTensor,
  loadTensors,
  NpzFile,
  Opaque,
  openTensorFile,
  type PickledObject,
  type PickleValue,
  type ReadableFile,
  type SafeDtype,
  SafetensorsFile,
  type SafetensorsOptions,
  type StateTensor,
  type TensorEntry,
  type TensorFile,
  type TensorLayout,
  type TensorSource,
  tensorSources,
  type TensorView,
  TorchCheckpoint,
  TorchStorage,
  TorchTensor,
  type WritableFile,
  writeSafetensors,
} from "./lib/file/mod.ts";
export {
  composite,
  type Curve,
  decodeImage,
  encodePng,
  grid,
  type GridOptions,
  type Picture,
  plotCurves,
  type PlotOptions,
  readPngText,
  resize,
  type ResizeFilter,
} from "./lib/image/mod.ts";
export * from "./lib/metric/mod.ts";
export * from "./lib/model/mod.ts";
export * from "./lib/nn/mod.ts";
export * from "./lib/optim/mod.ts";
export * from "./lib/released/mod.ts";
export {
  type Compiler,
  type Complaint,
  doctor,
  type DoctorOptions,
  type DoctorReport,
  type Libtorch,
  type LibtorchOptions,
  type Looked,
  type NativeSources,
  renderDoctor,
  setup,
  type SetupOptions,
  type Shim,
  type Variant,
} from "./lib/setup/mod.ts";
export {
  decoded,
  type DenoiserSettings,
  gridOf,
  imagesOf,
  type LatentDiffusion,
  loadDiffusion,
  loadFirstStage,
  picturesOf,
  pngOf,
  type Recipe,
  recipeOf,
  recipeTexts,
  sample,
  type SampledBatch,
  type SampleOptions,
  saveDiffusion,
  saveFirstStage,
} from "./lib/task/mod.ts";
export * from "./lib/tensor/mod.ts";
export {
  type AutoencoderSettings,
  describePlan,
  type DiffusionSettings,
  planAutoencoder,
  planDiffusion,
  trainAutoencoder,
  trainDiffusion,
  type TrainingPlan,
  type TrainingSettings,
  type TrainOptions,
} from "./lib/train/mod.ts";
