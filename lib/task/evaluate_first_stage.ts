import { setImmediate } from "node:timers/promises";
import type { WorkEvent } from "../base/mod.ts";
import { type DataSplit, type Item, loader } from "../data/mod.ts";
import { CodeCounter, type CodeUse, FeatureStatistics, frechetDistance } from "../metric/mod.ts";
import { AutoencoderVQ, type FirstStageNetwork } from "../model/mod.ts";
import type { Module } from "../nn/mod.ts";
import { inferenceMode, scope, type Tensor } from "../tensor/mod.ts";
import {
  eightBits,
  type EvaluationOptions,
  frechetName,
  openDistances,
  openFeatures,
  PairAverages,
  type PairFigures,
  pairLines,
  refuseExisting,
  tableText,
} from "./evaluation.ts";
import { type FeatureNetwork, hasWeights } from "./feature_networks.ts";
import { checkSize, loadFirstStage } from "./model.ts";
import { imagesOf, openDataset } from "./pictures.ts";
import { Sheet } from "./sheet.ts";

/** Options of {@linkcode evaluateFirstStage}. */
export interface EvaluateFirstStageOptions extends EvaluationOptions {
  /** `emoji`, or a folder of images. @default {"emoji"} */
  data?: string;
  /** Side that images are resized and cropped to. @default {64} */
  size?: number;
  /** Which parts of the data are reconstructed. @default {["validation", "train"]} */
  splits?: readonly DataSplit[];
  /** The share of a folder that is the validation split, as in training. @default {0.05} */
  validation?: number;
  /** Where to write a PNG of 24 images of the first of these parts, each above its reconstruction. @default none is written */
  sheet?: string;
}

/** How good reconstructions are. */
export interface ReconstructionFigures extends PairFigures {
  /** Between the images and their reconstructions in features of a network: rFID where that is Inception. */
  frechet?: { network: string; distance: number };
  /** Which codes of the codebook were used. */
  codes?: CodeUse;
}

/** The result of {@linkcode evaluateFirstStage}. */
export interface FirstStageEvaluation {
  /** The data set. */
  data: string;
  /** Side of the images, pixels. */
  size: number;
  /** By split. */
  splits: Partial<Record<DataSplit, ReconstructionFigures>>;
}

/** What images go through. */
interface Bench {
  model: FirstStageNetwork;
  distances: ReadonlyMap<string, Module<[Tensor, Tensor]>>;
  network: FeatureNetwork | undefined;
  size: number;
  options: EvaluationOptions;
}

/**
 * Reconstructs a data set, by the mean of the posterior, and says how near reconstructions are to the images. They are
 * rounded to 8 bits first, as in a file; images are in file order, resized and cropped in the middle, on white.
 *
 * The `done` event's result is a {@linkcode FirstStageEvaluation}. Networks whose weights are not there and that were
 * not asked for leave their figures out.
 *
 * @param model a file or a run's folder, or a network, which stays the caller's
 * @throws LatentError `usage.size` for a size that f does not divide, `usage.weights`, `file.exists`,
 * what the model and data lead to
 */
export async function* evaluateFirstStage(
  model: string | FirstStageNetwork,
  options: EvaluateFirstStageOptions = {},
): AsyncGenerator<WorkEvent> {
  const { data = "emoji", size = 64, splits: asked, validation = 0.05, device = "cpu", sheet, signal } = options;
  if (sheet !== undefined) refuseExisting(sheet);
  using owned = new DisposableStack();
  const network = typeof model === "string" ? owned.use(loadFirstStage(model, device)) : model;
  checkSize(network, size);
  const dataset = await openDataset({ data, images: { validation } });
  const bench: Bench = {
    model: network,
    distances: yield* openDistances(options, owned),
    network: yield* featuresAtHand(options, owned),
    size,
    options,
  };
  const splits: FirstStageEvaluation["splits"] = {};
  for (const split of asked ?? ["validation", "train"] as const) {
    const items = dataset[split];
    if (items.length === 0 && asked === undefined) yield { type: "note", text: `${data} has no ${split} split` };
    else {
      const shown = sheet !== undefined && Object.keys(splits).length === 0 ? new Sheet(items.length) : undefined;
      splits[split] = yield* measured(bench, split, items, shown);
      signal?.throwIfAborted();
      if (shown !== undefined) yield await shown.write(sheet!);
    }
  }
  const result: FirstStageEvaluation = { data: dataset.name, size, splits };
  yield { type: "done", text: "done", output: describe(result), result: { ...result } };
}

/** The network for the Fréchet distance; undefined where none was asked for and the usual one is not there. */
function* featuresAtHand(
  options: EvaluationOptions,
  owned: DisposableStack,
): Generator<WorkEvent, FeatureNetwork | undefined> {
  if (options.features !== undefined || hasWeights("efficientnet-lite0", options.weights)) {
    return openFeatures(options, owned);
  }
  yield { type: "note", text: "no Fréchet distance: `latent pull efficientnet-lite0` fetches weights for one" };
}

/** The figures of one split. */
async function* measured(
  { model, distances, network, size, options }: Bench,
  split: DataSplit,
  items: readonly Item[],
  sheet?: Sheet,
): AsyncGenerator<WorkEvent, ReconstructionFigures> {
  const { device = "cpu", batchSize = 16, signal } = options;
  using real = new FeatureStatistics(), made = new FeatureStatistics();
  using codes = model instanceof AutoencoderVQ ? new CodeCounter(model.options.codebook.codes) : undefined;
  const pairs = new PairAverages(distances);
  const skipped: string[] = [];
  const onSkip = ({ path, reason }: { path: string; reason: string }) => void skipped.push(`${path}: ${reason}`);
  const reading = { batchSize, size, order: "file", workers: 1, cacheBytes: 0, maxSkipped: 1, onSkip } as const;
  let [done, told] = [0, 0];
  for await (const batch of loader(items, { ...reading, ...signal && { signal } })) {
    while (told < skipped.length) yield { type: "warning", text: `left out ${skipped[told++]}` };
    inferenceMode(() =>
      scope(() => {
        const images = imagesOf(batch, size, device);
        const reconstructed = eightBits(reconstruct(model, images, codes));
        pairs.add(images, reconstructed);
        sheet?.add(done, images, reconstructed);
        if (network === undefined) return;
        real.add(network.features(images));
        made.add(network.features(reconstructed));
      })
    );
    done += batch.items.length;
    yield { type: "progress", label: `reconstruct ${split}`, done, total: items.length };
    await setImmediate();
  }
  while (told < skipped.length) yield { type: "warning", text: `left out ${skipped[told++]}` };
  return {
    ...pairs.result(skipped.length),
    ...network && done > 1 && {
      frechet: { network: network.name, distance: scope(() => frechetDistance(real.result(), made.result())) },
    },
    ...codes && { codes: codes.result() },
  };
}

/** Image → latent → image; counts the codes that latents are replaced by. */
function reconstruct(model: FirstStageNetwork, images: Tensor, codes?: CodeCounter): Tensor {
  const latent = model.latent(model.encode(images));
  if (!(model instanceof AutoencoderVQ)) return model.decode(latent);
  const { z, indices } = model.quantize.call(latent);
  codes?.add(indices);
  return model.decodeQuantized(z);
}

/** The figures as a table, a column for each split. */
function describe({ data, size, splits }: FirstStageEvaluation): string {
  const names = Object.keys(splits) as DataSplit[];
  const columns = names.map((name) => splits[name]!);
  const frechet = columns.find((column) => column.frechet)?.frechet;
  const codes = columns.some((column) => column.codes);
  return [
    `${data} at ${size}×${size}, reconstructed by the posterior's mean and rounded to 8 bits`,
    tableText([
      ["", ...names],
      ...pairLines(columns),
      ...frechet
        ? [[frechetName(frechet.network, "r"), ...columns.map((c) => c.frechet?.distance.toPrecision(4) ?? "")]]
        : [],
      ...codes
        ? [
          ["codes used", ...columns.map(({ codes }) => `${codes!.used} (${(100 * codes!.share).toFixed(1)} %)`)],
          ["perplexity of codes", ...columns.map(({ codes }) => codes!.perplexity.toFixed(1))],
        ]
        : [],
    ]),
  ].join("\n");
}
