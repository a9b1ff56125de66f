import { LatentError } from "../base/mod.ts";
import { Generator, randperm, scope, type Tensor } from "../tensor/mod.ts";
import { Average, type Spread } from "./average.ts";

/** Options of {@linkcode kid}. */
export interface KidOptions {
  /** How many random pairs of subsets are compared. @default {100} */
  subsets?: number;
  /** Images in a subset. @default {1000} */
  subsetSize?: number;
  /** Of the draws. @default {0} */
  seed?: number;
}

/**
 * Kernel Inception distance (Bińkowski et al. 2018) of features [N, D] and [M, D]: the unbiased estimate of the squared
 * maximum mean discrepancy with the kernel (x·y / D + 1)³, mean and deviation over random subsets. Near 0, and as often
 * below it, for sets of one distribution.
 *
 * @throws LatentError `metric.subset` where a set is smaller than a subset
 */
export function kid(real: Tensor, fake: Tensor, options: KidOptions = {}): Spread {
  const { subsets = 100, subsetSize = 1000, seed = 0 } = options;
  const smallest = Math.min(real.shape[0]!, fake.shape[0]!);
  if (smallest < subsetSize || subsetSize < 2) {
    throw new LatentError("metric.subset", {
      what: "KID compares subsets of both sets.",
      found: `${smallest} images in the smaller set, subsets of ${subsetSize}`,
      wanted: "subsets of at least 2 images and no more than are there",
      mend: "Give more images or a smaller subset size.",
    });
  }
  using generator = Generator.seeded(seed);
  const average = new Average();
  for (let i = 0; i < subsets; i++) {
    scope(() => average.add([discrepancy(drawn(real, subsetSize, generator), drawn(fake, subsetSize, generator))]));
  }
  return average.result();
}

function drawn(features: Tensor, size: number, generator: Generator): Tensor {
  const order = randperm(features.shape[0]!, { generator, dtype: "int64" }).narrow(0, 0, size);
  return features.indexSelect(0, order.to({ device: features.device })).to({ dtype: "float64" });
}

/** Of two sets [m, D] of the same size, in float64. */
function discrepancy(x: Tensor, y: Tensor): number {
  const m = x.shape[0]!;
  const others = (kernel: Tensor) => kernel.sum(null).item() - kernel.diagonal().sum(null).item();
  const within = others(kernel(x, x)) + others(kernel(y, y));
  return within / (m * (m - 1)) - 2 * kernel(x, y).mean(null).item();
}

function kernel(x: Tensor, y: Tensor): Tensor {
  return x.mm(y.transpose(0, 1)).div(x.shape[1]!).add(1).pow(3);
}
