import type { Tensor } from "../../tensor/mod.ts";
import { compute } from "../compute.ts";
import { type Sampler, sampling, type Seen, type Steps } from "./sampler.ts";
import { logStepOf } from "./sigma.ts";

/**
 * UniPC of order 2 on x0 with B(h) = e^−h − 1 (Zhao et al. 2023, UniP-2 and UniC-2, `bh2`), with h = λ'−λ and
 * D = (x0₋−x0)/r, r = (λ₋−λ)/h: the predictor is x' = √(1−ᾱ')/√(1−ᾱ)·x − √ᾱ'·B·(x0 + D/2); once x0' is seen there, the
 * corrector has ρ₁·D + ρ₂·(x0'−x0) in the place of D/2. The first and the last step are of first order, D = 0.
 * One evaluation a step: the corrected x is not looked at again.
 */
export const unipc: Sampler = (denoise, start, plan, noise, options): Steps =>
  sampling([denoise, start, plan, noise, options], (x, seen) => {
    const [now, ...past] = seen;
    const { alphaBar, alphaBarPrevious } = now.step;
    const firstOrder = past.length === 0 || now.step === plan.at(-1);
    return compute(() => {
      const clean = firstOrder ? now.x0 : now.x0.add(divided(now, past[0]!), { alpha: 0.5 });
      return corrected(x, now, past)
        .mul(Math.sqrt((1 - alphaBarPrevious) / (1 - alphaBar)))
        .add(clean, { alpha: -Math.sqrt(alphaBarPrevious) * Math.expm1(-logStepOf(now.step)) });
    });
  }, 2);

/** x as the predictor left it, corrected by what is seen there: by what changes in the sum above. */
function corrected(x: Tensor, now: Seen, [before, earlier]: readonly Seen[]): Tensor {
  if (before === undefined) return x;
  const h = logStepOf(before.step);
  const scale = -Math.sqrt(now.step.alphaBar) * Math.expm1(-h);
  const change = now.x0.sub(before.x0);
  if (earlier === undefined) return x.add(change, { alpha: scale / 2 });
  const [rho1, rho2] = corrector(-h, ratio(before, earlier));
  return x.add(divided(before, earlier), { alpha: scale * (rho1 - 0.5) }).add(change, { alpha: scale * rho2 });
}

/** ρ of ρ₁ + ρ₂ = φ₁/B and r·ρ₁ + ρ₂ = 2·φ₂/B at −h, where φ₁ = B/(−h) − 1 and φ₂ = φ₁/(−h) − ½. */
function corrector(hh: number, r: number): [rho1: number, rho2: number] {
  const b = Math.expm1(hh);
  const phi1 = b / hh - 1;
  const phi2 = phi1 / hh - 1 / 2;
  const rho1 = (2 * phi2 - phi1) / b / (r - 1);
  return [rho1, phi1 / b - rho1];
}

/** r = (λ₋−λ)/h. */
function ratio(now: Seen, before: Seen): number {
  return -logStepOf(before.step) / logStepOf(now.step);
}

/** D = (x0₋−x0)/r. */
function divided(now: Seen, before: Seen): Tensor {
  return before.x0.sub(now.x0).div(ratio(now, before));
}
