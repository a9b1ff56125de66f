import { LatentError } from "../base/mod.ts";

/** How much noise each step t = 0 … T−1 has; all tables in float64. */
export interface Schedule {
  /** β_t, the variance that step t adds. */
  betas: Float64Array;
  /** ᾱ_t, the share of the signal's variance that is left (section 3.2 and appendix B). */
  alphasCumprod: Float64Array;
}

/** Options of {@linkcode linearSqrt}. */
export interface ScheduleOptions {
  /** T. @default {1000} */
  steps?: number;
  /** β at t = 0. @default {0.0015} */
  start?: number;
  /** β at t = T − 1. @default {0.0195} */
  end?: number;
}

/** The paper's schedule, linear in √β; the original calls it "linear" (make_beta_schedule, diffusionmodules/util.py). */
export function linearSqrt({ steps = 1000, start = 0.0015, end = 0.0195 }: ScheduleOptions = {}): Schedule {
  const from = Math.sqrt(start);
  const to = Math.sqrt(end);
  return scheduleOf(
    Float64Array.from({ length: steps }, (_, i) => (from + (to - from) * (steps === 1 ? 0 : i / (steps - 1))) ** 2),
  );
}

/** The tables that follow from β. @throws LatentError `config.schedule` for a β outside of (0, 1) */
export function scheduleOf(betas: Float64Array): Schedule {
  const wrong = betas.findIndex((beta) => !(beta > 0 && beta < 1));
  if (wrong >= 0 || betas.length === 0) {
    throw new LatentError("config.schedule", {
      what: "This noise schedule cannot be used",
      found: betas.length === 0 ? "no steps" : `β = ${betas[wrong]} at t = ${wrong}`,
      wanted: "at least one step, and 0 < β < 1 for each",
    });
  }
  let product = 1;
  return { betas, alphasCumprod: betas.map((beta) => product *= 1 - beta) };
}
