import { setImmediate } from "node:timers/promises";
import { LatentError, type WorkEvent } from "../base/mod.ts";
import {
  areLatents,
  chooseCut,
  filePlace,
  type Item,
  type LatentItem,
  LatentRows,
  loader,
  shuffledPlace,
  type Skipped,
} from "../data/mod.ts";
import { imagesOf } from "../task/mod.ts";
import { cat, noGrad, scope, type Tensor, tensor, zeros } from "../tensor/mod.ts";
import type { TrainConfig } from "./config.ts";
import { aborted, type Run } from "./run.ts";

/** One batch as the trainee's loss takes it; the caller disposes of the tensor. */
export interface Input {
  /** Images [B, 3, S, S], or their features. */
  input: Tensor;
  /** Where the data order stands after it. */
  position: number;
}

/** Features of a whole set that are kept in memory: at most so many bytes. */
const keptBytes = 2 ** 31;

const inFileOrder = { order: "file", workers: 1 } as const;

/** Inputs of a data set: in the training's order from `position` on, or once in file order. */
export function inputsOf(
  items: readonly Item[],
  run: Run,
  order: { position: number } | "file",
): AsyncGenerator<Input, void, undefined> {
  return areLatents(items) ? fromLatents(items, run, order) : fromImages(items, run, order);
}

/** Features of encoded images, mirrored where images would be. */
async function* fromLatents(
  items: readonly LatentItem[],
  { device, config: { batchSize, size, seed, images: { flip } } }: Run,
  order: { position: number } | "file",
): AsyncGenerator<Input, void, undefined> {
  const [start, end] = order === "file" ? [0, items.length] : [order.position, Infinity];
  const square = { width: size, height: size };
  using rows = new LatentRows();
  for (let at = start; at < end; at += batchSize) {
    const places = Array.from({ length: Math.min(batchSize, end - at) }, (_, i) => {
      if (order === "file") return { item: items[filePlace(at + i, items.length).index]!, flipped: false };
      const { index, epoch } = shuffledPlace(at + i, items.length, seed);
      const cut = chooseCut(square, { size, crop: "center", flip }, { seed, epoch, index });
      return { item: items[index]!, flipped: cut.flip };
    });
    yield { input: rows.read(places, device), position: at + places.length };
  }
}

/** Inputs from pictures, decoded ahead. */
async function* fromImages(
  items: readonly Item[],
  run: Run,
  order: { position: number } | "file",
): AsyncGenerator<Input, void, undefined> {
  const { trainee, device, config: { batchSize, size, seed, images: { crop, flip, background, workers } } } = run;
  const place = order === "file" ? inFileOrder : {
    ...order,
    seed,
    crop,
    flip,
    ...background === "random" && { background },
    ...workers && { workers },
  };
  for await (const batch of loader(items, { batchSize, size, ...place, ...skipping(items, run) })) {
    const images = imagesOf(batch, size, device);
    const input = trainee.features === undefined ? images : consumed(images, trainee.features);
    yield { input, position: batch.position };
  }
}

/** The first sixteen images of a set that can be read, [B, 3, S, S]; none of encoded ones. */
export async function firstImages(items: readonly Item[], run: Run): Promise<Tensor> {
  const { config: { size }, device, dataset } = run;
  if (areLatents(items)) return zeros([0, 3, size, size], { device });
  const options = { size, batchSize: 16, ...inFileOrder, ...skipping(items, run) };
  for await (const batch of loader(items, options)) return imagesOf(batch, size, device);
  throw new LatentError("data.empty", { what: `No image of ${dataset.name} can be read` });
}

/**
 * The features of every image of the training set, [N, …], computed once in file order; undefined where they are in
 * files, would differ from epoch to epoch or need too much memory, or the run is stopped meanwhile.
 */
export async function* keepFeatures(run: Run): AsyncGenerator<WorkEvent, Tensor | undefined> {
  const { trainee, dataset: { train }, config: { images: { crop, flip, background } } } = run;
  if (areLatents(train)) return undefined;
  if (trainee.features === undefined || crop !== "center" || flip || background === "random") return undefined;
  const parts: Tensor[] = [];
  let done = 0;
  try {
    for await (const { input } of fromImages(train, run, "file")) {
      parts.push(input);
      done += input.shape[0]!;
      if (4 * input.numel / input.shape[0]! * train.length > keptBytes || aborted(run)) return undefined;
      yield { type: "progress", label: "encode", done, total: train.length };
      await setImmediate();
    }
    return cat(parts);
  } finally {
    for (const part of parts) part.dispose();
  }
}

/** Inputs from kept features, in the same kind of order as {@linkcode inputsOf}. */
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

function consumed(images: Tensor, features: (images: Tensor) => Tensor): Tensor {
  using owned = images;
  return noGrad(() => features(owned));
}

/** Notes each unreadable file once in a run. A tenth of the images to train on may be so, and all but one of the others. */
function skipping(items: readonly Item[], { dataset, unreadable, warnings }: Run) {
  const onSkip = ({ path, reason }: Skipped) => {
    if (unreadable.has(path)) return;
    unreadable.add(path);
    warnings.push(`left out ${path}: ${reason} (${unreadable.size} so far)`);
  };
  return { onSkip, maxSkipped: items === dataset.train ? 0.1 : 1 };
}
