// The library on one page: an autoencoder, a latent diffusion model in its latent space, samples.
import assert from "node:assert/strict";
import * as latent from "../mod.ts";
import { leakFree } from "./leak.ts";

const coder = { imageChannels: 3, latentChannels: 4, embedChannels: 4, doubleLatent: true, resolution: 16, dropout: 0 };
const sizes = { channels: 32, multipliers: [1, 1], residualBlocks: 1, attentionResolutions: [] }; // f = 2
const blocks = { modelChannels: 32, multipliers: [1, 2], residualBlocks: 1, attentionFactors: [2] };
const heads = { heads: { count: 2 }, dropout: 0, scaleShift: false, residualResampling: false };

Deno.test(
  "a tiny latent diffusion model is built, trained, sampled and decoded",
  leakFree(async () => {
    using generator = latent.Generator.seeded(0); // all randomness is an argument
    using images = latent.scope(() => latent.rand([4, 3, 16, 16], { generator }).mul(2).sub(1)); // in [−1, 1]

    // The first stage: image → posterior → latent → image.
    using firstStage = new latent.AutoencoderKL({ ...coder, ...sizes }).initialise(generator);
    const reconstruction = train(firstStage.namedParameters(), () => {
      const posterior = firstStage.call(images);
      const z = latent.samplePosterior(posterior, latent.randn(posterior.mean.shape, { generator }));
      return firstStage.decode(z).l1Loss(images).add(latent.posteriorKl(posterior).mean(null).mul(1e-6));
    });
    assert.ok(reconstruction.at(-1)! < reconstruction[0]!, `${reconstruction}`);

    // The denoiser, on latents of unit deviation: noise them to a step, predict the noise.
    using unet = new latent.Unet({ inChannels: 4, outChannels: 4, ...blocks, ...heads }).initialise(generator);
    using average = new latent.Ema(unet.namedParameters());
    const schedule = latent.linearSqrt();
    using latents = latent.noGrad(() => latent.scope(() => firstStage.call(images).mean.clone()));
    const scale = 1 / latent.scope(() => latents.std(null).item());
    const denoising = train(unet.namedParameters(), () => {
      const z = latents.mul(scale);
      const noise = latent.randn(z.shape, { generator });
      const t = latent.randint(0, 1000, [4], { generator, dtype: "int64" });
      const x = latent.addNoise(schedule, z, noise, t.tolist() as number[]);
      return latent.sampleLoss("l2", unet.call(x, t), noise).mean(null);
    }, () => average.update());
    assert.ok(denoising.at(-1)! < denoising[0]!, `${denoising}`);

    // Samples: picture k has seed k, whatever the batch.
    unet.loadStateDict(average.stateDict());
    using noise = latent.noiseOf([0, 1]);
    using start = noise.normal([2, 4, 8, 8]);
    for await (const { step, x } of latent.ddim(latent.denoiserOf(unet), start, latent.makePlan(schedule, 5), noise)) {
      if (step.tPrevious >= 0) continue; // here a preview could be shown, or the sampling stopped
      const grid = latent.inferenceMode(() => latent.scope(() => latent.gridOf(firstStage.decode(x.div(scale)))));
      x.dispose();
      const png = await latent.encodePng(grid);
      assert.deepEqual([...png.subarray(1, 4)], [..."PNG"].map((letter) => letter.charCodeAt(0)));
    }
  }),
);

/** Ten steps of AdamW; the losses. */
function train(parameters: Map<string, latent.Tensor>, loss: () => latent.Tensor, after = () => {}): number[] {
  using optimizer = new latent.AdamW(parameters, { learningRate: 2e-3 });
  return Array.from({ length: 10 }, () =>
    latent.scope(() => { // frees all that the step made
      const value = loss();
      value.backward();
      optimizer.step();
      latent.clearGrads([...parameters.values()]);
      after();
      return value.item();
    }));
}
