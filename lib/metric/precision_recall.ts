import { LatentError } from "../base/mod.ts";
import { cat, scope, type Tensor } from "../tensor/mod.ts";

/** How much of what was made is like something real, and the other way round; both from 0 to 1. */
export interface PrecisionRecall {
  /** The share of fakes that lie in the manifold of the real. */
  precision: number;
  /** The share of the real that lies in the manifold of the fakes. */
  recall: number;
}

/** Rows whose distances to a whole set are there at once. */
const rows = 256;

/**
 * Improved precision and recall (Kynkäänniemi et al. 2019) of features [N, D] and [M, D]. A set's manifold is the balls
 * around its features that reach to the k-th nearest other.
 *
 * @param neighbours k
 * @throws LatentError `metric.subset` for sets of no more than k
 */
export function precisionRecall(real: Tensor, fake: Tensor, neighbours = 3): PrecisionRecall {
  const smallest = Math.min(real.shape[0]!, fake.shape[0]!);
  if (smallest <= neighbours) {
    const found = `${smallest} images in the smaller set`;
    throw new LatentError("metric.subset", { what: `A ball reaches to its neighbour ${neighbours}.`, found });
  }
  return scope(() => {
    const [x, y] = [real, fake].map((features) => features.to({ dtype: "float64" })) as [Tensor, Tensor];
    return { precision: covered(y, x, radii(x, neighbours)), recall: covered(x, y, radii(y, neighbours)) };
  });
}

/** The squared distance of each feature to its k-th nearest other, [N]. */
function radii(features: Tensor, neighbours: number): Tensor {
  return cat(eachRows(features, (part) => {
    const [nearest] = distances(part, features).topk(neighbours + 1, 1, false, true); // the first is itself
    return nearest.select(1, neighbours);
  }));
}

/** The share of features that lie in a ball of the others'. */
function covered(features: Tensor, others: Tensor, radii: Tensor): number {
  const inside = eachRows(features, (part) => distances(part, others).le(radii).amax([1]));
  return cat(inside).to({ dtype: "float64" }).mean(null).item();
}

/** Squared distances of [n, D] and [N, D], in float64: [n, N]. */
function distances(x: Tensor, y: Tensor): Tensor {
  return x.square().sum([1], true).add(y.square().sum([1])).sub(x.mm(y.transpose(0, 1)).mul_(2));
}

function eachRows(features: Tensor, of: (part: Tensor) => Tensor): Tensor[] {
  const count = features.shape[0]!;
  return Array.from(
    { length: Math.ceil(count / rows) },
    (_, i) => scope(() => of(features.narrow(0, i * rows, Math.min(rows, count - i * rows)))),
  );
}
