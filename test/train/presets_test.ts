import assert from "node:assert/strict";
import { check } from "../../lib/base/mod.ts";
import { readCompvisConfig } from "../../lib/released/mod.ts";
import { autoencoderOptions, firstStageSchema } from "../../lib/train/config.ts";
import { type FirstStagePreset, firstStagePresets } from "../../lib/train/mod.ts";

/** The four training configurations, which the paper's first stages were made by. */
const trained: Record<string, FirstStagePreset> = {
  autoencoder_kl_64x64x3: "kl-f4",
  autoencoder_kl_32x32x4: "kl-f8",
  autoencoder_kl_16x16x16: "kl-f16",
  autoencoder_kl_8x8x64: "kl-f32",
};
const rows = [...Object.keys(firstStagePresets).map((name) => [name, name]), ...Object.entries(trained)];

for (const [file, name] of rows) {
  Deno.test(`the preset ${name} is what ${file}.yaml describes`, async () => {
    const fixture = new URL(`../released/fixtures/${file}.yaml`, import.meta.url);
    const { baseLearningRate, ...released } = await readCompvisConfig(decodeURIComponent(fixture.pathname));
    assert.ok(released.kind === "first-stage" && released.firstStage.kind !== "identity");
    const { kind, options, loss } = released.firstStage;
    const config = check(firstStageSchema, firstStagePresets[name as FirstStagePreset], {
      code: "config.invalid",
      subject: name!,
    });
    const { adversary, perceptual, klWeight, codebook, batchSize, learningRate, optimizer, logvar } = config;
    const own = autoencoderOptions(config.model);
    const plain = { attention: true, ...options };
    assert.deepEqual({ ...own }, plain);
    assert.deepEqual(
      { ...adversary, perceptual: perceptual!.weight, regularisation: kind === "kl" ? klWeight : codebook.weight },
      {
        start: loss!.weights.discStart,
        weight: loss!.weights.discWeight,
        loss: loss!.weights.discLoss,
        channels: loss!.networks.channels ?? 64,
        layers: loss!.networks.layers,
        actNorm: loss!.networks.actNorm,
        perceptual: loss!.weights.perceptualWeight,
        regularisation: loss!.weights.klWeight ?? loss!.weights.codebookWeight,
      },
    );
    assert.equal(logvar.start, loss!.networks.logvar ?? 0);
    assert.ok(Math.abs(learningRate - batchSize * optimizer.accumulate * baseLearningRate!) < 1e-12);
  });
}
