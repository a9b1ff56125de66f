import { LatentError } from "../base/mod.ts";
import { compvisTimesteps } from "./compvis_timesteps.ts";
import type { Schedule } from "./schedule.ts";

/** One step of a sampler, from t down to tPrevious. */
export interface Step {
  /** Position in the plan, 0 first. */
  index: number;
  /** The step that the network is told, 0 … T−1; between two of the schedule's steps in the plan `karras`. */
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

/** The spacings of {@linkcode makePlan}. */
export const spacings = ["trailing", "leading", "linspace", "karras", "compvis"] as const;

/** How the steps of a plan are spaced over 0 … T−1. */
export type Spacing = typeof spacings[number];

/**
 * A plan of S of the schedule's T steps.
 *
 * - `trailing`: starts at T − 1, then every T/S-th (Lin et al. 2024, table 2)
 * - `leading`: multiples of ⌊T/S⌋ from 0
 * - `linspace`: from T − 1 to 0, evenly
 * - `karras`: σ^(1/7) evenly from σ(T−1) to σ(0), with σ = √(1−ᾱ)/√ᾱ (Karras et al. 2022, eq. 5), whatever t that is: the
 *   network is told the fraction that interpolates ln σ, as k-diffusion does and diffusers' Euler
 * - `compvis`: the original's list, multiples of ⌊T/S⌋ plus 1, ending on ᾱ(0) (make_ddim_timesteps, util.py); refused
 *   where it has another length than S or leaves the schedule
 *
 * @throws LatentError `usage.steps` when S is not in 1 … T; `usage.spacing` for `karras` and a schedule that ends on ᾱ = 0
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
  const at = (t: number): Place => ({ t, alphaBar: alphasCumprod[t]! });
  const ascending = spacing === "karras" ? karras(alphasCumprod, steps) : timesteps(total, steps, spacing).map(at);
  const last = spacing === "compvis" ? at(0) : { t: -1, alphaBar: 1 };
  return ascending.map(({ t, alphaBar }, i): Step => {
    const previous = ascending[i - 1] ?? last;
    return { index: steps - 1 - i, t, tPrevious: previous.t, alphaBar, alphaBarPrevious: previous.alphaBar };
  }).reverse();
}

/** The part of a plan from its first step at or below t on: for what begins with less than full noise. */
export function startingAt(plan: Plan, t: number): Plan {
  return plan.filter((step) => step.t <= t).map((step, index) => ({ ...step, index }));
}

/** The step from where another ends, to the same end: for methods that look there before they go. */
export function after(step: Step): Step {
  return { ...step, t: step.tPrevious, alphaBar: step.alphaBarPrevious };
}

/** A place on the schedule. */
type Place = Pick<Step, "t" | "alphaBar">;

/** σ from σ(0) up to σ(T−1) in even steps of σ^(1/7). */
function karras(alphasCumprod: Float64Array, steps: number): Place[] {
  const sigmas = alphasCumprod.map((alphaBar) => Math.sqrt((1 - alphaBar) / alphaBar));
  const [least, most] = [sigmas[0]!, sigmas.at(-1)!];
  if (!Number.isFinite(most)) {
    throw new LatentError("usage.spacing", {
      what: "Karras's spacing needs a largest σ",
      found: "a schedule with zero terminal SNR",
      mend: "Use the spacing trailing.",
    });
  }
  const root = (sigma: number) => sigma ** (1 / 7);
  return Array.from({ length: steps }, (_, i) => {
    const share = steps === 1 ? 1 : i / (steps - 1);
    const sigma = share === 1 ? most : share === 0 ? least : (root(least) + share * (root(most) - root(least))) ** 7;
    return { t: placeOf(sigma, sigmas), alphaBar: 1 / (1 + sigma ** 2) };
  });
}

/** The t, mostly a fraction, at which ln σ between those of the schedule is that of `sigma`. */
function placeOf(sigma: number, sigmas: Float64Array): number {
  const above = sigmas.findIndex((at) => at >= sigma);
  if (above <= 0) return 0;
  const [low, high] = [sigmas[above - 1]!, sigmas[above]!];
  return above - 1 + Math.log(sigma / low) / Math.log(high / low);
}

/** The chosen t, smallest first, all different. */
function timesteps(total: number, steps: number, spacing: Exclude<Spacing, "karras">): number[] {
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
      const list = compvisTimesteps("uniform", total, steps);
      if (list.length === steps && list.at(-1)! < total) return list;
      throw new LatentError("usage.steps", {
        what: `The original's list of timesteps cannot be made for ${steps} of ${total} steps`,
        found: `${list.length} steps, the last at t = ${list.at(-1)}`,
        wanted: `${steps} steps below t = ${total}`,
        mend: "Use the spacing trailing, or a number of steps that divides T and is at most T/2.",
      });
    }
  }
}
