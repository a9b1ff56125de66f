import { setImmediate } from "node:timers/promises";
import { LatentError, type WorkEvent } from "../base/mod.ts";
import { imageFolder, type Item } from "../data/mod.ts";
import { NpzFile } from "../file/mod.ts";
import { composite, decodeImage, type Picture } from "../image/mod.ts";
import { type Device, fromBytes, inferenceMode, scope, type Tensor } from "../tensor/mod.ts";
import { FeatureSet, FeatureStatistics } from "../metric/mod.ts";
import type { EvaluationOptions } from "./evaluation.ts";
import type { FeatureNetwork } from "./feature_networks.ts";

/** The features of a set of images. */
export class SetFeatures implements Disposable {
  /** Mean and covariance of all. */
  readonly statistics: FeatureStatistics = new FeatureStatistics();
  /** Scores of classes. */
  readonly logits: FeatureSet = new FeatureSet();
  /** Files that could not be read. */
  skipped = 0;

  /** Of nothing yet. @param features takes each of them in, where they are needed one by one */
  constructor(readonly features?: FeatureSet) {}

  /** Of images [B, 3, h, w]. */
  add(network: FeatureNetwork, images: Tensor): void {
    inferenceMode(() =>
      scope(() => {
        const features = network.features(images);
        this.statistics.add(features);
        this.features?.add(features);
        this.logits.add(network.logits(features));
      })
    );
  }

  /** How many images there were. */
  get count(): number {
    return this.statistics.count;
  }

  /** Frees all of it. */
  [Symbol.dispose](): void {
    for (const part of [this.statistics, this.features, this.logits]) part?.[Symbol.dispose]();
  }
}

/** Fills a set with all images in a folder or in an `.npz` (its `arr_0`); it then belongs to `owned`. */
export async function* featuresOf(
  path: string,
  network: FeatureNetwork,
  { device = "cpu", batchSize = 16, signal }: EvaluationOptions,
  owned: DisposableStack,
  set: SetFeatures,
): AsyncGenerator<WorkEvent, SetFeatures> {
  owned.use(set);
  const isNpz = path.endsWith(".npz");
  const items = isNpz ? undefined : await picturesIn(path);
  const total = items && { total: items.length };
  for await (const batch of items ? folderBatches(items, batchSize, device) : npzBatches(path, batchSize, device)) {
    if ("reason" in batch) {
      set.skipped++;
      yield leftOut(batch);
      continue;
    }
    using images = batch.images;
    set.add(network, images);
    yield { type: "progress", label: `look at ${path}`, done: set.count, ...total };
    await setImmediate();
    signal?.throwIfAborted();
  }
  if (set.count === 0) {
    throw new LatentError("data.skipped", { what: `No image of ${path} can be read`, found: `${set.skipped} files` });
  }
  return set;
}

/** The pictures of a folder, as one set in file order. */
export async function picturesIn(folder: string): Promise<Item[]> {
  return (await imageFolder(folder, { validation: 0 })).train;
}

/** A file that gives no picture. */
export interface UnreadableFile {
  path: string;
  reason: string;
}

/** What is said of a file that gives no picture. */
export function leftOut({ path, reason }: UnreadableFile): WorkEvent {
  return { type: "warning", text: `left out ${path}: ${reason.replace(/\s*\n\s*/g, "; ")}` };
}

/** The picture in a file as an image [1, 3, h, w] of its own size, on white, or why there is none. */
export async function imageIn({ path }: Item, device: Device): Promise<{ images: Tensor } | UnreadableFile> {
  const picture = await pictureIn(path);
  return "reason" in picture ? picture : { images: imagesFrom([picture], device) };
}

async function pictureIn(path: string): Promise<Picture | UnreadableFile> {
  try {
    return composite(await decodeImage(await Deno.readFile(path), { name: path }), [255, 255, 255]);
  } catch (error) {
    return { path, reason: error instanceof Error ? error.message : String(error) };
  }
}

/** Images in batches of one size: those that follow each other in the folder. */
async function* folderBatches(
  items: readonly Item[],
  batchSize: number,
  device: Device,
): AsyncGenerator<{ images: Tensor } | UnreadableFile> {
  let held: Picture[] = [];
  for (const { path } of items) {
    const picture = await pictureIn(path);
    if ("reason" in picture) {
      yield picture;
      continue;
    }
    const [first] = held;
    if (first && (held.length === batchSize || first.width !== picture.width || first.height !== picture.height)) {
      yield { images: imagesFrom(held, device) };
      held = [];
    }
    held.push(picture);
  }
  if (held.length > 0) yield { images: imagesFrom(held, device) };
}

/** Pictures of one size → [B, 3, h, w] in [−1, 1]. */
function imagesFrom(pictures: readonly Picture[], device: Device): Tensor {
  const { width, height } = pictures[0]!;
  const bytes = new Uint8Array(pictures.length * 4 * width * height);
  pictures.forEach(({ data }, i) => bytes.set(data, i * data.length));
  return scope(() => scaled(fromBytes(bytes, { dtype: "uint8", shape: [pictures.length, height, width, 4] }), device));
}

/** The images of ADM's reference batches and samples. */
async function* npzBatches(path: string, batchSize: number, device: Device): AsyncGenerator<{ images: Tensor }> {
  using file = NpzFile.open(path);
  for await (using rows of file.rows("arr_0", batchSize)) {
    if (rows.dtype !== "uint8" || rows.shape.length !== 4 || rows.shape[3] !== 3) {
      throw new LatentError("data.images", {
        what: `The array "arr_0" of ${path} has no images`,
        found: rows.describe(),
        wanted: "uint8 [N, h, w, 3]",
      });
    }
    yield { images: scope(() => scaled(rows, device)) };
  }
}

/** Bytes [B, h, w, 3 or 4] → [B, 3, h, w] in [−1, 1]. */
function scaled(bytes: Tensor, device: Device): Tensor {
  const colours = bytes.to({ device }).narrow(3, 0, 3).permute([0, 3, 1, 2]);
  return colours.to({ dtype: "float32" }).div_(127.5).sub_(1);
}
