import assert from "node:assert/strict";
import { LatentError } from "../../lib/base/mod.ts";
import { SafetensorsFile } from "../../lib/file/mod.ts";
import { trainAutoencoder } from "../../lib/train/mod.ts";
import { merged, tinyAutoencoder, workshopTest } from "../program/workshop.ts";
import { logOf, stateOf } from "./bits.ts";

workshopTest("NaN stops the run: the step and the first module are named, the last checkpoint stays", async (at) => {
  const settings = merged(tinyAutoencoder(at.data), { steps: 50, learningRate: 1e30, every: { checkpoint: 1 } });
  await assert.rejects(Array.fromAsync(trainAutoencoder(settings, { out: at.path("run") })), (error) => {
    assert.ok(error instanceof LatentError && error.code === "training.diverged", String(error));
    assert.match(error.message, /at step 2:[^]*first in (en|de)coder\.[\w.]+: .* % of \[4, /);
    assert.match(error.message, /--init .*run\/model\.safetensors/);
    return true;
  });
  assert.ok(Object.keys(stateOf(at.path("run"))).length > 100);
});

workshopTest("where the discriminator breaks down, its module is named", async (at) => {
  const adversary = { channels: 8, layers: 2, learningRate: 1e30 };
  const settings = merged(tinyAutoencoder(at.data), { steps: 50, adversary });
  await assert.rejects(Array.fromAsync(trainAutoencoder(settings, { out: at.path("run") })), (error) => {
    assert.ok(error instanceof LatentError && error.code === "training.diverged", String(error));
    assert.match(error.message, /at step 2:[^]*first in discriminator\.main\.\d+: /);
    return true;
  });
});

workshopTest("a poisoned weight is found in its module, before any step is counted", async (at) => {
  const settings = merged(tinyAutoencoder(at.data), { steps: 3 });
  await Array.fromAsync(trainAutoencoder(merged(settings, { steps: 1 }), { out: at.path("good") }));
  poison(at.path("good", "model.safetensors"), at.path("bad.safetensors"), "encoder.down.1.downsample.conv.bias");
  const run = trainAutoencoder(settings, { out: at.path("run"), init: at.path("bad.safetensors") });
  await assert.rejects(Array.fromAsync(run), (error) => {
    assert.ok(error instanceof LatentError && error.code === "training.diverged", String(error));
    assert.match(
      error.message,
      /at step 1:[^]*first in encoder\.down\.1\.downsample\.conv: 3\.13 % of \[4, 32, 8, 8\]/,
    );
    return true;
  });
  assert.throws(() => logOf(at.path("run")), Deno.errors.NotFound);
});

/** A copy of a model file in which the first value of a tensor is NaN. */
function poison(from: string, to: string, name: string): void {
  using file = SafetensorsFile.open(from);
  const bytes = Deno.readFileSync(from);
  new DataView(bytes.buffer).setFloat32(file.entry(name).offset, NaN, true);
  Deno.writeFileSync(to, bytes);
}
