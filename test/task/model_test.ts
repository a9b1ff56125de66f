import assert from "node:assert/strict";
import { LatentError } from "../../lib/base/mod.ts";
import { SafetensorsFile, writeSafetensors } from "../../lib/file/mod.ts";
import { IdentityFirstStage, Unet } from "../../lib/model/mod.ts";
import { loadDiffusion, loadFirstStage, saveDiffusion } from "../../lib/task/mod.ts";
import { scope } from "../../lib/tensor/mod.ts";
import { type Workshop, workshopTest, writeFirstStage, writeModel } from "../program/workshop.ts";

type Config = Record<string, Record<string, unknown>>;

/** A copy of a model file with other metadata, and without the tensors that `without` matches. */
function changed(
  from: string,
  to: string,
  change: (config: Config) => unknown,
  without?: RegExp,
  format?: string,
): void {
  using file = SafetensorsFile.open(from);
  const config = change(JSON.parse(file.metadata.get("config")!));
  const metadata = new Map([
    ["format", format ?? file.metadata.get("format")!],
    ["config", typeof config === "string" ? config : JSON.stringify(config)],
  ]);
  const tensors = [...file.entries.values()].filter(({ name }) => !without?.test(name)).map((entry) =>
    [entry.name, { dtype: entry.dtype, shape: entry.shape, chunks: () => [file.bytes(entry.name)] }] as const
  );
  writeSafetensors(to, new Map(tensors), { metadata });
}

const wrong: [name: string, make: (at: Workshop, path: string) => void, code: string, message: RegExp][] = [
  ["nothing", () => {}, "usage.model", /no model at [^]*latent train/],
  ["a folder without a model", (_, path) => Deno.mkdirSync(path), "usage.model", /no model at/],
  ["a text", (_, path) => Deno.writeTextFileSync(path, "no model, but long enough"), "file.header", /model/],
  [
    "a first stage alone",
    (_, path) => writeFirstStage(path),
    "file.model",
    /kind +found "autoencoder" +wanted "diffusion"/,
  ],
  [
    "another program's weights",
    copied((c) => c, undefined, "pt"),
    "file.model",
    /found +format pt[^]*latent\.model\.1/,
  ],
  ["a config that is no JSON", copied(() => "{"), "file.model", /no JSON/],
  ["no config", copied(() => null), "file.model", /\(all\) +found null/],
  ["an unknown key", copied((c) => ({ ...c, extra: 1 })), "file.model", /extra +found an unknown key/],
  [
    "a channel count of 0",
    copied((c) => ({ ...c, unet: { ...c["unet"], modelChannels: 0 } })),
    "file.model",
    /unet\.modelChannels/,
  ],
  [
    "a wider network than the weights",
    copied((c) => ({ ...c, unet: { ...c["unet"], modelChannels: 64 } })),
    "checkpoint.mismatch",
    /of another shape/,
  ],
  ["a missing tensor of the U-Net", copied((c) => c, /out\.2\.bias/), "checkpoint.mismatch", /1 tensors are missing/],
  [
    "a missing tensor of the first stage",
    copied((c) => c, /decoder\.conv_in\.bias/),
    "checkpoint.mismatch",
    /1 tensors are missing/,
  ],
  ["β of 2", copied((c) => ({ ...c, schedule: { steps: 10, start: 2, end: 2 } })), "config.schedule", /β = 2/],
  [
    "a size that f doesn't divide",
    copied((c) => ({ ...c, size: 33 })),
    "file.model",
    /size +found 33 +wanted a multiple of 4/,
  ],
];

function copied(change: (config: Config) => unknown, without?: RegExp, format?: string) {
  return (at: Workshop, path: string) => {
    writeModel(at.path("whole.safetensors"));
    changed(at.path("whole.safetensors"), path, change, without, format);
  };
}

for (const [name, make, code, message] of wrong) {
  workshopTest(`a diffusion model that is ${name} is refused, and nothing is left in memory`, async (at) => {
    make(at, at.path("model"));
    await assert.rejects(loadDiffusion(at.path("model")), (error) => {
      assert.ok(error instanceof LatentError, String(error));
      assert.deepEqual([error.code, message.test(error.message)], [code, true], error.message);
      return true;
    });
  });
}

workshopTest("what was saved is what is loaded, from the file or its folder", async ({ path }) => {
  Deno.mkdirSync(path("run"));
  writeModel(path("run", "model.safetensors"), 3);
  using file = SafetensorsFile.open(path("run", "model.safetensors"));
  for (const given of [path("run"), path("run", "model.safetensors")]) {
    using model = await loadDiffusion(given);
    assert.deepEqual([model.size, model.latentScale, model.predict, model.firstStage.factor], [32, 0.8, "eps", 4]);
    for (const [name, tensor] of model.unet.stateDict()) {
      assert.deepEqual(scope(() => tensor.bytes()), file.bytes(`model.diffusion_model.${name}`), name);
    }
    model.dispose();
    assert.ok([model.unet, model.firstStage].every((network) => network.parameters().every(({ alive }) => !alive)));
  }
});

workshopTest("all that a U-Net may have is saved and loaded", async ({ path }) => {
  using firstStage = new IdentityFirstStage({ imageChannels: 3 });
  const more = { plainResampling: true, headsUp: 2, newAttentionOrder: true, classes: 4 };
  const transformer = { depth: 2, contextChannels: 8, linear: true };
  const base = {
    ...{ inChannels: 5, outChannels: 3, modelChannels: 32, multipliers: [1], residualBlocks: 1, attentionFactors: [1] },
    ...{ heads: { count: 1 }, dropout: 0, scaleShift: true, residualResampling: false },
  };
  const settings = { schedule: { steps: 10, start: 0.1, end: 0.2 }, predict: "eps", latentScale: 1, size: 8 } as const;
  for (const [i, options] of [{ ...base, ...more }, { ...base, transformer }].entries()) {
    using unet = new Unet(options);
    saveDiffusion(path(`${i}`), firstStage, unet, settings);
    using model = await loadDiffusion(path(`${i}`));
    assert.deepEqual(model.unet.options, options);
  }
});

workshopTest("a diffusion model is no first stage", async ({ path }) => {
  writeModel(path("model"));
  assert.throws(
    () => loadFirstStage(path("model")),
    (error) =>
      error instanceof LatentError && error.code === "file.model" && /wanted "autoencoder"/.test(error.message),
  );
  await Promise.resolve();
});
