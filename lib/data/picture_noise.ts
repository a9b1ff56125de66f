import { type Generator, linalgSvd, randn, scope, type Tensor, tensor } from "../tensor/mod.ts";

/** Normal noise of pictures: of each channel by itself, the same in all, or of channels that depend on each other. */
export type PictureNoise =
  | { readonly kind: "color" | "grey"; /** Standard deviation, of pictures in [0, 1]. */ readonly level: number }
  | { readonly kind: "correlated"; /** Of r, g and b, 3 × 3. */ readonly covariance: readonly (readonly number[])[] };

/** What three channels of eyes weigh. */
const luma = [0.299, 0.587, 0.114];

/**
 * Noise of the shape of pictures [B, 3, h, w]; to be added, or, multiplied by the pictures, as speckles.
 *
 * @param generator of the CPU, so that the draws are the same for every device
 */
export function normalNoise(x: Tensor, noise: PictureNoise, generator: Generator): Tensor {
  const [batch, channels, h, w] = x.shape as [number, number, number, number];
  return scope(() => {
    const drawn = randn([batch, noise.kind === "grey" ? 1 : channels, h, w], { generator });
    const scaled = noise.kind === "correlated" ? mixed(drawn, noise.covariance) : drawn.mul(noise.level);
    return scaled.to({ dtype: x.dtype, device: x.device }).expand([batch, channels, h, w]);
  });
}

/** Standard normal channels → channels of a covariance; of one that has negative eigenvalues their magnitudes count (as NumPy draws). */
function mixed(x: Tensor, covariance: readonly (readonly number[])[]): Tensor {
  const [values, vectors] = tensor(covariance.map((row) => [...row]), { dtype: "float64" }).linalgEigh();
  const root = vectors.mul(values.abs().sqrt()).to({ dtype: x.dtype });
  return root.matmul(x.flatten(2, 3)).reshape(x.shape);
}

/**
 * The covariance |level² Uᵀ D U| of bsrgan.py's correlated noise, element by element.
 *
 * @param diagonal of D, three shares
 * @param basis U, orthonormal
 */
export function noiseCovariance(
  level: number,
  diagonal: readonly number[],
  basis: readonly (readonly number[])[],
): number[][] {
  return diagonal.map((_, i) =>
    diagonal.map((_, j) =>
      Math.abs(level ** 2 * diagonal.reduce((sum, share, k) => sum + basis[k]![i]! * share * basis[k]![j]!, 0))
    )
  );
}

/** An orthonormal basis of what the columns of a square matrix span: its left singular vectors (SciPy's `orth`, up to signs). */
export function orthonormalBasis(matrix: readonly (readonly number[])[]): number[][] {
  const size = matrix.length;
  const flat = scope(() =>
    linalgSvd(tensor(matrix.map((row) => [...row]), { dtype: "float64" }))[0].contiguous().data()
  );
  return matrix.map((_, i) => Array.from({ length: size }, (_, j) => Number(flat[i * size + j])));
}

/**
 * Pictures [B, 3, h, w] in [0, 1] as `peak` photons a pixel of 1 would show them; `grey`: the noise of their brightness
 * in all channels (`add_Poisson_noise` of bsrgan.py). Rounded to 8 bits before, not after, and not clipped.
 *
 * @param generator of the CPU
 */
export function poissonNoise(
  x: Tensor,
  { peak, grey }: { readonly peak: number; readonly grey: boolean },
  generator: Generator,
): Tensor {
  return scope(() => {
    const clean = in8Bits(x);
    const photons = (light: Tensor) =>
      light.mul(peak).to({ device: "cpu" }).poisson(generator).div(peak).to({ device: x.device });
    if (!grey) return photons(clean);
    const weights = tensor(luma, { shape: [1, 3, 1, 1], dtype: x.dtype, device: x.device });
    const brightness = in8Bits(clean.mul(weights).sum([1], true));
    return clean.add(photons(brightness).sub(brightness));
  });
}

/** Rounded to multiples of 1/255 in [0, 1]. */
const in8Bits = (x: Tensor): Tensor => x.mul(255).round().clamp(0, 255).div(255);

/** Pictures in [0, 1] → uint8, clipped and rounded, halves to even. */
export function toUint8(x: Tensor): Tensor {
  return scope(() => x.clamp(0, 1).mul(255).round().to({ dtype: "uint8" }));
}
