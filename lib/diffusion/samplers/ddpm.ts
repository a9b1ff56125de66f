import { compute } from "../compute.ts";
import { stepPosterior } from "../posterior.ts";
import { type Sampler, type SamplerOptions, sampling, type Steps } from "./sampler.ts";

/** Options of {@linkcode ddpm}. */
export interface DdpmOptions extends SamplerOptions {
  /** Share of β in the variance of a step, the rest being the posterior's; the original's `v_posterior`. @default {0} */
  posteriorBeta?: number;
}

/**
 * Ancestral sampling (Ho et al. 2020, algorithm 2): x' is drawn from the posterior of their eq. 7, with the mean
 * √ᾱ'·β/(1−ᾱ)·x0 + √α·(1−ᾱ')/(1−ᾱ)·x and the variance (1−v)·β·(1−ᾱ')/(1−ᾱ) + v·β, where α = ᾱ/ᾱ' and β = 1−α, so that
 * plans may skip steps. No noise is drawn on the way to the clean image.
 */
export const ddpm: Sampler<DdpmOptions> = (denoise, start, plan, noise, options = {}): Steps => {
  const { posteriorBeta = 0 } = options;
  return sampling([denoise, start, plan, noise, options], (x, [{ step, x0 }], draw) => {
    const posterior = stepPosterior(step, posteriorBeta);
    const deviation = step.alphaBarPrevious === 1 ? 0 : Math.sqrt(posterior.variance);
    return compute(() => draw(x0.mul(posterior.x0).add(x, { alpha: posterior.x }), deviation));
  });
};
