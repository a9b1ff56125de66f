import { inferenceMode, type Noise, scope, type Tensor } from "../../tensor/mod.ts";
import type { Denoiser } from "../parameterization.ts";
import type { Plan } from "../plan.ts";
import type { SamplerStep } from "./sampler.ts";

/** Options of {@linkcode ddim}. */
export interface DdimOptions {
  /** 0 is deterministic and draws no noise, 1 has the variance of DDPM's posterior. @default {0} */
  eta?: number;
}

/**
 * DDIM (Song et al. 2021, eq. 12), the paper's sampler.
 *
 * @param denoise predicts x0 and ε for x [B, C, h, w] at a step of the plan
 * @param start x at the first step; it stays the caller's
 */
export async function* ddim(
  denoise: Denoiser,
  start: Tensor,
  plan: Plan,
  noise: Noise,
  { eta = 0 }: DdimOptions = {},
): AsyncGenerator<SamplerStep> {
  let x = start;
  for (const step of plan) {
    using _before = x === start ? undefined : x; // the caller's until it asked for this step
    const { alphaBar, alphaBarPrevious } = step;
    const { x0, eps } = await denoise(x, step);
    using _x0 = x0;
    using _eps = eps;
    const sigma = eta * Math.sqrt((1 - alphaBarPrevious) / (1 - alphaBar) * (1 - alphaBar / alphaBarPrevious));
    x = inferenceMode(() =>
      scope(() => {
        const mean = x0.mul(Math.sqrt(alphaBarPrevious)).add(eps, {
          alpha: Math.sqrt(1 - alphaBarPrevious - sigma ** 2),
        });
        return sigma > 0 ? mean.add(noise.normal(x.shape, x.device), { alpha: sigma }) : mean;
      })
    );
    yield { step, x, x0 };
  }
}
