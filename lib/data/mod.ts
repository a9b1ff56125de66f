/** Data: folders of images, the emoji set, the order of samples, and the loader that decodes ahead. @module */
export { type ClassFolderOptions, classFolders } from "./class_folders.ts";
export { coco, type CocoOptions } from "./coco.ts";
export { anisotropicKernel, type BlurKernel, convolve, isotropicKernel, shiftedKernel } from "./blur.ts";
export { chooseCut, type CropOptions, type Cut, type PlacedCut } from "./crop.ts";
export { type Dataset, type Item, type Part, splitByHash } from "./dataset.ts";
export { fileList, type FileListOptions } from "./file_list.ts";
export {
  chooseDegradation,
  type Degradation,
  type DegradationChain,
  degradations,
  type DegradationStep,
} from "./degradation.ts";
export { applyStep, degrade, type DegradeOptions } from "./degrade.ts";
export { imageFolder, type ImageFolderOptions } from "./folder.ts";
export { type DataFormat, type DataFormatOptions, dataFormats } from "./formats.ts";
export { imresize, interpolate, type Interpolation } from "./interpolate.ts";
export { jpegRoundTrip } from "./jpeg_round_trip.ts";
export { labelChannels, UNLABELLED, withLabelMaps } from "./label_map.ts";
export { areLatents, type LatentItem, LatentRows, openLatents } from "./latent_rows.ts";
export {
  type DataSplit,
  type LatentsHeader,
  latentsPath,
  listShards,
  readLatentsHeader,
  type Shard,
  shardMetadata,
  shardPath,
} from "./latents.ts";
export {
  type Box,
  type LayoutBox,
  layoutLength,
  type LayoutOptions,
  layoutTokens,
  type ReadLayout,
  readLayout,
  tokensOfCut,
  type View,
  viewOf,
} from "./layout.ts";
export { type Batch, loader, type LoaderOptions, type Skipped } from "./loader.ts";
export { type LayoutItem, type ObjectOptions } from "./objects.ts";
export { openImages } from "./open_images.ts";
export { parquet, type ParquetOptions } from "./parquet.ts";
export { webDataset, type WebDatasetOptions } from "./web_dataset.ts";
export { drawMask, holeShare, type MaskKind, maskKinds, masksOf, readMask, readMasks } from "./mask.ts";
export { filePlace, permute, type Place, shuffledPlace } from "./order.ts";
export {
  noiseCovariance,
  normalNoise,
  orthonormalBasis,
  type PictureNoise,
  poissonNoise,
  toUint8,
} from "./picture_noise.ts";
export { type ReadOptions } from "./read.ts";
export { type Filter, resample, type Rgb } from "./resample.ts";
export { type Unreadable } from "./worker.ts";
export { type Emoji, emoji, type EmojiOptions } from "./emoji.ts";
export { type EmojiFact } from "./emojibase.ts";
export { emojiFolder, fetchEmoji, type FetchEmojiOptions } from "./fetch_emoji.ts";
export { writeScenes, type WriteScenesOptions } from "./write_scenes.ts";
