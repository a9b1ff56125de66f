import { compute } from "../compute.ts";
import { consistent, ratioOf, sigmaOf } from "./sigma.ts";
import { type EtaOptions, type Sampler, sampling, type Steps } from "./sampler.ts";

/**
 * Euler's method on the ODE du/dσ = d of Karras et al. 2022 (algorithm 1 without its correction) for u = x/√ᾱ and
 * σ = √(1−ᾱ)/√ᾱ: u' = u + (σ'−σ)·d = x0 + σ'·d with d = (u−x0)/σ. DDIM with η = 0, but that d follows a replaced x0.
 */
export const euler: Sampler = (denoise, start, plan, noise, options = {}): Steps =>
  eulerAncestral(denoise, start, plan, noise, { ...options, eta: 0 });

/**
 * Euler's method with ancestral steps (k-diffusion's `sample_euler_ancestral`): down to σ↓, then noise up to σ',
 * u' = x0 + σ↓·d + σ↑·z with σ↑ = η·σ'·√(1−σ'²/σ²) and σ↓² = σ'² − σ↑². η is 1 unless given.
 */
export const eulerAncestral: Sampler<EtaOptions> = (denoise, start, plan, noise, options = {}): Steps => {
  const { eta = 1 } = options;
  return sampling([consistent(denoise), start, plan, noise, options], (_, [{ step, x0, eps }], draw) => {
    const { alphaBarPrevious } = step;
    const sigma = sigmaOf(alphaBarPrevious);
    const up = Math.min(sigma, eta * sigma * Math.sqrt(1 - ratioOf(step) ** 2));
    const signal = Math.sqrt(alphaBarPrevious);
    return compute(() => draw(x0.add(eps, { alpha: Math.sqrt(sigma ** 2 - up ** 2) }).mul(signal), signal * up));
  });
};
