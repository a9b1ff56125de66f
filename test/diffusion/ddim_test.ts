import assert from "node:assert/strict";
import {
  ddim,
  type DdimOptions,
  type Denoiser,
  linearSqrt,
  makePlan,
  predict,
  type Sampler,
} from "../../lib/diffusion/mod.ts";
import { type Noise, noiseOf, scope, type Tensor } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";

const schedule = linearSqrt();

/** The best denoiser of data that are N(mean, std²): E[ε | x]. */
function gaussianDenoiser(mean: number, std: number): Denoiser {
  return (x, { alphaBar }) =>
    scope(() => {
      const eps = x.sub(Math.sqrt(alphaBar) * mean).mul(Math.sqrt(1 - alphaBar) / (alphaBar * std ** 2 + 1 - alphaBar));
      return predict("eps", eps, x, alphaBar);
    });
}

/** The last x of a sampler; the caller's. */
async function last(steps: AsyncGenerator<{ x: Tensor }>): Promise<Tensor> {
  let found: Tensor | undefined;
  for await (const { x } of steps) found = x;
  return found!;
}

async function sampleGaussian(
  sampler: Sampler<DdimOptions>,
  { mean, std, steps, n, eta }: { mean: number; std: number; steps: number; n: number; eta: number },
): Promise<{ mean: number; variance: number }> {
  using noise = noiseOf([0]);
  using start = noise.normal([1, n]);
  using x = await last(sampler(gaussianDenoiser(mean, std), start, makePlan(schedule, steps), noise, { eta }));
  assert.ok(start.alive, "start stays the caller's");
  const values = Array.from(x.data(), Number);
  const found = values.reduce((sum, value) => sum + value, 0) / n;
  return { mean: found, variance: values.reduce((sum, value) => sum + (value - found) ** 2, 0) / n };
}

for (const eta of [0, 0.5, 1]) {
  Deno.test(
    `eta ${eta}: samples of a Gaussian have its mean and variance`,
    leakFree(async () => {
      const { mean, variance } = await sampleGaussian(ddim, { mean: 0.7, std: 0.4, steps: 1000, n: 4096, eta });
      assert.ok(Math.abs(mean - 0.7) < 3 * 0.4 / Math.sqrt(4096), `mean ${mean}`);
      assert.ok(Math.abs(variance - 0.16) < 0.012, `variance ${variance}`);
    }),
  );
}

Deno.test(
  "the variance comes nearer to the data's with the number of steps",
  leakFree(async () => {
    const errors: number[] = [];
    for (const steps of [4, 16, 64, 256]) {
      const { variance } = await sampleGaussian(ddim, { mean: 0, std: 0.4, steps, n: 65536, eta: 0 });
      errors.push(Math.abs(variance - 0.16));
    }
    errors.reduce((before, error) => (assert.ok(error < before, `${errors}`), error));
  }),
);

for (const steps of [1, 2, 3, 7, 64, 333, 999]) {
  Deno.test(
    `${steps} steps are ${steps} evaluations, and end in the data's range`,
    leakFree(async () => {
      using noise = noiseOf([0]);
      using start = noise.normal([1, 64]);
      let evaluations = 0;
      const gaussian = gaussianDenoiser(0, 0.4);
      const counted: Denoiser = (x, step) => (evaluations++, gaussian(x, step));
      using x = await last(ddim(counted, start, makePlan(schedule, steps), noise, { eta: 1 }));
      assert.equal(evaluations, steps);
      assert.ok(Array.from(x.data(), Number).every((value) => Math.abs(value) < 5 * 0.4));
    }),
  );
}

/** Noise that must not be asked for. */
const none: Noise = { normal: () => assert.fail("drew noise"), [Symbol.dispose]: () => {} };

Deno.test(
  "eta 0 draws nothing, and a single step lands on the clean image that it sees",
  leakFree(async () => {
    using noise = noiseOf([0]);
    using start = noise.normal([1, 4]);
    const denoise = gaussianDenoiser(0.5, 0.1);
    for await (const { x, x0, step } of ddim(denoise, start, makePlan(schedule, 1), none)) {
      assert.deepEqual([step.t, step.tPrevious], [999, -1]);
      assert.deepEqual(x.tolist(), x0.tolist());
      x.dispose();
    }
  }),
);

Deno.test(
  "the same seed gives the same bytes; another draw for every step with eta 1",
  leakFree(async () => {
    const run = async () => {
      using noise = noiseOf([3]);
      using start = noise.normal([1, 16]);
      using x = await last(ddim(gaussianDenoiser(0, 1), start, makePlan(schedule, 5), noise, { eta: 1 }));
      return x.bytes();
    };
    assert.deepEqual(await run(), await run());
  }),
);

Deno.test(
  "an image is bit for bit the same alone and in a batch, with an elementwise denoiser",
  leakFree(async () => {
    const run = async (seeds: number[]) => {
      using noise = noiseOf(seeds);
      using start = noise.normal([seeds.length, 16]);
      using x = await last(ddim(gaussianDenoiser(0, 1), start, makePlan(schedule, 5), noise, { eta: 1 }));
      return scope(() => x.select(0, seeds.indexOf(5)).bytes());
    };
    assert.deepEqual(await run([4, 5, 6]), await run([5]));
  }),
);

const S = 4;

Deno.test(
  "a consumer that breaks after any step owns the x it has, and nothing else is left",
  leakFree(async () => {
    for (let stop = 0; stop < S; stop++) {
      using noise = noiseOf([0]);
      using start = noise.normal([1, 4]);
      for await (
        const { x, x0, step } of ddim(gaussianDenoiser(0, 1), start, makePlan(schedule, S), noise, { eta: 1 })
      ) {
        assert.ok(x.alive && x0.alive);
        if (step.index < stop) continue;
        x.dispose();
        break;
      }
    }
  }),
);

Deno.test(
  "a denoiser or a noise that fails at any step leaves nothing behind",
  leakFree(async () => {
    const gaussian = gaussianDenoiser(0, 1);
    for (let stop = 0; stop < S; stop++) {
      using noise = noiseOf([0]);
      using start = noise.normal([1, 4]);
      const plan = makePlan(schedule, S, "compvis"); // which draws noise in its last step too
      const denoise: Denoiser = (x, step) =>
        step.index === stop ? Promise.reject(new Error("down")) : gaussian(x, step);
      await assert.rejects(last(ddim(denoise, start, plan, noise, { eta: 1 })), /down/);
      let draws = 0;
      const failing: Noise = {
        ...none,
        normal: (shape) => draws++ === stop ? assert.fail("dry") : noise.normal(shape),
      };
      await assert.rejects(last(ddim(gaussian, start, plan, failing, { eta: 1 })), /dry/);
      assert.ok(start.alive);
    }
  }),
);
