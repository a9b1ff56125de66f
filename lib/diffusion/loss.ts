import { noGrad, scope, type Tensor, tensor } from "../tensor/mod.ts";
import type { Schedule } from "./schedule.ts";

/** x at steps t: √ᾱ_t·x0 + √(1−ᾱ_t)·ε (eq. 4 of Ho et al. 2020); x0 and noise are [B, …], t are B steps. */
export function addNoise({ alphasCumprod }: Schedule, x0: Tensor, noise: Tensor, t: readonly number[]): Tensor {
  return noGrad(() =>
    scope(() => {
      const shape = [t.length, ...x0.shape.slice(1).map(() => 1)];
      const table = (f: (alphaBar: number) => number) =>
        tensor(Float32Array.from(t, (step) => f(alphasCumprod[step]!)), { shape, device: x0.device });
      return x0.mul(table((a) => Math.sqrt(a))).addcmul(noise, table((a) => Math.sqrt(1 - a)));
    })
  );
}

/** Mean error of each sample: [B, …] twice → [B]. */
export function sampleLoss(kind: "l1" | "l2", prediction: Tensor, target: Tensor): Tensor {
  const dims = Array.from({ length: prediction.shape.length - 1 }, (_, i) => i + 1);
  return scope(() => {
    const error = prediction.sub(target);
    return (kind === "l1" ? error.abs() : error.square()).mean(dims);
  });
}
