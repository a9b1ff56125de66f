/** What a denoiser can be trained to minimise, in a training. @module */
import assert from "node:assert/strict";
import { makeSchedule } from "../../lib/diffusion/mod.ts";
import { cycledRate } from "../../lib/optim/mod.ts";
import { readCompvisConfig } from "../../lib/released/mod.ts";
import { loadDiffusion } from "../../lib/task/mod.ts";
import { denoiseSchema, trainDiffusion } from "../../lib/train/mod.ts";
import { merged, tinyUnet, workshopTest } from "../program/workshop.ts";
import { losses, stateOf } from "./bits.ts";

const schedule = { kind: "cosine", steps: 40, offset: 0.01, zeroTerminalSnr: true } as const;

const everything = {
  steps: 4,
  learningRate: 1e-3,
  schedule,
  objective: {
    predict: "v",
    loss: "l1",
    boundWeight: 1e-3,
    posteriorBeta: 0.1,
    minSnr: 5,
    logvar: { start: 0.2, learn: true },
    latentScale: 1,
  },
  optimizer: { rate: { kind: "cosine", cycles: [{ warmup: 2, length: 4, start: 0.5, most: 1, least: 0.1 }] } },
};

workshopTest(
  "a denoiser learns with all terms of the objective; stopped and resumed it has the same bits; its file says the schedule",
  async (at) => {
    const settings = merged(tinyUnet(at.data, "pixels"), everything);
    await Array.fromAsync(trainDiffusion(settings, { out: at.path("whole") }));
    const parts = at.path("parts");
    await Array.fromAsync(trainDiffusion(merged(settings, { steps: 2 }), { out: parts }));
    await Array.fromAsync(trainDiffusion(settings, { out: parts, resume: true }));
    assert.deepEqual(losses(parts), losses(at.path("whole")));
    assert.deepEqual(stateOf(parts), stateOf(at.path("whole")));

    const steps = losses(parts) as { learningRate: number; terms: Record<string, number> }[];
    for (const { terms } of steps) {
      assert.deepEqual(Object.keys(terms), ["loss_simple", "loss_gamma", "logvar", "loss_vlb"]);
    }
    assert.ok(Math.abs(steps[0]!.terms["logvar"]! - 0.2) < 1e-6);
    assert.notEqual(steps[3]!.terms["logvar"], steps[0]!.terms["logvar"]);
    steps.forEach(({ learningRate }, i) => {
      assert.ok(Math.abs(learningRate - [5e-4, 7.5e-4, 1e-3, 5.5e-4][i]!) < 1e-12, `${learningRate} at ${i}`);
    });

    using model = await loadDiffusion(parts);
    assert.deepEqual([model.noise, model.predict], [makeSchedule(schedule), "v"]);
  },
);

Deno.test("schedule and learning rate of a released configuration are settings as they are", async () => {
  const path = decodeURIComponent(new URL("../golden/cases/ldm-kl-std/config.yaml", import.meta.url).pathname);
  const released = await readCompvisConfig(path);
  assert.ok(released.kind === "diffusion" && released.rate !== undefined);
  const { schedule, optimizer: { rate } } = denoiseSchema.parse({
    firstStage: "unused",
    schedule: released.schedule,
    optimizer: { rate: released.rate },
  });
  assert.deepEqual(rate, released.rate);
  assert.equal(cycledRate(rate!)(0), released.rate.cycles[0]!.start);
  assert.deepEqual(makeSchedule(schedule), makeSchedule(released.schedule));
});
