import type { Noise, Tensor } from "../../tensor/mod.ts";
import type { Denoiser, Prediction } from "../parameterization.ts";
import type { Plan, Step } from "../plan.ts";

/** What a sampler yields after a step. Both tensors are valid until it is asked for the next; the last x is the caller's. */
export interface SamplerStep {
  /** The step of the plan that was taken. */
  step: Step;
  /** [B, C, h, w] at `step.tPrevious`. */
  x: Tensor;
  /** The clean image as this step sees it: the preview. */
  x0: Tensor;
}

/** A run of a sampler: its steps in order, each when it is asked for. */
export type Steps = AsyncGenerator<SamplerStep>;

/** What every sampler can be told. */
export interface SamplerOptions {
  /** Replaces x ahead of each step by a tensor of its own, such as {@linkcode keepKnown} does; it may draw from the noise. */
  before?: (x: Tensor, step: Step, noise: Noise) => Tensor;
  /** What the steps' noise is multiplied by. @default {1} */
  temperature?: number;
}

/** Options of samplers that are deterministic at one end and ancestral at the other. */
export interface EtaOptions extends SamplerOptions {
  /** 0 is deterministic and draws no noise, 1 has the variance of DDPM's posterior. */
  eta?: number;
}

/** From noise to an image, step by step along a plan; random numbers come from `noise` alone. `start` stays the caller's. */
export type Sampler<Options = SamplerOptions> = (
  denoise: Denoiser,
  start: Tensor,
  plan: Plan,
  noise: Noise,
  options?: Options,
) => Steps;

/** A step of the plan with what the denoiser saw in it. */
export interface Seen extends Prediction {
  /** The step. */
  step: Step;
}

/** What a method makes of x [B, C, h, w] and of what was seen, the newest first: x at the step's end. */
export type Method = (x: Tensor, seen: readonly [Seen, ...Seen[]], draw: Draw) => Advance | Promise<Advance>;

/** The next x, and the clean image where it is another than the denoiser's. */
export type Advance = Tensor | { x: Tensor; x0: Tensor };

/** Adds noise of a deviation to x; draws nothing for 0. */
export type Draw = (x: Tensor, deviation: number) => Tensor;

/**
 * The one loop of all samplers: the hook, the denoiser, then the method, which gets what the last `memory` steps saw
 * besides. It owns all that is made in between.
 */
export async function* sampling(
  [denoise, start, plan, noise, { before, temperature = 1 } = {}]: Parameters<Sampler>,
  method: Method,
  memory = 0,
): Steps {
  const draw: Draw = (x, deviation) =>
    deviation > 0 ? x.add(noise.normal(x.shape, x.device), { alpha: deviation * temperature }) : x;
  let x = start;
  const past: Seen[] = [];
  try {
    for (const step of plan) {
      using _x = x === start ? undefined : x; // the caller's until it asked for this step
      using replaced = before?.(x, step, noise);
      const from = replaced ?? x;
      const seen: Seen = { step, ...await denoise(from, step) };
      past.unshift(seen);
      const made = await method(from, [seen, ...past.slice(1)], draw);
      using x0 = "x0" in made ? made.x0 : undefined;
      x = "x0" in made ? made.x : made;
      yield { step, x, x0: x0 ?? seen.x0 };
      forget(past.splice(memory));
    }
  } finally {
    forget(past);
  }
}

function forget(seen: readonly Seen[]): void {
  for (const { x0, eps } of seen) {
    x0.dispose();
    eps.dispose();
  }
}
