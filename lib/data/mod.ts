/** Data: folders of images, the emoji set, the order of samples, and the loader that decodes ahead. @module */
export { chooseCut, type CropOptions, type Cut } from "./crop.ts";
export { type Dataset, type Item, splitByHash } from "./dataset.ts";
export { imageFolder, type ImageFolderOptions } from "./folder.ts";
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
export { type Batch, loader, type LoaderOptions, type Skipped } from "./loader.ts";
export { filePlace, permute, type Place, shuffledPlace } from "./order.ts";
export { type ReadOptions } from "./read.ts";
export { type Filter, resample, type Rgb } from "./resample.ts";
export { type Unreadable } from "./worker.ts";
export { type Emoji, emoji, type EmojiOptions } from "./emoji.ts";
export { type EmojiFact } from "./emojibase.ts";
export { emojiFolder, fetchEmoji, type FetchEmojiOptions } from "./fetch_emoji.ts";
