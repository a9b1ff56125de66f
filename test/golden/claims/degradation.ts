/** Pieces of the degradation of pictures for super-resolution without their random draws. @module */
import assert from "node:assert/strict";
import {
  anisotropicKernel,
  type BlurKernel,
  convolve,
  imresize,
  interpolate,
  isotropicKernel,
  noiseCovariance,
  orthonormalBasis,
  shiftedKernel,
  toUint8,
} from "../../../lib/data/mod.ts";
import { scope, type Tensor, tensor } from "../../../lib/tensor/mod.ts";
import { device } from "../../device.ts";
import type { DegradationFacts } from "../degradation.ts";
import type { Claim, Golden } from "../golden.ts";

/** The number that OpenCV gives an interpolation, less 1. */
const interpolations = ["bilinear", "bicubic", "area"] as const;

/** A stored picture [h, w, 3] as [1, 3, h, w], in float64: the original adds up blurs in it. */
const picture = (golden: Golden, name: string): Tensor =>
  golden.stored(name).to({ dtype: "float64" }).permute([2, 0, 1]).unsqueeze(0);

const flat = (x: Tensor): Tensor => x.squeeze(0).permute([1, 2, 0]);

function kernelsOf(facts: DegradationFacts): Map<string, BlurKernel> {
  return new Map([
    ...facts.kernels.map(({ name, ksize, theta, l1, l2 }) => [name, anisotropicKernel(ksize, theta, l1, l2)] as const),
    ...facts.isotropic.map(({ name, size, sigma }) => [name, isotropicKernel(size, sigma)] as const),
    ...facts.shift.map(({ name, size, sigma, sf, upper_left }) => {
      const shift = (upper_left ? 0.5 : -0.5) * (sf - 1);
      return [name, shiftedKernel(isotropicKernel(size, sigma), shift)] as const;
    }),
  ]);
}

function pieces(golden: Golden, facts: DegradationFacts): void {
  const kernels = kernelsOf(facts);
  for (const [name, { size, weights }] of kernels) {
    golden.check(name, tensor(Float32Array.from(weights), { shape: [size, size], device }));
  }
  for (const { name, image, kernel } of facts.blur) {
    golden.check(name, flat(convolve(picture(golden, `image.${image}`), kernels.get(kernel)!)));
  }
  for (const { name, image, height, width, interpolation } of facts.cv2_resize) {
    const how = interpolations[interpolation - 1]!;
    golden.check(name, flat(interpolate(picture(golden, `image.${image}`), [height, width], how)));
  }
  for (const { name, image, scale, antialiasing } of facts.imresize) {
    golden.check(name, flat(imresize(picture(golden, `image.${image}`), scale, antialiasing)));
  }
  for (const { name, image, sigma, sf } of facts.downsample2_shifted) {
    const blurred = convolve(
      picture(golden, `image.${image}`),
      shiftedKernel(isotropicKernel(25, sigma), (sf - 1) / 2),
    );
    golden.check(name, flat(blurred.slice(2, 0, null, sf).slice(3, 0, null, sf)));
  }
  golden.check("single2uint", toUint8(golden.stored("single2uint.input")));
  golden.check("uint2single", golden.stored("uint8.a").to({ dtype: "float32" }).div(255));
  for (const { diagonal, matrix, level2, covariance } of facts.noise) {
    const ours = noiseCovariance(level2 / 255, diagonal, orthonormalBasis(matrix)).flat();
    ours.forEach((value, i) => assert.ok(Math.abs(value - covariance.flat()[i]!) < 1e-12));
  }
}

/** Claims about degradations. */
export const degradations: readonly Claim[] = [{
  says: "kernels, blurs, resizing, rounding and the covariance of noise are the original's",
  applies: ({ facts }) => facts.degradation !== undefined,
  body: (golden) => scope(() => pieces(golden, golden.facts.degradation!)),
}];
