import assert from "node:assert/strict";
import { type AutoencoderOptions, firstStageOf, type FirstStageOptions, Unet } from "../../lib/model/mod.ts";
import { loadDiffusion, loadFirstStage, sample, saveDiffusion, saveFirstStage } from "../../lib/task/mod.ts";
import { Generator, randn, scope } from "../../lib/tensor/mod.ts";
import { denoiseSchema } from "../../lib/train/config.ts";
import { denoiseTrainee } from "../../lib/train/denoise.ts";
import { workshopTest } from "../program/workshop.ts";

const coder: AutoencoderOptions = {
  channels: 32,
  multipliers: [1, 1],
  residualBlocks: 1,
  attentionResolutions: [],
  resolution: 32,
  imageChannels: 3,
  latentChannels: 4,
  embedChannels: 3,
  doubleLatent: true,
  dropout: 0,
};
const codebook = { codes: 32, beta: 0.5, legacy: false, remap: 4 };

const stages: [string, FirstStageOptions, factor: number][] = [
  ["KL", coder, 2],
  ["VQ", { ...coder, doubleLatent: false, codebook: { codes: 32 } }, 2],
  ["VQ with all its options", { ...coder, doubleLatent: false, attention: false, codebook }, 2],
  ["identity", { imageChannels: 3 }, 1],
];

for (const [name, options, factor] of stages) {
  workshopTest(`a first stage is loaded as it was saved, alone and with a denoiser: ${name}`, async ({ path }) => {
    using generator = Generator.seeded(0);
    using firstStage = firstStageOf(options).initialise(generator);
    saveFirstStage(path("first.safetensors"), firstStage);
    using alone = loadFirstStage(path("first.safetensors"));
    const images = randn([2, 3, 8, 8], { generator });
    using owned = images;
    const reconstructed = (stage: typeof firstStage) =>
      scope(() => stage.decode(stage.latent(stage.encode(owned))).bytes());
    assert.deepEqual(alone.options, options);
    assert.deepEqual(reconstructed(alone), reconstructed(firstStage));

    using unet = unetFor().initialise(generator);
    const schedule = { steps: 10, start: 0.001, end: 0.02 };
    saveDiffusion(path("whole.safetensors"), alone, unet, { schedule, predict: "eps", latentScale: 1, size: 8 });
    using whole = await loadDiffusion(path("whole.safetensors"));
    assert.deepEqual(reconstructed(whole.firstStage), reconstructed(firstStage));
    for await (const event of sample(whole, { count: 2, steps: 2 })) {
      if (event.type === "pictures") assert.deepEqual(event.pictures.map(({ width }) => width), [8, 8]);
    }
  });

  workshopTest(`a denoiser learns latents of its first stage: ${name}`, async () => {
    using generator = Generator.seeded(1);
    using firstStage = firstStageOf(options).initialise(generator).requiresGrad_(false);
    using unet = unetFor().initialise(generator);
    const config = denoiseSchema.parse({ firstStage: "unused", size: 8, schedule: { steps: 10 } });
    using trainee = denoiseTrainee(firstStage, unet, config);
    scope(() => {
      const images = randn([4, 3, 8, 8], { generator });
      const features = trainee.features!(images);
      trainee.prepare(features, generator);
      const z = firstStage.latent(features, (shape) => randn(shape, { generator }));
      assert.deepEqual(z.shape, [4, 3, 8 / factor, 8 / factor]);
      const scale = trainee.state["latentScale"]!;
      assert.ok(Math.abs(scale * z.std(null).item() - 1) < (name === "KL" ? 0.2 : 1e-5), String(scale));
      const { loss } = trainee.loss(features, generator, 0);
      loss.backward();
      assert.ok(loss.item() > 0 && unet.out !== undefined && unet.parameters().some((p) => p.grad !== null));
      for (const p of unet.parameters()) p.grad = null;
    });
    await Promise.resolve();
  });
}

function unetFor(): Unet {
  return new Unet({
    inChannels: 3,
    outChannels: 3,
    modelChannels: 32,
    multipliers: [1],
    residualBlocks: 1,
    attentionFactors: [],
    heads: { count: 1 },
    dropout: 0,
    scaleShift: false,
    residualResampling: false,
  });
}
