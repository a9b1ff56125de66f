import type { Step } from "./plan.ts";

/** q(x at tPrevious | x at t, x0) (Ho et al. 2020, eq. 7), a Gaussian. */
export interface StepPosterior {
  /** How much of x0 is in its mean. */
  x0: number;
  /** How much of x is in its mean. */
  x: number;
  /** Of every element. */
  variance: number;
}

/**
 * The posterior of a step, by its ᾱ alone; for steps of a plan as for neighbours in a schedule.
 *
 * @param posteriorBeta share of the upper bound β in the variance, the original's `v_posterior`
 */
export function stepPosterior(
  { alphaBar, alphaBarPrevious }: Pick<Step, "alphaBar" | "alphaBarPrevious">,
  posteriorBeta = 0,
): StepPosterior {
  const alpha = alphaBar / alphaBarPrevious;
  const noise = 1 - alphaBar;
  const lower = (1 - alpha) * (1 - alphaBarPrevious) / noise;
  return {
    x0: (1 - alpha) * Math.sqrt(alphaBarPrevious) / noise,
    x: Math.sqrt(alpha) * (1 - alphaBarPrevious) / noise,
    variance: (1 - posteriorBeta) * lower + posteriorBeta * (1 - alpha),
  };
}
