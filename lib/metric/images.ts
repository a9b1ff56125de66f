import { LatentError } from "../base/mod.ts";
import { inferenceMode, scope, type Tensor, tensor } from "../tensor/mod.ts";

/** Options of {@linkcode psnr} and {@linkcode ssim}. */
export interface SimilarityOptions {
  /** The largest value less the smallest that a pixel can have: 2 for [−1, 1], 1 for [0, 1], 255 for bytes. @default {2} */
  range?: number;
}

/**
 * Peak signal-to-noise ratio in dB of each pair of two batches [B, C, h, w], over all channels: 10·log₁₀(range² / MSE),
 * as scikit-image's; infinite where they are the same. Round to 8 bits before for the figures that papers give.
 */
export function psnr(x: Tensor, y: Tensor, { range = 2 }: SimilarityOptions = {}): number[] {
  samePairs(x, y);
  return scope(() => {
    const errors = wide(x).sub(wide(y)).square().mean([1, 2, 3]);
    return Array.from(errors.data() as Float64Array, (mse) => 10 * Math.log10(range ** 2 / mse));
  });
}

const size = 11;
const sigma = 1.5;

/**
 * Structural similarity (Wang et al. 2004) of each pair of two batches [B, C, h, w]: Gaussian window of 11×11 with
 * σ = 1.5, only where it lies inside, K₁ = 0.01, K₂ = 0.03, mean over places and channels, in float64. The same as
 * scikit-image's with `gaussian_weights=True, use_sample_covariance=False` and as torchmetrics'.
 *
 * @throws LatentError `metric.shape` for images smaller than the window
 */
export function ssim(x: Tensor, y: Tensor, { range = 2 }: SimilarityOptions = {}): number[] {
  samePairs(x, y);
  const [b, c, h, w] = x.shape as [number, number, number, number];
  if (Math.min(h, w) < size) {
    const wanted = `at least ${size} by ${size} pixels, the window of SSIM`;
    throw new LatentError("metric.shape", { what: "The images are too small.", found: `${w} by ${h}`, wanted });
  }
  return scope(() => {
    const window = gaussian(x);
    const blurred = (images: Tensor) => images.reshape([b * c, 1, h, w]).conv2d(window).conv2d(window.transpose(2, 3)); // [B·C, 1, h − 10, w − 10]
    const [p, q] = [wide(x), wide(y)];
    const [meanP, meanQ] = [blurred(p), blurred(q)];
    const varianceP = blurred(p.square()).sub(meanP.square());
    const varianceQ = blurred(q.square()).sub(meanQ.square());
    const covariance = blurred(p.mul(q)).sub(meanP.mul(meanQ));
    const [c1, c2] = [(0.01 * range) ** 2, (0.03 * range) ** 2];
    const above = meanP.mul(meanQ).mul(2).add(c1).mul(covariance.mul(2).add(c2));
    const below = meanP.square().add(meanQ.square()).add(c1).mul(varianceP.add(varianceQ).add(c2));
    return Array.from(above.div(below).reshape([b, -1]).mean([1]).data() as Float64Array);
  });
}

/** The window's profile, [1, 1, 11, 1]. */
function gaussian({ device }: Tensor): Tensor {
  const weights = Float64Array.from({ length: size }, (_, i) => Math.exp(-0.5 * ((i - (size - 1) / 2) / sigma) ** 2));
  const sum = weights.reduce((total, weight) => total + weight);
  return tensor(weights.map((weight) => weight / sum), { shape: [1, 1, size, 1], device });
}

/**
 * The distance of each pair of two batches [B, 3, h, w] in [−1, 1] by a network such as `Lpips`; nothing is recorded
 * for gradients.
 */
export function perceptualDistances(distance: (x: Tensor, y: Tensor) => Tensor, x: Tensor, y: Tensor): number[] {
  samePairs(x, y);
  return inferenceMode(() => scope(() => Array.from(distance(x, y).data(), Number)));
}

function wide(images: Tensor): Tensor {
  return images.to({ dtype: "float64" });
}

function samePairs(x: Tensor, y: Tensor): void {
  if (x.shape.length === 4 && x.shape.join() === y.shape.join()) return;
  throw new LatentError("metric.shape", {
    what: "Images are compared in pairs.",
    found: `${x.describe()} and ${y.describe()}`,
    wanted: "two batches [B, C, h, w] of the same shape",
  });
}
