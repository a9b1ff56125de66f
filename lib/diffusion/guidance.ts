import { cat, enableGrad, grad, scope, type Tensor } from "../tensor/mod.ts";
import { compute, computeOn } from "./compute.ts";
import { type Denoiser, type Parameterization, predict, type Prediction } from "./parameterization.ts";
import type { Step } from "./plan.ts";

/**
 * What is guided: the denoiser with the condition, and what it is led away from, without a condition or with a negative
 * one; that by itself, or with the condition in one call: `both` gets x twice, [2B, C, h, w], its first B rows without.
 */
export type Branches =
  | { conditional: Denoiser; unconditional: Denoiser }
  | { conditional: Denoiser; both: Denoiser };

/** Options of {@linkcode guided}. */
export interface GuidanceOptions {
  /** s of ε = ε_u + s·(ε_c − ε_u); at 1 the condition alone is looked at. */
  scale: number;
  /** φ of Lin et al. 2024, eq. 15 and 16: how far the result gets the deviation of the conditional output. @default {0} */
  rescale?: number;
  /** What the network predicts, whose deviation that is. @default {"eps"} */
  parameterization?: Parameterization;
  /** The least and the largest t that are guided; at others the condition alone is looked at. @default {all} */
  interval?: readonly [least: number, most: number];
}

/** Classifier-free guidance (Ho & Salimans 2021, eq. 6, with s = 1 + w) as a denoiser. */
export function guided(branches: Branches, options: GuidanceOptions): Denoiser {
  const { scale, rescale = 0, parameterization = "eps", interval: [least, most] = [-Infinity, Infinity] } = options;
  return async (x, step) => {
    if (scale === 1 || step.t < least || step.t > most) return branches.conditional(x, step);
    const [without, given] = await bothOf(branches, x, step);
    try {
      return computeOn(x, () => {
        const lead = (key: keyof Prediction) => without[key].lerp(given[key], scale);
        const result = { x0: lead("x0"), eps: lead("eps") };
        if (rescale === 0) return result;
        const output = outputOf(parameterization, result, step);
        const factor = deviation(outputOf(parameterization, given, step)).div(deviation(output));
        return predict(parameterization, output.mul(factor.mul(rescale).add(1 - rescale)), x, step.alphaBar);
      });
    } finally {
      free(without);
      free(given);
    }
  };
}

/** The predictions without the condition and with it. */
async function bothOf(branches: Branches, x: Tensor, step: Step): Promise<[Prediction, Prediction]> {
  if ("unconditional" in branches) {
    const without = await branches.unconditional(x, step);
    try {
      return [without, await branches.conditional(x, step)];
    } catch (error) {
      free(without);
      throw error;
    }
  }
  using twice = computeOn(x, () => cat([x, x]));
  const joined = await branches.both(twice, step);
  using x0 = joined.x0;
  using eps = joined.eps;
  return computeOn(x, () => {
    const [x0s, epss] = [x0.chunk(2), eps.chunk(2)];
    return [{ x0: x0s[0]!, eps: epss[0]! }, { x0: x0s[1]!, eps: epss[1]! }];
  });
}

/** What a network would have said; the inverse of {@linkcode predict}. */
function outputOf(parameterization: Parameterization, { x0, eps }: Prediction, { alphaBar }: Step): Tensor {
  if (parameterization !== "v") return parameterization === "eps" ? eps : x0;
  return eps.mul(Math.sqrt(alphaBar)).sub(x0, { alpha: Math.sqrt(1 - alphaBar) });
}

/** Of each image: [B, …] → [B, 1, …]. */
function deviation(x: Tensor): Tensor {
  return x.std(x.shape.slice(1).map((_, i) => i + 1), { keepdim: true });
}

function free({ x0, eps }: Prediction): void {
  x0.dispose();
  eps.dispose();
}

/**
 * Guidance of an unconditional model by the gradient of a function of x0, through the network (the paper's appendix
 * on guiding by an image: ε + √(1−ᾱ)·∇ₓ of a distance, such as ½‖y − T(x0)‖²): each step goes down the function.
 *
 * @param denoise one that keeps gradients, as {@linkcode denoiserOf} does for an x that requires them
 * @param loss of x0 [B, C, h, w] at a step: a scalar or [B], in tensor operations
 * @param scale what its gradient is multiplied by
 */
export function guidedBy(denoise: Denoiser, loss: (x0: Tensor, step: Step) => Tensor, scale = 1): Denoiser {
  return async (x, step) => {
    using leaf = x.clone().requiresGrad_(); // a copy outside of inference mode, which autograd can follow
    const seen = await enableGrad(() => denoise(leaf, step));
    try {
      return scope(() => {
        const [slope] = enableGrad(() => grad([loss(seen.x0, step).sum(null)], [leaf]));
        const noise = Math.sqrt(1 - step.alphaBar) * scale;
        return compute(() => ({
          x0: seen.x0.sub(slope!, { alpha: noise * Math.sqrt((1 - step.alphaBar) / step.alphaBar) }),
          eps: seen.eps.add(slope!, { alpha: noise }),
        }));
      });
    } finally {
      free(seen);
    }
  };
}
