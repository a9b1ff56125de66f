import { compute } from "../compute.ts";
import { type EtaOptions, type Sampler, sampling, type Steps } from "./sampler.ts";

/**
 * DDIM (Song et al. 2021, eq. 12 and 16), the paper's sampler:
 * x' = √ᾱ'·x0 + √(1−ᾱ'−σ²)·ε + σ·z with σ = η·√((1−ᾱ')/(1−ᾱ))·√(1−ᾱ/ᾱ').
 * η is 0 unless given. ε stays the network's where a wrapper of the denoiser replaces x0.
 *
 * @param denoise predicts x0 and ε for x [B, C, h, w] at a step of the plan
 * @param start x at the first step; it stays the caller's
 */
export const ddim: Sampler<EtaOptions> = (denoise, start, plan, noise, options = {}): Steps => {
  const { eta = 0 } = options;
  return sampling([denoise, start, plan, noise, options], (_, [{ step, x0, eps }], draw) => {
    const { alphaBar, alphaBarPrevious } = step;
    const sigma = eta * Math.sqrt((1 - alphaBarPrevious) / (1 - alphaBar) * (1 - alphaBar / alphaBarPrevious));
    const direction = Math.sqrt(1 - alphaBarPrevious - sigma ** 2);
    return compute(() => draw(x0.mul(Math.sqrt(alphaBarPrevious)).add(eps, { alpha: direction }), sigma));
  });
};
