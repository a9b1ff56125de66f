import { setImmediate } from "node:timers/promises";
import { LatentError, type WorkEvent } from "../base/mod.ts";
import { loadTensors, NpzFile, SafetensorsFile, tensorSources, writeSafetensors } from "../file/mod.ts";
import {
  FeatureSet,
  frechetDistance,
  inceptionScore,
  kid,
  type PrecisionRecall,
  precisionRecall,
  type Spread,
  type Statistics,
  statisticsFile,
  statisticsOf,
} from "../metric/mod.ts";
import { type Device, Generator, inferenceMode, randperm, scope, type Tensor, zeros } from "../tensor/mod.ts";
import { type EvaluationOptions, frechetName, openFeatures, refuseExisting, tableText } from "./evaluation.ts";
import type { FeatureNetwork } from "./feature_networks.ts";
import { featuresOf, SetFeatures } from "./image_sets.ts";

/** Options of {@linkcode evaluateImages}. */
export interface EvaluateImagesOptions extends Omit<EvaluationOptions, "perceptual"> {
  /** What they are compared with: a folder of images, or an `.npz` or `.safetensors` with statistics or images. */
  against?: string;
  /** A file to keep the statistics of the images in, for a later `against`. */
  saveStatistics?: string;
}

/** How near a set of images is to another. */
export interface ImageSetFigures {
  /** What the images were looked at with. */
  network: string;
  /** Images of the set. */
  images: number;
  /** Files that could not be read, of both sets. */
  skipped: number;
  /** Fréchet distance, FID where the network is Inception. */
  frechet?: number;
  /** Kernel distance, over 100 pairs of subsets of at most 1,000 images. */
  kid?: Spread;
  /** With balls that reach to the third neighbour. */
  precisionRecall?: PrecisionRecall;
  /** Over ten splits of the images in random order. */
  inceptionScore?: Spread;
}

/** What the set is compared with. */
interface Reference {
  statistics: Statistics;
  /** Where its images are there. */
  features?: Tensor;
  skipped: number;
}

/**
 * How near images, those of a folder or in an `.npz`, are to others or to what is known of them: Fréchet distance; where
 * the others are there KID, precision and recall; the Inception score. Figures that a set is too small for are left out.
 * The network gets each image in its own size.
 *
 * The `done` event's result is {@linkcode ImageSetFigures}.
 *
 * @throws LatentError `data.*` where there are no images, `metric.statistics` for statistics of another network or a
 * file without any, `usage.weights`, `file.exists`
 */
export async function* evaluateImages(images: string, options: EvaluateImagesOptions = {}): AsyncGenerator<WorkEvent> {
  const { against, saveStatistics } = options;
  if (saveStatistics !== undefined) refuseExisting(saveStatistics);
  using owned = new DisposableStack();
  const network = openFeatures(options, owned);
  const known = against === undefined ? undefined : await knownStatistics(against, network.name, owned);
  if (known !== undefined) sameWidth(known, network, options.device);
  const each = against !== undefined && known === undefined ? new FeatureSet() : undefined;
  const set = yield* featuresOf(images, network, options, owned, new SetFeatures(each));
  const statistics = owned.adopt(set.statistics.result(), freeStatistics);
  if (saveStatistics !== undefined) {
    const { tensors, metadata } = statisticsFile(statistics, network.name);
    writeSafetensors(saveStatistics, tensorSources(tensors), { metadata });
    yield { type: "file", path: saveStatistics, kind: "statistics" };
  }
  const reference = known !== undefined
    ? { statistics: known, skipped: 0 }
    : against === undefined
    ? undefined
    : yield* referenceOf(against, network, options, owned);
  const result = yield* compared(network, set, statistics, reference);
  yield { type: "done", text: "done", output: describe(result), result: { ...result } };
}

/** Statistics that lie in a file; undefined where it has images instead, or is a folder. */
async function knownStatistics(
  path: string,
  network: string,
  owned: DisposableStack,
): Promise<Statistics | undefined> {
  if (path.endsWith(".safetensors")) {
    using file = SafetensorsFile.open(path);
    return owned.adopt(
      scope(() => statisticsOf({ tensors: loadTensors(file), metadata: file.metadata }, path, network)),
      freeStatistics,
    );
  }
  if (!path.endsWith(".npz")) return undefined;
  using file = NpzFile.open(path);
  if (file.names.includes("arr_0")) return undefined;
  using loaded = new DisposableStack();
  const tensors = new Map<string, Tensor>();
  for (const name of file.names.filter((name) => name === "mu" || name === "sigma")) {
    tensors.set(name, loaded.use(await file.load(name)));
  }
  return owned.adopt(statisticsOf({ tensors }, path, network), freeStatistics);
}

async function* referenceOf(
  path: string,
  network: FeatureNetwork,
  options: EvaluationOptions,
  owned: DisposableStack,
): AsyncGenerator<WorkEvent, Reference> {
  const each = new FeatureSet();
  const { statistics, skipped } = yield* featuresOf(path, network, options, owned, new SetFeatures(each));
  return {
    statistics: owned.adopt(statistics.result(), freeStatistics),
    features: owned.use(each.result()),
    skipped,
  };
}

/** Said before the images go through the network, not after. */
function sameWidth({ mean }: Statistics, network: FeatureNetwork, device: Device = "cpu"): void {
  const wanted = inferenceMode(() => scope(() => network.features(zeros([1, 3, 32, 32], { device })).shape[1]));
  const [found] = mean.shape;
  if (found === wanted) return;
  throw new LatentError("metric.statistics", {
    what: "The statistics are of another network's features.",
    found: `${found} features`,
    wanted: `${wanted}, those of ${network.name}`,
    mend: found === 2048 ? "Compare in Inception's features: --features inception." : "Make them with this network.",
  });
}

async function* compared(
  { name }: FeatureNetwork,
  set: SetFeatures,
  statistics: Statistics,
  reference: Reference | undefined,
): AsyncGenerator<WorkEvent, ImageSetFigures> {
  const figures: ImageSetFigures = {
    network: name,
    images: set.count,
    skipped: set.skipped + (reference?.skipped ?? 0),
  };
  yield { type: "step", text: "compare" };
  await setImmediate();
  if (reference !== undefined) figures.frechet = frechetDistance(statistics, reference.statistics);
  if (reference?.features !== undefined && set.features !== undefined) {
    using fake = set.features.result();
    const smallest = Math.min(set.count, reference.features.shape[0]!);
    figures.kid = kid(reference.features, fake, { subsetSize: Math.min(1000, smallest) });
    await setImmediate();
    if (smallest > neighbours) figures.precisionRecall = precisionRecall(reference.features, fake, neighbours);
  }
  if (set.count >= splits) figures.inceptionScore = scoreOf(set);
  return figures;
}

const neighbours = 3;
const splits = 10;

/** In random order: a folder has its classes one after the other. */
function scoreOf(set: SetFeatures): Spread {
  using generator = Generator.seeded(0);
  return scope(() => {
    const logits = set.logits.result();
    const order = randperm(set.count, { generator, dtype: "int64" });
    return inceptionScore(logits.indexSelect(0, order), splits);
  });
}

function freeStatistics({ mean, covariance }: Statistics): void {
  mean.dispose();
  covariance.dispose();
}

function describe(
  { network, images, skipped, frechet, kid, precisionRecall, inceptionScore }: ImageSetFigures,
): string {
  const spread = ({ mean, deviation }: Spread) => `${mean.toPrecision(4)} ± ${deviation.toPrecision(2)}`;
  return tableText([
    ["images", String(images)],
    ...skipped > 0 ? [["unreadable", String(skipped)]] : [],
    ...frechet === undefined ? [] : [[frechetName(network), frechet.toPrecision(5)]],
    ...kid === undefined ? [] : [["KID", spread(kid)]],
    ...precisionRecall === undefined
      ? []
      : [["precision", precisionRecall.precision.toFixed(4)], ["recall", precisionRecall.recall.toFixed(4)]],
    ...inceptionScore === undefined ? [] : [["Inception score", spread(inceptionScore)]],
  ]);
}
