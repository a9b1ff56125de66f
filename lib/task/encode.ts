import { setImmediate } from "node:timers/promises";
import { type Difference, LatentError, sha256, sha256File, type WorkEvent } from "../base/mod.ts";
import {
  type Batch,
  type DataSplit,
  type Item,
  type LatentsHeader,
  latentsPath,
  listShards,
  loader,
  readLatentsHeader,
  shardMetadata,
  shardPath,
} from "../data/mod.ts";
import { lockFolder, removePartials, tensorSources, writeAtomic, writeSafetensors } from "../file/mod.ts";
import { AutoencoderKL, AutoencoderVQ, type FirstStageNetwork, posteriorOf } from "../model/mod.ts";
import { cat, type Device, inferenceMode, scope, type Tensor } from "../tensor/mod.ts";
import { checkSize, loadFirstStage, modelPath } from "./model.ts";
import { imagesOf, openDataset } from "./pictures.ts";

/** What {@linkcode encode} encodes, and where it puts it. */
export interface EncodeOptions {
  /** The folder of the latents. */
  out: string;
  /** `emoji`, or a folder of images. @default {"emoji"} */
  data?: string;
  /** Side that images are resized and cropped to, a multiple of f. @default {64} */
  size?: number;
  /** Which parts of the data. @default {["train", "validation"]} */
  splits?: readonly DataSplit[];
  /** The share of a folder that is the validation split. @default {0.05} */
  validation?: number;
  /** Only these classes. @default all */
  classes?: readonly string[];
  /** The mirrored images too. @default {false} */
  flip?: boolean;
  /** Of the elements of latents. @default {"float32"} */
  dtype?: "float32" | "float16";
  /** Images of a file, rounded up to whole batches. @default {1024} */
  shard?: number;
  /** Images that go through the network at once. @default {16} */
  batchSize?: number;
  /** Where to compute. @default {"cpu"} */
  device?: Device;
  /** At the first abort the batch is finished; what is not in a whole file by then is encoded anew the next time. */
  signal?: AbortSignal;
}

/**
 * Encodes a data set into a folder of safetensors files, from which `latent train diffusion` learns and which others can
 * read: `mean` and `std` of the posteriors, [N, Z, h, w], or, of a first stage with a codebook, `latent` before
 * quantisation and `indices` [N, h, w]; which images these are stands in the metadata of each file as JSON, `items`.
 * `latents.json` is written first. Called again it goes on behind the last whole file.
 *
 * @param model a first stage's file, or its run's folder
 * @throws LatentError `usage.other_latents` where the folder has other latents, with all differences, `usage.size`,
 * `run.locked`, what the model and data lead to
 */
export async function* encode(model: string, options: EncodeOptions): AsyncGenerator<WorkEvent> {
  const { out, data = "emoji", validation = 0.05, classes, size = 64, device = "cpu" } = options;
  using network = loadFirstStage(model, device);
  checkSize(network, size);
  const dataset = await openDataset({ data, images: { validation, classes: classes && [...classes] } });
  const header = headerOf(network, await sha256File(modelPath(model)), dataset, { ...options, size });
  Deno.mkdirSync(out, { recursive: true });
  using _ = lockFolder(out);
  removePartials(out); // of a killed process
  yield* begun(out, header);
  const counts: Partial<Record<DataSplit, number>> = {};
  for (const split of options.splits ?? ["train", "validation"] as const) {
    const count = yield* encoded(network, split, dataset[split], header, options);
    if (count === undefined) return void (yield { type: "note", text: "stopped; the same command goes on" });
    counts[split] = count;
  }
  const text = Object.entries(counts).map(([split, count]) => `${count} for ${split}`).join(", ");
  yield { type: "done", text: `images encoded: ${text}, in ${out}`, result: { out, images: counts } };
}

function headerOf(
  network: FirstStageNetwork,
  model: string,
  dataset: { name: string; classes: string[] } & Record<DataSplit, Item[]>,
  { size = 64, flip = false, dtype = "float32" }: EncodeOptions,
): LatentsHeader {
  const names = network instanceof AutoencoderKL
    ? ["mean", "std"]
    : network instanceof AutoencoderVQ
    ? ["latent", "indices"]
    : ["latent"];
  const part = (items: Item[]) => ({ images: items.length, keys: sha256(items.map(({ key }) => key).join("\n")) });
  const side = size / network.factor;
  return {
    format: "latent.latents.1",
    model,
    tensors: flip ? [...names, ...names.map((name) => `flipped.${name}`)] : names,
    shape: [network.latentChannels, side, side],
    dtype,
    data: dataset.name,
    size,
    classes: dataset.classes,
    splits: { train: part(dataset.train), validation: part(dataset.validation) },
  };
}

/** Writes the header, or compares it with the one that is there. */
function* begun(out: string, header: LatentsHeader): Generator<WorkEvent> {
  const found = readLatentsHeader(out);
  if (found === undefined) {
    const path = latentsPath(out);
    const text = JSON.stringify(header, null, 2) + "\n";
    writeAtomic(path, (file) => file.write(new TextEncoder().encode(text)));
    return yield { type: "file", path, kind: "header" };
  }
  const rows = ({ splits, ...rest }: LatentsHeader) =>
    Object.entries({ ...rest, ...splits }).map(([name, value]) => [name, JSON.stringify(value)] as const);
  const wanted = new Map(rows(header));
  const differences = rows(found).flatMap(([name, value]): Difference[] =>
    value === wanted.get(name) ? [] : [{ name, found: value, wanted: wanted.get(name)! }]
  );
  if (differences.length === 0) return;
  throw new LatentError("usage.other_latents", {
    what: `${out} has other latents than these`,
    differences,
    mend: "Encode into another folder, or with the model, data and settings of this one.",
  });
}

/** Encodings that wait for their file. */
class Waiting implements Disposable {
  readonly items: Item[] = [];
  readonly #parts = new Map<string, Tensor[]>();

  add(items: readonly Item[], tensors: Record<string, Tensor>): void {
    this.items.push(...items);
    for (const [name, tensor] of Object.entries(tensors)) {
      this.#parts.set(name, [...this.#parts.get(name) ?? [], tensor]);
    }
  }

  /** Writes them as one file and forgets them. */
  write(path: string, metadata: ReadonlyMap<string, string>): void {
    scope(() => {
      const tensors = new Map([...this.#parts].map(([name, parts]) => [name, cat(parts)]));
      writeSafetensors(path, tensorSources(tensors), { metadata });
    });
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.items.length = 0;
    for (const tensor of [...this.#parts.values()].flat()) tensor.dispose();
    this.#parts.clear();
  }
}

/** Encodes what of a part is not encoded yet; how many images it has then, undefined where the signal stopped it. */
async function* encoded(
  network: FirstStageNetwork,
  split: DataSplit,
  items: readonly Item[],
  header: LatentsHeader,
  { out, shard: wanted = 1024, batchSize = 16, device = "cpu", signal }: EncodeOptions,
): AsyncGenerator<WorkEvent, number | undefined> {
  const shards = listShards(out, split, header);
  let count = shards.reduce((sum, { items }) => sum + items.length, 0);
  let begin = shards.at(-1)?.end ?? 0;
  if (begin > 0) yield { type: "note", text: `${split}: ${shards.length} files are there, up to image ${begin}` };
  if (begin === items.length) return count;
  const skipped: string[] = [];
  const onSkip = ({ path, reason }: { path: string; reason: string }) => void skipped.push(`${path}: ${reason}`);
  const reading = { batchSize, size: header.size, order: "file", position: begin, cacheBytes: 0 } as const;
  using waiting = new Waiting();
  let next = shards.length;
  const write = (end: number): WorkEvent => {
    const path = shardPath(out, split, next++);
    count += waiting.items.length;
    waiting.write(path, shardMetadata(header, split, { begin, end, items: waiting.items }));
    begin = end;
    return { type: "file", path, kind: "latents" };
  };
  let position = begin;
  for await (const batch of loader(items, { ...reading, maxSkipped: 1, onSkip })) {
    for (const text of skipped.splice(0)) yield { type: "warning", text: `left out ${text}` };
    if (waiting.items.length >= wanted) yield write(position);
    if (signal?.aborted) return undefined;
    waiting.add(batch.items, encodings(network, batch, header, device));
    position = batch.position;
    yield { type: "progress", label: `encode ${split}`, done: position, total: items.length, unit: "image" };
    await setImmediate();
  }
  for (const text of skipped.splice(0)) yield { type: "warning", text: `left out ${text}` };
  if (signal?.aborted) return undefined;
  if (waiting.items.length > 0) yield write(items.length);
  return count;
}

/** The tensors of a batch, on the CPU and of the file's dtype. */
function encodings(
  network: FirstStageNetwork,
  batch: Batch,
  { size, dtype, tensors }: LatentsHeader,
  device: Device,
): Record<string, Tensor> {
  return inferenceMode(() =>
    scope(() => {
      const images = imagesOf(batch, size, device);
      const flipped = tensors.some((name) => name.startsWith("flipped."));
      const all = {
        ...encoding(network, images),
        ...flipped && Object.fromEntries(
          Object.entries(encoding(network, images.flip([3]))).map(([name, tensor]) => [`flipped.${name}`, tensor]),
        ),
      };
      return Object.fromEntries(
        Object.entries(all).map(([name, tensor]) => {
          const stored = name.endsWith("indices") ? "int32" : dtype;
          return [name, tensor.to({ device: "cpu", dtype: stored }).contiguous()];
        }),
      );
    })
  );
}

function encoding(network: FirstStageNetwork, images: Tensor): Record<string, Tensor> {
  const encoded = network.encode(images);
  if (network instanceof AutoencoderKL) {
    const { mean, logvar } = posteriorOf(encoded);
    return { mean, std: logvar.mul(0.5).exp() };
  }
  if (network instanceof AutoencoderVQ) return { latent: encoded, indices: network.quantize.call(encoded).indices };
  return { latent: encoded };
}
