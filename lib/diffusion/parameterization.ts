import { scope, type Tensor } from "../tensor/mod.ts";
import type { Step } from "./plan.ts";

/** What a network predicts: the noise, the clean image, or velocity (Salimans & Ho 2022). */
export type Parameterization = "eps" | "x0" | "v";

/** Both readings of a prediction, [B, C, h, w]. */
export interface Prediction {
  /** The clean image or latent. */
  x0: Tensor;
  /** The noise in x, of unit variance. */
  eps: Tensor;
}

/** A denoiser: what x at a step of the plan says about the clean image and the noise. */
export type Denoiser = (x: Tensor, step: Step) => Prediction | Promise<Prediction>;

/**
 * Reads a network's output as clean image and noise, where x = √ᾱ·x0 + √(1−ᾱ)·ε.
 * Only the noise parameterization divides by √ᾱ, and only the clean one by √(1−ᾱ).
 */
export function predict(parameterization: Parameterization, output: Tensor, x: Tensor, alphaBar: number): Prediction {
  const signal = Math.sqrt(alphaBar);
  const noise = Math.sqrt(1 - alphaBar);
  return scope(() => {
    switch (parameterization) {
      case "eps":
        return { x0: x.sub(output, { alpha: noise }).div(signal), eps: output.share() };
      case "x0":
        return { x0: output.share(), eps: x.sub(output, { alpha: signal }).div(noise) };
      case "v":
        return { x0: x.mul(signal).sub(output, { alpha: noise }), eps: x.mul(noise).add(output, { alpha: signal }) };
    }
  });
}
