import { compute } from "../compute.ts";
import type { Prediction } from "../parameterization.ts";
import { after, type Step } from "../plan.ts";
import { wantSignal } from "./sigma.ts";
import { type Sampler, sampling, type Steps } from "./sampler.ts";

/** What the newest ε and those before it weigh, by how many there are (Adams and Bashforth; Liu et al. 2022). */
const weights = [
  [1],
  [3 / 2, -1 / 2],
  [23 / 12, -16 / 12, 5 / 12],
  [55 / 24, -59 / 24, 37 / 24, -9 / 24],
];

/**
 * Pseudo linear multistep (Liu et al. 2022, PNDM), as the original's PLMSSampler: DDIM's step with a combination e of
 * the last four ε, x' = √ᾱ'·(x0 + σ·(ε−e)) + √(1−ᾱ')·e with σ = √(1−ᾱ)/√ᾱ. The first step takes the mean of ε here and
 * at the end of a provisional step, which is one evaluation more; a plan of one step to the clean image has none.
 *
 * @throws LatentError `usage.sampler` for a plan that begins at ᾱ = 0
 */
export const plms: Sampler = (denoise, start, plan, noise, options): Steps => {
  wantSignal("plms", plan[0]);
  return sampling([denoise, start, plan, noise, options], async (_, seen) => {
    const [{ step, x0, eps }, ...past] = seen;
    const average = past.length > 0 || step.alphaBarPrevious === 1 ? undefined : await (async () => {
      using provisional = compute(() => stepped(step, { x0, eps }).x);
      const ahead = await denoise(provisional, after(step));
      using _x0 = ahead.x0;
      using next = ahead.eps;
      return compute(() => eps.add(next).mul(0.5));
    })();
    using _average = average;
    return compute(() => {
      const [first, ...rest] = weights[past.length]!;
      const e = average ?? past.reduce((sum, { eps }, i) => sum.add(eps, { alpha: rest[i]! }), eps.mul(first!));
      const corrected = x0.add(eps.sub(e), { alpha: Math.sqrt((1 - step.alphaBar) / step.alphaBar) });
      return stepped(step, { x0: corrected, eps: e });
    });
  }, 3);
};

/** DDIM's step without noise. */
function stepped({ alphaBarPrevious }: Step, { x0, eps }: Prediction) {
  return { x: x0.mul(Math.sqrt(alphaBarPrevious)).add(eps, { alpha: Math.sqrt(1 - alphaBarPrevious) }), x0 };
}
