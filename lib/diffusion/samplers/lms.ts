import { compute } from "../compute.ts";
import { type Sampler, sampling, type Steps } from "./sampler.ts";
import { consistent, sigmaOf, wantSignal } from "./sigma.ts";

/**
 * Linear multistep (Adams and Bashforth's on uneven steps; k-diffusion's `sample_lms`): u' = u + Σⱼ cⱼ·dⱼ over the last
 * four d for u = x/√ᾱ, cⱼ being ∫ of Lagrange's polynomial Πₖ (τ−σₖ)/(σⱼ−σₖ) from σ to σ'.
 *
 * @throws LatentError `usage.sampler` for a plan that begins at ᾱ = 0
 */
export const lms: Sampler = (denoise, start, plan, noise, options): Steps => {
  wantSignal("lms", plan[0]);
  return sampling([consistent(denoise), start, plan, noise, options], (_, seen) => {
    const [{ x0, step: { alphaBar, alphaBarPrevious } }] = seen;
    const weights = coefficients(seen.map(({ step }) => sigmaOf(step.alphaBar)), sigmaOf(alphaBarPrevious));
    weights[0]! += sigmaOf(alphaBar); // for u is x0 + σ·d, which is the nearer the smaller σ' is
    return compute(() => {
      const u = seen.reduce((sum, { eps }, j) => sum.add(eps, { alpha: weights[j]! }), x0);
      return u.mul(Math.sqrt(alphaBarPrevious));
    });
  }, 3);
};

/** cⱼ of the nodes σ, the newest first; Gauss and Legendre's two points are exact for cubics. */
function coefficients(nodes: readonly number[], end: number): number[] {
  const [middle, half] = [(nodes[0]! + end) / 2, (end - nodes[0]!) / 2];
  const points = [-1, 1].map((side) => middle + side * half / Math.sqrt(3));
  const basis = (j: number, at: number) =>
    nodes.reduce((product, node, k) => k === j ? product : product * (at - node) / (nodes[j]! - node), 1);
  return nodes.map((_, j) => points.reduce((sum, at) => sum + half * basis(j, at), 0));
}
