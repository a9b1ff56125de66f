import type { Noise, Tensor } from "../../tensor/mod.ts";
import type { Denoiser } from "../parameterization.ts";
import type { Plan, Step } from "../plan.ts";

/** What a sampler yields after a step. Both tensors are valid until it is asked for the next; the last x is the caller's. */
export interface SamplerStep {
  /** The step of the plan that was taken. */
  step: Step;
  /** [B, C, h, w] at `step.tPrevious`. */
  x: Tensor;
  /** The clean image as this step sees it. */
  x0: Tensor;
}

/** From noise to an image, step by step along a plan; random numbers come from `noise` alone. */
export type Sampler<Options> = (
  denoise: Denoiser,
  start: Tensor,
  plan: Plan,
  noise: Noise,
  options?: Options,
) => AsyncGenerator<SamplerStep>;
