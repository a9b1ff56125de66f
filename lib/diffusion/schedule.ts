import { LatentError } from "../base/mod.ts";

/** How much noise each step t = 0 … T−1 has; all tables in float64. */
export interface Schedule {
  /** β_t, the variance that step t adds. */
  betas: Float64Array;
  /** ᾱ_t, the share of the signal's variance that is left (section 3.2 and appendix B). */
  alphasCumprod: Float64Array;
}

/** How noise grows, as data: what a config and a model file hold. */
export interface ScheduleOptions {
  /** What grows evenly: √β, β, β², or the angle whose squared cosine is ᾱ. @default {"linear-sqrt"} */
  kind?: "linear-sqrt" | "linear" | "sqrt" | "cosine";
  /** T. @default {1000} */
  steps?: number;
  /** β at t = 0, not of `cosine`. @default {0.0015} */
  start?: number;
  /** β at t = T − 1, not of `cosine`. @default {0.0195} */
  end?: number;
  /** What the angle of `cosine` begins with, as a share of its whole. @default {0.008} */
  offset?: number;
  /** Leave nothing of the signal at t = T − 1 (Lin et al. 2024, algorithm 1). @default {false} */
  zeroTerminalSnr?: boolean;
}

/**
 * The tables of a schedule (make_beta_schedule, diffusionmodules/util.py, which calls these kinds "linear",
 * "sqrt_linear", "sqrt" and "cosine"). The cosine (Nichol & Dhariwal 2021) has β of at most 0.999.
 *
 * @throws LatentError `config.schedule` where β leaves (0, 1); it is 1 at the last step of a zero terminal SNR alone
 */
export function makeSchedule(options: ScheduleOptions = {}): Schedule {
  const { kind = "linear-sqrt", steps = 1000, start = 0.0015, end = 0.0195, offset = 0.008 } = options;
  const even = (from: number, to: number) => (i: number) => from + (to - from) * (steps === 1 ? 0 : i / (steps - 1));
  const angle = (i: number) => (i / steps + offset) / (1 + offset) * Math.PI / 2;
  const betaOf = {
    "linear-sqrt": (i: number) => even(Math.sqrt(start), Math.sqrt(end))(i) ** 2,
    linear: even(start, end),
    sqrt: (i: number) => Math.sqrt(even(start, end)(i)),
    cosine: (i: number) => Math.min(0.999, 1 - (Math.cos(angle(i + 1)) / Math.cos(angle(i))) ** 2),
  }[kind];
  const schedule = scheduleOf(Float64Array.from({ length: steps }, (_, i) => betaOf(i)));
  return options.zeroTerminalSnr ? withoutTerminalSignal(schedule) : schedule;
}

/** The paper's schedule, linear in √β; the original calls it "linear". */
export function linearSqrt(options: Pick<ScheduleOptions, "steps" | "start" | "end"> = {}): Schedule {
  return makeSchedule({ ...options, kind: "linear-sqrt" });
}

/** The tables that follow from β. @throws LatentError `config.schedule` as {@linkcode makeSchedule} */
export function scheduleOf(betas: Float64Array): Schedule {
  const last = betas.length - 1;
  const wrong = betas.findIndex((beta, t) => !(beta > 0 && (beta < 1 || beta === 1 && t === last && t > 0)));
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

/** √ᾱ shifted to 0 at the end and scaled to what it was at the start. */
function withoutTerminalSignal({ alphasCumprod }: Schedule): Schedule {
  const [first, last] = [Math.sqrt(alphasCumprod[0]!), Math.sqrt(alphasCumprod.at(-1)!)];
  const rescaled = alphasCumprod.map((alphaBar) => ((Math.sqrt(alphaBar) - last) * first / (first - last)) ** 2);
  return scheduleOf(rescaled.map((alphaBar, t) => 1 - alphaBar / (t === 0 ? 1 : rescaled[t - 1]!)));
}
