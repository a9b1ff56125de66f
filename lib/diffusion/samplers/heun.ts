import { compute } from "../compute.ts";
import { after } from "../plan.ts";
import { type Sampler, sampling, type Steps } from "./sampler.ts";
import { consistent, sigmaOf, wantSignal } from "./sigma.ts";

/**
 * Heun's method (Karras et al. 2022, algorithm 1): u' = u + (σ'−σ)·(d+d')/2 for u = x/√ᾱ, where d' is seen at the end of
 * Euler's step, u + (σ'−σ)·d. Two evaluations a step, but one where it leads to the clean image (σ' = 0), which is Euler's.
 *
 * @throws LatentError `usage.sampler` for a plan that begins at ᾱ = 0
 */
export const heun: Sampler = (denoise, start, plan, noise, options): Steps => {
  wantSignal("heun", plan[0]);
  const look = consistent(denoise);
  return sampling([look, start, plan, noise, options], async (_, [{ step, x0, eps }]) => {
    const { alphaBar, alphaBarPrevious } = step;
    const signal = Math.sqrt(alphaBarPrevious);
    const sigma = sigmaOf(alphaBarPrevious);
    if (sigma === 0) return compute(() => x0.mul(signal));
    using euler = compute(() => x0.add(eps, { alpha: sigma }).mul(signal));
    const ahead = await look(euler, after(step));
    using _x0 = ahead.x0;
    using next = ahead.eps;
    return compute(() => {
      const turned = next.sub(eps).mul((sigma - sigmaOf(alphaBar)) / 2);
      return turned.mul(signal).add(euler);
    });
  });
};
