import { setImmediate } from "node:timers/promises";
import type { WorkEvent } from "../base/mod.ts";
import { type Dataset, type Item, loader, shuffledPlace, type Skipped } from "../data/mod.ts";
import { imagesOf } from "../task/mod.ts";
import { cat, type Device, noGrad, scope, type Tensor, tensor } from "../tensor/mod.ts";
import type { TrainConfig } from "./config.ts";
import type { Trainee } from "./trainee.ts";

/** One batch as the trainee's loss takes it; the caller disposes of the tensor. */
export interface Input {
  /** Images [B, 3, S, S], or their features. */
  input: Tensor;
  /** Where the data order stands after it. */
  position: number;
}

/** What the inputs are made from. */
export interface SourceOptions {
  trainee: Trainee;
  config: TrainConfig;
  device: Device;
  onSkip?: (skipped: Skipped) => void;
}

/** Features of a whole set that are kept in memory: at most so many bytes. */
const keptBytes = 2 ** 31;

/** Inputs from the images, decoded ahead: in the training's order from `position` on, or once in file order. */
export async function* fromImages(
  items: readonly Item[],
  { trainee, config, device, onSkip }: SourceOptions,
  order: { position: number } | "file",
): AsyncGenerator<Input, void, undefined> {
  const { batchSize, size, seed, images: { crop, flip, workers } } = config;
  const place = order === "file" ? { order } as const : { ...order, seed, crop, flip };
  const threads = order === "file" ? 1 : workers;
  const options = { batchSize, size, ...place, ...threads && { workers: threads }, ...onSkip && { onSkip } };
  for await (const batch of loader(items, options)) {
    const images = imagesOf(batch, size, device);
    const features = trainee.features === undefined ? undefined : noGrad(() => trainee.features!(images));
    if (features !== undefined) images.dispose();
    yield { input: features ?? images, position: batch.position };
  }
}

/**
 * The features of every image of a set, [N, …], computed once in file order; undefined where they would differ from
 * epoch to epoch or need too much memory.
 */
export async function* keepFeatures(
  dataset: Dataset,
  options: SourceOptions,
): AsyncGenerator<WorkEvent, Tensor | undefined> {
  const { trainee, config: { images: { crop, flip } } } = options;
  if (trainee.features === undefined || crop !== "center" || flip) return undefined;
  const parts: Tensor[] = [];
  let done = 0;
  try {
    for await (const { input } of fromImages(dataset.train, options, "file")) {
      parts.push(input);
      done += input.shape[0]!;
      if (4 * input.numel / input.shape[0]! * dataset.train.length > keptBytes) return undefined;
      yield { type: "progress", label: "encode", done, total: dataset.train.length };
      await setImmediate();
    }
    return cat(parts);
  } finally {
    for (const part of parts) part.dispose();
  }
}

/** Inputs from kept features, in the same kind of order as {@linkcode fromImages}. */
export async function* fromFeatures(
  features: Tensor,
  { batchSize, seed }: TrainConfig,
  position: number,
): AsyncGenerator<Input, void, undefined> {
  const count = features.shape[0]!;
  for (let at = position;; at += batchSize) {
    const rows = Array.from({ length: batchSize }, (_, i) => shuffledPlace(at + i, count, seed).index);
    const input = scope(() => features.indexSelect(0, tensor(rows, { dtype: "int64", device: features.device })));
    yield { input, position: at + batchSize };
  }
}
