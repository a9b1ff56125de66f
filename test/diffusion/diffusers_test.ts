import assert from "node:assert/strict";
import {
  addNoise,
  ddim,
  linearSqrt,
  makePlan,
  type Parameterization,
  predict,
  type Spacing,
} from "../../lib/diffusion/mod.ts";
import { Generator, randint, randn, scope, stack, type Tensor } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";
import { assertNear, float32, numbers, toPeer } from "../peer/arrays.ts";
import { peerTest } from "../peer/peer.ts";
import type { Json } from "../peer/runner.ts";

const schedule = linearSqrt();
const betas = float32(schedule.betas, [1000]);

// Of the largest magnitude. Their tables are float32: the product of 1,000 factors is off by some 1e-5 at the end.
const tolerance = 2e-5;

peerTest(
  "noise is added as diffusers' schedulers do",
  leakFree(async (peer) => {
    const [sent, ours] = scope(() => {
      const generator = Generator.seeded(0);
      const [sample, noise] = [randn([16, 3, 4, 4], { generator }), randn([16, 3, 4, 4], { generator })];
      const t = randint(0, 1000, [16], { generator });
      const x = addNoise(schedule, sample, noise, Array.from(t.data(), Number));
      return [{ sample: toPeer(sample), noise: toPeer(noise), timesteps: toPeer(t.to({ dtype: "int64" })) }, toPeer(x)];
    });
    for (const scheduler of ["DDIMScheduler", "DDPMScheduler"]) {
      const { noisy } = (await peer.call("diffusion.add_noise", { scheduler }, { betas, ...sent })).arrays;
      assertNear(ours, noisy, tolerance, scheduler);
    }
  }),
);

/** Steps, spacing, parameterization, and diffusers' options for the same. */
const rows: [number, Spacing, Parameterization, Record<string, Json>][] = [
  [10, "compvis", "eps", {}],
  [50, "compvis", "eps", {}],
  [20, "trailing", "eps", { timestep_spacing: "trailing", set_alpha_to_one: true }],
  [25, "leading", "eps", { steps_offset: 0, set_alpha_to_one: true }],
  [8, "compvis", "v", { prediction_type: "v_prediction" }],
  [8, "trailing", "x0", { prediction_type: "sample", timestep_spacing: "trailing", set_alpha_to_one: true }],
];

for (const [steps, spacing, parameterization, options] of rows) {
  for (const eta of [0, 1]) {
    const claim = `${steps} steps of DDIM, ${spacing}, ${parameterization}, eta ${eta}`;
    peerTest(
      `${claim}: every x and x0 is diffusers'`,
      leakFree(async (peer) => {
        const shape = [2, 3, 4, 4];
        const generator = Generator.seeded(1);
        using start = randn(shape, { generator });
        using outputs = randn([steps, ...shape], { generator });
        using draws = randn([steps, ...shape], { generator });
        generator.dispose();
        const plan = makePlan(schedule, steps, spacing);
        const found: { x: Tensor[]; x0: Tensor[] } = { x: [], x0: [] };
        const sampler = ddim(
          (x, { index, alphaBar }) => scope(() => predict(parameterization, outputs.select(0, index), x, alphaBar)),
          start,
          plan,
          { normal: () => draws.select(0, found.x.length), [Symbol.dispose]: () => {} },
          { eta },
        );
        for await (const { x, x0 } of sampler) {
          found.x.push(x.clone());
          found.x0.push(x0.clone());
          if (found.x.length === steps) x.dispose();
        }
        const sent = { betas, start: toPeer(start), outputs: toPeer(outputs), variance_noise: toPeer(draws) };
        const theirs = (await peer.call("diffusion.ddim", { eta, options }, sent)).arrays;
        assert.deepEqual(numbers(theirs["timesteps"]!), plan.map(({ t }) => t));
        for (const name of ["x", "x0"] as const) {
          using ours = stack(found[name]);
          assertNear(toPeer(ours), theirs[name], tolerance, name);
          for (const tensor of found[name]) tensor.dispose();
        }
      }),
    );
  }
}
