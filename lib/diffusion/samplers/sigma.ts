import { LatentError } from "../../base/mod.ts";
import { compute } from "../compute.ts";
import type { Denoiser } from "../parameterization.ts";
import type { Step } from "../plan.ts";

/** σ = √(1−ᾱ)/√ᾱ, the noise in x/√ᾱ (Karras et al. 2022); infinite where nothing is left of the signal. */
export function sigmaOf(alphaBar: number): number {
  return Math.sqrt((1 - alphaBar) / alphaBar);
}

/** σ'/σ of a step, which is finite also where σ is not. */
export function ratioOf({ alphaBar, alphaBarPrevious }: Step): number {
  return Math.sqrt((1 - alphaBarPrevious) / (1 - alphaBar) * alphaBar / alphaBarPrevious);
}

/** h = λ' − λ of a step, λ = ln √ᾱ/√(1−ᾱ) = −ln σ (Lu et al. 2022); infinite to the clean image and from pure noise. */
export function logStepOf(step: Step): number {
  return -Math.log(ratioOf(step));
}

/** A denoiser whose ε follows from its x0: d = (u−x0)/σ = (x−√ᾱ·x0)/√(1−ᾱ), so that a replaced x0 steers. */
export function consistent(denoise: Denoiser): Denoiser {
  return async (x, step) => {
    const { x0, eps } = await denoise(x, step);
    using _eps = eps;
    return {
      x0,
      eps: compute(() => x.sub(x0, { alpha: Math.sqrt(step.alphaBar) }).div(Math.sqrt(1 - step.alphaBar))),
    };
  };
}

/** Refuses plans that begin at infinite σ. @throws LatentError `usage.sampler` */
export function wantSignal(name: string, step: Step | undefined): void {
  if (step === undefined || step.alphaBar > 0) return;
  throw new LatentError("usage.sampler", {
    what: `The sampler ${name} cannot start where nothing is left of the signal`,
    found: `ᾱ = 0 at t = ${step.t}`,
    wanted: "ᾱ > 0",
    mend: "Use ddim, ddpm, euler, dpmpp-2m or unipc for a schedule with zero terminal SNR.",
  });
}
