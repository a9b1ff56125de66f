import { LatentError } from "../base/mod.ts";
import { scope, type Tensor } from "../tensor/mod.ts";

/** The Gaussian that stands for a set of images in the features of a network. */
export interface Statistics {
  /** [D], float64 */
  mean: Tensor;
  /** [D, D], float64; divided by one less than the number of images */
  covariance: Tensor;
  /** How many images they are of, where that is known. */
  count?: number;
}

/** What a file of statistics holds; `network` keeps those of different networks apart. */
export interface StatisticsFile {
  /** `mean` and `covariance`. */
  tensors: ReadonlyMap<string, Tensor>;
  /** Texts for its header. */
  metadata: ReadonlyMap<string, string>;
}

const format = "latent.statistics.1";

/** What to write into a file, safetensors for one. @param network the name of what made the features */
export function statisticsFile({ mean, covariance, count }: Statistics, network: string): StatisticsFile {
  const facts = { format, network, ...(count === undefined ? {} : { count: String(count) }) };
  return { tensors: new Map([["mean", mean], ["covariance", covariance]]), metadata: new Map(Object.entries(facts)) };
}

/**
 * The statistics in a file's arrays: ours (`mean`, `covariance`), or those of an `.npz` of pytorch-fid or ADM's
 * reference batches (`mu`, `sigma`). Tensors of the caller's.
 *
 * @param what the file's name, for errors
 * @param network what made the features that they shall be compared with
 * @throws LatentError `metric.statistics` where there are none, or those of another network
 */
export function statisticsOf(file: Partial<StatisticsFile>, what: string, network?: string): Statistics {
  const { tensors = new Map<string, Tensor>(), metadata = new Map<string, string>() } = file;
  const mean = tensors.get("mean") ?? tensors.get("mu");
  const covariance = tensors.get("covariance") ?? tensors.get("sigma");
  if (mean === undefined || covariance === undefined) throw none(what, tensors);
  const [d = -1] = mean.shape;
  if (mean.shape.length !== 1 || covariance.shape.join() !== `${d},${d}`) {
    throw new LatentError("metric.statistics", {
      what: `${what} has no statistics of features.`,
      found: `mean ${mean.describe()}, covariance ${covariance.describe()}`,
      wanted: "[D] and [D, D]",
    });
  }
  const made = metadata.get("network");
  if (made !== undefined && network !== undefined && made !== network) {
    throw new LatentError("metric.statistics", {
      what: `${what} has statistics of another network's features.`,
      found: made,
      wanted: network,
      mend: "Compare with the same network, or make the statistics anew.",
    });
  }
  const count = Number(metadata.get("count"));
  return scope(() => ({
    mean: mean.to({ dtype: "float64", device: "cpu", copy: true }),
    covariance: covariance.to({ dtype: "float64", device: "cpu", copy: true }),
    ...(Number.isSafeInteger(count) && count > 0 ? { count } : {}),
  }));
}

function none(what: string, tensors: ReadonlyMap<string, Tensor>): LatentError {
  return new LatentError("metric.statistics", {
    what: `${what} has no statistics.`,
    found: [...tensors.keys()].join(", ") || "nothing",
    wanted: "mean and covariance, or mu and sigma",
    ...(tensors.has("arr_0") ? { mend: "Its images, arr_0, have to go through the network first." } : {}),
  });
}
