import assert from "node:assert/strict";
import { trainDiffusion } from "../../lib/train/mod.ts";
import { merged, tinyUnet, workshopTest, writeFirstStage } from "../program/workshop.ts";
import { losses, stateOf } from "./bits.ts";

workshopTest("a run with recomputation, even when it is resumed with it, has the bits of one without", async (at) => {
  writeFirstStage(at.path("first.safetensors"));
  const settings = merged(tinyUnet(at.data, at.path("first.safetensors")), {
    model: { dropout: 0.3 },
    optimizer: { accumulate: 2 },
    steps: 4,
  });
  const run = (name: string, more: Record<string, unknown>, resume = false) =>
    Array.fromAsync(trainDiffusion(merged(settings, more), { out: at.path(name), resume }));
  const recompute = { optimizer: { recompute: true } };
  await run("plain", {});
  await run("recomputed", recompute);
  await run("half", { steps: 2 });
  await run("half", recompute, true);
  for (const name of ["recomputed", "half"]) {
    assert.deepEqual(losses(at.path(name)), losses(at.path("plain")));
    assert.deepEqual(stateOf(at.path(name)), stateOf(at.path("plain")));
  }
});
