import assert from "node:assert/strict";
import { AutoencoderKL, type AutoencoderOptions, posteriorKl, samplePosterior } from "../../lib/model/mod.ts";
import { Generator, inferenceMode, noGrad, noiseOf, scope, tensor } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";

const tiny: AutoencoderOptions = {
  channels: 32,
  multipliers: [1, 1],
  residualBlocks: 1,
  attentionResolutions: [],
  resolution: 32,
  imageChannels: 3,
  latentChannels: 4,
  embedChannels: 4,
  doubleLatent: true,
  dropout: 0,
};

const rows: [string, Partial<AutoencoderOptions>, number][] = [
  ["f = 1", { multipliers: [1] }, 1],
  ["f = 2", {}, 2],
  ["f = 4, wider below", { multipliers: [1, 2, 1] }, 4],
  ["f = 8 with attention", { multipliers: [1, 1, 1, 1], attentionResolutions: [8, 4] }, 8],
  ["no residual blocks", { residualBlocks: 0 }, 2],
  ["another embedding", { embedChannels: 3, latentChannels: 5 }, 2],
];

for (const [name, options, f] of rows) {
  Deno.test(
    `the autoencoder halves and doubles as it should, image by image, in any memory format: ${name}`,
    leakFree(() => {
      using generator = Generator.seeded(0);
      using model = new AutoencoderKL({ ...tiny, ...options }).initialise(generator);
      assert.equal(model.factor, f);
      using noise = noiseOf([1, 2]);
      for (const [height, width] of [[4 * f, 4 * f], [4 * f, 6 * f]] as const) {
        inferenceMode(() =>
          scope(() => {
            const image = noise.normal([2, 3, height, width]);
            const { mean, logvar } = model.call(image);
            const channels = options.embedChannels ?? 4;
            assert.deepEqual([mean.shape, logvar.shape], Array(2).fill([2, channels, height / f, width / f]));
            assert.deepEqual(model.decode(mean).shape, image.shape);
            const other = model.call(image.contiguous({ memoryFormat: "channels_last" }));
            assert.ok(other.mean.sub(mean).abs().amax().item() < 1e-5);
            const second = model.call(image.narrow(0, 1, 1));
            assert.ok(second.mean.sub(mean.narrow(0, 1, 1)).abs().amax().item() < 1e-5);
          })
        );
      }
    }),
  );
}

Deno.test(
  "the posterior's sample, divergence and limits are the Gaussian's",
  leakFree(() =>
    scope(() => {
      const posterior = { mean: tensor([[[[1]], [[0]]]]), logvar: tensor([[[[0]], [[Math.log(4)]]]]) };
      assert.deepEqual(samplePosterior(posterior, tensor([[[[3]], [[-1]]]])).tolist(), [[[[4]], [[-2]]]]);
      const [kl] = posteriorKl(posterior).tolist() as [number];
      assert.ok(Math.abs(kl - (0.5 + 0.5 * (4 - 1 - Math.log(4)))) < 1e-6); // ½(μ² + σ² − 1 − ln σ²) of each
      using generator = Generator.seeded(0);
      using model = new AutoencoderKL(tiny).initialise(generator);
      noGrad(() => model.quant_conv.bias!.fill_(1e3));
      const { logvar } = model.call(tensor(new Float32Array(3 * 64), { shape: [1, 3, 8, 8] }));
      assert.ok([...logvar.data()].every((value) => value === 20));
    })
  ),
);
