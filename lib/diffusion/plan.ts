import { LatentError } from "../base/mod.ts";
import type { Schedule } from "./schedule.ts";

/** One step of a sampler, from t down to tPrevious. */
export interface Step {
  /** Position in the plan, 0 first. */
  index: number;
  /** The step that the network is told, 0 … T−1. */
  t: number;
  /** Where the step leads; −1 is the clean image. */
  tPrevious: number;
  /** ᾱ(t). */
  alphaBar: number;
  /** ᾱ(tPrevious); 1 for the clean image, ᾱ(0) for the plan `compvis`. */
  alphaBarPrevious: number;
}

/** From the largest t down. */
export type Plan = readonly Step[];

/** How the steps of a plan are spaced over 0 … T−1. */
export type Spacing = "leading" | "trailing" | "linspace" | "compvis";

/**
 * A plan of S of the schedule's T steps.
 *
 * - `trailing`: starts at T − 1, then every T/S-th (Lin et al. 2024, table 2)
 * - `leading`: multiples of ⌊T/S⌋ from 0
 * - `linspace`: from T − 1 to 0, evenly
 * - `compvis`: the original's list, multiples of ⌊T/S⌋ plus 1, ending on ᾱ(0) (make_ddim_timesteps, util.py); refused
 *   where it has another length than S or leaves the schedule
 *
 * @throws LatentError `usage.steps` when S is not in 1 … T
 */
export function makePlan({ alphasCumprod }: Schedule, steps: number, spacing: Spacing = "trailing"): Plan {
  const total = alphasCumprod.length;
  if (!Number.isInteger(steps) || steps < 1 || steps > total) {
    throw new LatentError("usage.steps", {
      what: "This number of steps cannot be sampled",
      found: `${steps}`,
      wanted: `a whole number from 1 to ${total}`,
    });
  }
  const ascending = timesteps(total, steps, spacing);
  const last = spacing === "compvis" ? { t: 0, alphaBar: alphasCumprod[0]! } : { t: -1, alphaBar: 1 };
  return ascending.map((t, i): Step => ({
    index: steps - 1 - i,
    t,
    tPrevious: i === 0 ? last.t : ascending[i - 1]!,
    alphaBar: alphasCumprod[t]!,
    alphaBarPrevious: i === 0 ? last.alphaBar : alphasCumprod[ascending[i - 1]!]!,
  })).reverse();
}

/** The chosen t, smallest first, all different. */
function timesteps(total: number, steps: number, spacing: Spacing): number[] {
  const at = (f: (i: number) => number) => Array.from({ length: steps }, (_, i) => f(i));
  const stride = Math.floor(total / steps);
  switch (spacing) {
    case "leading":
      return at((i) => i * stride);
    case "trailing":
      return at((i) => Math.round((i + 1) * total / steps) - 1);
    case "linspace":
      return at((i) => steps === 1 ? total - 1 : Math.round(i * (total - 1) / (steps - 1)));
    case "compvis": {
      const count = Math.ceil(total / stride);
      if (count === steps && (steps - 1) * stride + 1 < total) return at((i) => i * stride + 1);
      throw new LatentError("usage.steps", {
        what: `The original's list of timesteps cannot be made for ${steps} of ${total} steps`,
        found: `${count} steps, the last at t = ${(count - 1) * stride + 1}`,
        wanted: `${steps} steps below t = ${total}`,
        mend: "Use the spacing trailing, or a number of steps that divides T and is at most T/2.",
      });
    }
  }
}
