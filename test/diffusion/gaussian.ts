/** Data of which the best denoiser is known: N(mean, std²). @module */
import { type Denoiser, predict, type SamplerStep } from "../../lib/diffusion/mod.ts";
import { type Noise, noiseOf, scope, type Tensor } from "../../lib/tensor/mod.ts";
import assert from "node:assert/strict";

/** E[ε | x] of data that are N(mean, std²). */
export function gaussianDenoiser(mean: number, std: number): Denoiser {
  return (x, { alphaBar }) =>
    scope(() => {
      const eps = x.sub(Math.sqrt(alphaBar) * mean).mul(Math.sqrt(1 - alphaBar) / (alphaBar * std ** 2 + 1 - alphaBar));
      return predict("eps", eps, x, alphaBar);
    });
}

/** The last x of a sampler; the caller's. */
export async function last(steps: AsyncGenerator<SamplerStep>): Promise<Tensor> {
  let found: Tensor | undefined;
  for await (const { x } of steps) found = x;
  return found!;
}

/** Noise that must not be asked for. */
export const silent: Noise = { normal: () => assert.fail("drew noise"), [Symbol.dispose]: () => {} };

/** Noise, and a start of it. */
export function drawn(
  seeds: readonly number[],
  shape: readonly number[],
): { noise: Noise; start: Tensor } & Disposable {
  const noise = noiseOf(seeds);
  const start = noise.normal([seeds.length, ...shape]);
  return {
    noise,
    start,
    [Symbol.dispose]() {
      start.dispose();
      noise[Symbol.dispose]();
    },
  };
}
