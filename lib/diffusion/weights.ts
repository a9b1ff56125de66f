import type { Parameterization } from "./parameterization.ts";
import { stepPosterior } from "./posterior.ts";
import type { Schedule } from "./schedule.ts";

/** float32's rounding, which the original's tables have. */
const single = Math.fround;

/**
 * Weight of each step's squared error in the variational bound (Ho et al. 2020, eq. 12), as the original has it
 * (`lvlb_weights`, ddpm.py): from float32 tables, step 0 weighs as step 1, and for x0 the divisor is 2 − ᾱ where the
 * bound has another. For v, which the original does not know, it is the bound's.
 *
 * @param posteriorBeta share of β in the posterior's variance
 */
export function boundWeights(
  { betas, alphasCumprod }: Schedule,
  predict: Parameterization,
  posteriorBeta = 0,
): Float64Array {
  const weights = betas.map((beta, t) => {
    const [alphaBar, alphaBarPrevious] = [alphasCumprod[t]!, t === 0 ? 1 : alphasCumprod[t - 1]!];
    if (predict === "x0") return 0.5 * Math.sqrt(single(alphaBar)) / (2 - single(alphaBar));
    const { variance } = stepPosterior({ alphaBar, alphaBarPrevious }, posteriorBeta);
    const common = single(beta) ** 2 / (2 * single(variance) * (1 - single(alphaBar)));
    return predict === "eps" ? common / single(1 - beta) : common * alphaBarPrevious; // ᾱ of v's error, over α
  });
  weights[0] = weights[1] ?? 0;
  return weights;
}

/**
 * Min-SNR weights (Hang et al. 2023): the error of x0 at each step weighs SNR = ᾱ/(1 − ᾱ), at most γ, whatever is
 * predicted.
 */
export function minSnrWeights({ alphasCumprod }: Schedule, predict: Parameterization, gamma: number): Float64Array {
  return alphasCumprod.map((alphaBar) => {
    const snr = alphaBar / (1 - alphaBar);
    return { x0: Math.min(snr, gamma), eps: Math.min(1, gamma / snr), v: Math.min(snr, gamma) / (snr + 1) }[predict];
  });
}
