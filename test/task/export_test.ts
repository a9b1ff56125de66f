import assert from "node:assert/strict";
import { loadTensors, SafetensorsFile } from "../../lib/file/mod.ts";
import { exportModel, loadFirstStage } from "../../lib/task/mod.ts";
import { scope } from "../../lib/tensor/mod.ts";
import { trainAutoencoder } from "../../lib/train/mod.ts";
import { merged, tinyAutoencoder, workshopTest, writeFirstStage, writeModel } from "../program/workshop.ts";

workshopTest(
  "an exported run is half as large, loads, and has its config, curve and some lines of its log",
  async (at) => {
    const settings = merged(tinyAutoencoder(at.data), { steps: 5, every: { validate: 3 }, model: { codes: 8 } });
    await Array.fromAsync(trainAutoencoder(settings, { out: at.path("run") }));
    const events = [...exportModel(at.path("run"), { out: at.path("given"), logEvery: 2 })];
    const names = events.map((event) => event.type === "file" ? event.path.split("/").at(-1) : event.type);
    assert.deepEqual(names, ["model.safetensors", "config.yaml", "loss.png", "log.jsonl"]);
    const lines = Deno.readTextFileSync(at.path("given", "log.jsonl")).trim().split("\n").map((line) =>
      JSON.parse(line)
    );
    assert.deepEqual(lines.map(({ step }) => step), [2, 3, 4, 5]);
    const [large, small] = ["run", "given"].map((name) => Deno.statSync(at.path(name, "model.safetensors")).size);
    assert.ok(small! < 0.6 * large!, `${small} of ${large} bytes`);
    using exact = loadFirstStage(at.path("run"));
    using half = loadFirstStage(at.path("given"));
    scope(() => {
      const others = half.stateDict();
      for (const [name, tensor] of exact.stateDict()) {
        const error = tensor.sub(others.get(name)!).abs().amax().item();
        assert.ok(error <= 2 ** -11 * tensor.abs().amax().item(), `${name}: ${error}`);
      }
    });
  },
);

workshopTest("a model file is exported alone, diffusion too, in the type that was asked for", async (at) => {
  writeModel(at.path("model.safetensors"));
  const events = [...exportModel(at.path("model.safetensors"), { out: at.path("out"), dtype: "bfloat16" })];
  assert.equal(events.length, 1);
  using file = SafetensorsFile.open(at.path("out", "model.safetensors"));
  const tensors = loadTensors(file);
  assert.deepEqual(new Set([...tensors.values()].map(({ dtype }) => dtype)), new Set(["bfloat16"]));
  for (const tensor of tensors.values()) tensor.dispose();
  await Promise.resolve();
});

workshopTest("nothing is replaced, and what is no model is refused", async (at) => {
  writeFirstStage(at.path("first.safetensors"));
  const run = () => [...exportModel(at.path("first.safetensors"), { out: at.path("out") })];
  run();
  assert.throws(run, { code: "file.exists" });
  assert.throws(() => [...exportModel(at.path("none"), { out: at.path("other") })], { code: "usage.model" });
  await Promise.resolve();
});
