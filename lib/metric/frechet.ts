import { LatentError } from "../base/mod.ts";
import { call, scope, type Tensor } from "../tensor/mod.ts";
import type { Statistics } from "./statistics.ts";

/**
 * Fréchet distance of two Gaussians, |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2(Σ₁Σ₂)^½): FID in Inception's features (Heusel et al.
 * 2017), rFID between images and their reconstructions.
 *
 * With Σ₁ = AAᵀ and Σ₂ = BBᵀ the trace of the root is the sum of the singular values of AᵀB, which is as exact for
 * singular covariances (fewer images than features) as for others, and never complex.
 *
 * @throws LatentError `metric.statistics` for statistics of other sizes, or that are not finite
 */
export function frechetDistance(a: Statistics, b: Statistics): number {
  check(a, b);
  return scope(() => {
    const means = a.mean.sub(b.mean).square().sum(null).item();
    const product = root(a.covariance).transpose(0, 1).mm(root(b.covariance));
    const singular = call("aten::linalg_svdvals", product)[0] as Tensor;
    return means + trace(a.covariance) + trace(b.covariance) - 2 * singular.sum(null).item();
  });
}

/** A with AAᵀ = Σ for Σ symmetric, what is negative by rounding taken as 0. */
function root(covariance: Tensor): Tensor {
  const [values, vectors] = covariance.linalgEigh();
  return vectors.mul(values.clampMin(0).sqrt());
}

function trace(matrix: Tensor): number {
  return matrix.diagonal().sum(null).item();
}

function check(a: Statistics, b: Statistics): void {
  const sizes = [a, b].map(({ mean }) => mean.shape[0]);
  if (sizes[0] !== sizes[1]) {
    throw new LatentError("metric.statistics", {
      what: "The statistics are of different networks' features.",
      found: `${sizes.join(" and ")} features`,
      mend: "Make both with the same network.",
    });
  }
  for (const { mean, covariance } of [a, b]) {
    const total = scope(() => mean.sum(null).item() + covariance.sum(null).item());
    if (!Number.isFinite(total)) {
      throw new LatentError("metric.statistics", { what: "The statistics are not finite.", found: String(total) });
    }
  }
}
