import assert from "node:assert/strict";
import { type Denoiser, linearSqrt, makePlan, samplers } from "../../lib/diffusion/mod.ts";
import { leakFree } from "../leak.ts";
import { drawn, last } from "./gaussian.ts";

const schedule = linearSqrt();

/** The best of unit Gaussian data, in as few operators as can be. */
const denoise: Denoiser = (x, { alphaBar }) => ({
  x0: x.mul(Math.sqrt(alphaBar)),
  eps: x.mul(Math.sqrt(1 - alphaBar)),
});

for (const [name, { sampler }] of Object.entries(samplers)) {
  Deno.test(
    `${name}: every number of steps from 1 to ${schedule.betas.length} runs`,
    leakFree(async () => {
      using from = drawn([0], [1]);
      for (let steps = 1; steps <= schedule.betas.length; steps++) {
        using x = await last(sampler(denoise, from.start, makePlan(schedule, steps), from.noise));
        assert.ok(Number.isFinite(x.item()), `${steps}`);
      }
    }),
  );
}
