import { LatentError } from "../base/mod.ts";
import { chooseCut, type CropOptions, type PlacedCut, writeCut } from "./crop.ts";
import type { Item } from "./dataset.ts";
import { writeMapCut } from "./label_map.ts";
import { filePlace, type Place, shuffledPlace } from "./order.ts";
import { pictureCache } from "./picture_cache.ts";
import type { ReadOptions } from "./read.ts";
import type { Rgb } from "./resample.ts";
import type { Unreadable } from "./worker.ts";

/** Options of {@linkcode loader}. What isn't said otherwise has no influence on what comes out. */
export interface LoaderOptions extends Partial<ReadOptions>, Partial<CropOptions> {
  /** Images of a batch. */
  batchSize: number;
  /** Side of the square images, in pixels. */
  size: number;
  /** `shuffled` goes on for ever, each epoch in an order of its own; `file` is one pass, the last batch the rest. @default {"shuffled"} */
  order?: "shuffled" | "file";
  /** Decides the order and the augmentation, an integer of 0 … 2⁵³ − 1. @default {0} */
  seed?: number;
  /** Where to begin: 0, or the `position` of a batch after which to go on. @default {0} */
  position?: number;
  /** Threads that decode. @default one less than the processor's cores, 1 to 4 */
  workers?: number;
  /** Bytes of decoded pictures that are kept for the next epochs. @default {2 ** 30} */
  cacheBytes?: number;
  /** The share of the items that may be unreadable before it is an error. @default {0.1} */
  maxSkipped?: number;
  /** Is told of each unreadable file once, when it is met; the sample of the next position takes its place. */
  onSkip?: (skipped: Skipped) => void;
  /** Ends the work: the waiting call throws the signal's reason. */
  signal?: AbortSignal;
}

/** A file that was left out. */
export interface Skipped extends Unreadable {
  /** Absolute. */
  path: string;
  /** How many were left out so far, this one included. */
  count: number;
}

/** A batch, the caller's for good. */
export interface Batch<I extends Item = Item> {
  /** Pixels [B, size, size, 3], rows from the top, r g b of 0 … 255. */
  images: Uint8Array<ArrayBuffer>;
  /** The classes of the pixels [B, size, size], of items that have label maps. */
  maps?: Uint8Array<ArrayBuffer>;
  /** The item of each image, with its label and caption. */
  items: I[];
  /** Which square each image is of its picture, after that was resized. */
  cuts: PlacedCut[];
  /** Where to begin to get the next batch. */
  position: number;
}

const defaults = {
  order: "shuffled",
  seed: 0,
  position: 0,
  crop: "center",
  flip: false,
  filter: "bicubic",
  background: [255, 255, 255],
  maxFileBytes: 256 * 2 ** 20,
  workers: Math.min(4, Math.max(1, navigator.hardwareConcurrency - 1)),
  cacheBytes: 2 ** 30,
  maxSkipped: 0.1,
} satisfies Partial<LoaderOptions>;

type Settled = Required<Omit<LoaderOptions, Absent>> & Pick<LoaderOptions, Absent>;
type Absent = "signal" | "onSkip";

/**
 * Batches of images, decoded ahead by Workers while the caller trains. What comes out is a function of the items, the
 * order, the seed, the position and how images are cut: not of the number of workers, nor of where a run was resumed.
 * Files without a readable picture are left out of the stream.
 *
 * The workers end when the iteration does, by `break`, `return()`, an error or the signal.
 *
 * Throws LatentErrors: `data.empty` for no items, `data.skipped` when more than `maxSkipped` of them are unreadable,
 * `config.loader` for options that can't be.
 */
export async function* loader<I extends Item>(
  items: readonly I[],
  given: LoaderOptions,
): AsyncGenerator<Batch<I>, void, undefined> {
  const options: Settled = { ...defaults, resize: given.size, ...given };
  check(items.length, options);
  const { batchSize, size, seed } = options;
  const imageBytes = size * size * 3;
  const bad = new Map<number, string>();
  let batch = emptyBatch<I>(batchSize * imageBytes, options.position);
  for await (const { index, epoch, found } of samples(items, options)) {
    batch.position++;
    const item = items[index]!;
    if ("reason" in found) {
      if (bad.has(index)) continue;
      bad.set(index, found.reason);
      options.onSkip?.({ path: item.path, reason: found.reason, count: bad.size });
      checkSkipped(items, bad, options.maxSkipped);
      continue;
    }
    const cut = chooseCut(found, options, { seed, epoch, index });
    writeCut(batch.images, batch.items.length * imageBytes, found, cut, size);
    if (found.map !== undefined) {
      batch.maps ??= new Uint8Array(batchSize * size * size);
      writeMapCut(batch.maps, batch.items.length * size * size, { width: found.width, map: found.map }, cut, size);
    }
    batch.items.push(item);
    batch.cuts.push({ ...cut, width: found.width, height: found.height });
    if (batch.items.length < batchSize) continue;
    const whole = batch;
    batch = emptyBatch(batchSize * imageBytes, whole.position);
    yield whole;
  }
  const { images, maps, items: { length } } = batch;
  const rest = {
    images: images.slice(0, length * imageBytes),
    ...maps && { maps: maps.slice(0, length * size * size) },
  };
  if (length > 0) yield { ...batch, ...rest };
}

function emptyBatch<I extends Item>(bytes: number, position: number): Batch<I> {
  return { images: new Uint8Array(bytes), items: [], cuts: [], position };
}

/** A sample of the stream. */
interface Sample extends Place {
  found: Rgb | Unreadable;
}

/** The stream of samples from the position on. So many are asked for ahead that no worker idles while a step is made. */
async function* samples(items: readonly Item[], options: Settled): AsyncGenerator<Sample, void, undefined> {
  const { order, batchSize, workers, seed, signal } = options;
  signal?.throwIfAborted();
  const n = items.length;
  const end = order === "file" ? n : Infinity;
  const depth = Math.max(2 * batchSize, 8 * workers);
  const cache = pictureCache(items, options);
  const abort = () => cache.close(signal?.reason);
  signal?.addEventListener("abort", abort);
  const ahead: (Place & { picture: Promise<Rgb | Unreadable> })[] = [];
  try {
    for (let position = options.position, asked = position; position < end; position++) {
      for (; asked < Math.min(end, position + depth); asked++) {
        const place = order === "file" ? filePlace(asked, n) : shuffledPlace(asked, n, seed);
        ahead.push({ ...place, picture: cache.get(place.index) });
      }
      const { epoch, index, picture } = ahead.shift()!;
      yield { epoch, index, found: await picture };
      signal?.throwIfAborted();
    }
  } finally {
    signal?.removeEventListener("abort", abort);
    cache.close(new Error("the loader was closed"));
  }
}

function check(n: number, options: Settled): void {
  if (n === 0) {
    throw new LatentError("data.empty", {
      what: "there is nothing to load: the list of items is empty",
      mend: "A small set may have no validation items; take a larger share, or none.",
    });
  }
  const least = { batchSize: 1, size: 1, resize: options.size, seed: 0, position: 0, workers: 1 };
  const wrong = Object.entries(least).flatMap(([name, limit]) => {
    const found = options[name as keyof typeof least];
    const right = Number.isSafeInteger(found) && found >= limit;
    return right ? [] : [{ name, found: `${found}`, wanted: `an integer of at least ${limit}` }];
  });
  if (wrong.length === 0) return;
  throw new LatentError("config.loader", {
    what: "the loader can't work with these options",
    differences: wrong,
  });
}

function checkSkipped(items: readonly Item[], bad: ReadonlyMap<number, string>, share: number): void {
  if (bad.size <= share * items.length && bad.size < items.length) return;
  throw new LatentError("data.skipped", {
    what: `${bad.size} of ${items.length} images can't be read`,
    found: [...bad.values()].slice(0, 5).join("\n          "),
    wanted: `at most ${share * 100} %`,
    mend: "Remove or repair the files, or allow a larger share.",
  });
}
