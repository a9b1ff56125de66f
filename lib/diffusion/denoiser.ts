import { full, type Noise, type Tensor } from "../tensor/mod.ts";
import { compute, computeOn } from "./compute.ts";
import { type Denoiser, type Parameterization, predict } from "./parameterization.ts";
import type { Step } from "./plan.ts";

/** A network of (x, t): [B, C, h, w] and steps [B] → [B, C, h, w]. */
export interface Network {
  /** What the network says of x at steps t; a tensor of the caller's. */
  call(x: Tensor, t: Tensor): Tensor;
}

/**
 * The denoiser that a network is, by what it was trained to predict. It runs in inference mode, but where x requires
 * gradients. t is int64 where it is whole, else float32.
 */
export function denoiserOf(network: Network, parameterization: Parameterization = "eps"): Denoiser {
  return (x, step) => {
    const dtype = Number.isInteger(step.t) ? "int64" : "float32";
    return computeOn(x, () => {
      const t = full([x.shape[0]!], step.t, { dtype, device: x.device });
      return predict(parameterization, network.call(x, t), x, step.alphaBar);
    });
  };
}

/** A denoiser whose x0 is replaced, such as by clamping it or by its nearest codes; ε stays as it was. */
export function withX0(denoise: Denoiser, map: (x0: Tensor) => Tensor): Denoiser {
  return async (x, step) => {
    const { x0, eps } = await denoise(x, step);
    using _x0 = x0;
    try {
      return { x0: computeOn(x, () => map(x0)), eps };
    } catch (error) {
      eps.dispose();
      throw error;
    }
  };
}

/**
 * A sampler's hook that keeps the known part of a latent: √ᾱ·z0 + √(1−ᾱ)·z there, noised anew ahead of each step, and x
 * elsewhere (the original's `mask` and `x0`; eq. 8 of Lugmayr et al. 2022).
 *
 * @param z0 [B, C, h, w]
 * @param mask [B or 1, C or 1, h, w], 1 where z0 is kept
 */
export function keepKnown(z0: Tensor, mask: Tensor): (x: Tensor, step: Step, noise: Noise) => Tensor {
  return (x, { alphaBar }, noise) =>
    compute(() => {
      const drawn = noise.normal(x.shape, x.device);
      const known = z0.mul(Math.sqrt(alphaBar)).add(drawn, { alpha: Math.sqrt(1 - alphaBar) });
      return known.mul(mask).add(x.mul(mask.rsub(1)));
    });
}
