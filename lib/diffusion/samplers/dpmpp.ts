import { compute } from "../compute.ts";
import { type EtaOptions, type Sampler, type SamplerOptions, sampling, type Steps } from "./sampler.ts";
import { logStepOf, ratioOf } from "./sigma.ts";

/**
 * DPM-Solver++(2M) (Lu et al. 2022b, algorithm 2): with h = λ'−λ, r = (λ−λ₋)/h and D = x0 + (x0−x0₋)/(2r),
 * x' = √(1−ᾱ')/√(1−ᾱ)·x − √ᾱ'·(e^−h−1)·D. The first step and that to the clean image are of first order, D = x0.
 */
export const dpmpp2m: Sampler<SamplerOptions> = (denoise, start, plan, noise, options = {}): Steps =>
  dpmpp2mSde(denoise, start, plan, noise, { ...options, eta: 0 });

/**
 * The SDE form of DPM-Solver++(2M) (Lu et al. 2022b; η as in k-diffusion's `sample_dpmpp_2m_sde`):
 * x' = √(1−ᾱ')/√(1−ᾱ)·e^−ηh·x + √ᾱ'·(1−e^−(1+η)h)·D + √(1−ᾱ')·√(1−e^−2ηh)·z. η is 1 unless given; 0 is dpmpp2m.
 */
export const dpmpp2mSde: Sampler<EtaOptions> = (denoise, start, plan, noise, options = {}): Steps => {
  const { eta = 1 } = options;
  return sampling([denoise, start, plan, noise, options], (x, [{ step, x0 }, before], draw) => {
    const { alphaBar, alphaBarPrevious } = step;
    const h = logStepOf(step);
    const damped = ratioOf(step) ** eta; // e^−ηh, and 1 for η = 0 also where h is infinite
    const order2 = h === Infinity || before === undefined ? 0 : h / (2 * logStepOf(before.step));
    const kept = Math.sqrt((1 - alphaBarPrevious) / (1 - alphaBar)) * damped;
    const gained = Math.sqrt(alphaBarPrevious) * (1 - ratioOf(step) * damped);
    return compute(() => {
      const clean = order2 === 0 ? x0 : x0.add(x0.sub(before!.x0), { alpha: order2 });
      return draw(x.mul(kept).add(clean, { alpha: gained }), Math.sqrt((1 - alphaBarPrevious) * (1 - damped ** 2)));
    });
  }, 1);
};
