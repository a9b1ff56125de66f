import assert from "node:assert/strict";
import {
  AutoencoderKL,
  type AutoencoderOptions,
  AutoencoderVQ,
  firstStageOf,
  type FirstStageOptions,
  IdentityFirstStage,
  samplePosterior,
} from "../../lib/model/mod.ts";
import { Generator, inferenceMode, noiseOf, randn, scope, zeros } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";

const coder: AutoencoderOptions = {
  channels: 32,
  multipliers: [1, 1],
  residualBlocks: 1,
  attentionResolutions: [16],
  resolution: 32,
  imageChannels: 3,
  latentChannels: 4,
  embedChannels: 5,
  doubleLatent: true,
  dropout: 0,
};
const vq = { ...coder, doubleLatent: false, codebook: { codes: 16 } };

const stages: [string, FirstStageOptions, { factor: number; channels: number; encoded: number }][] = [
  ["KL", coder, { factor: 2, channels: 5, encoded: 10 }],
  ["VQ", vq, { factor: 2, channels: 5, encoded: 5 }],
  ["VQ of f = 16", { ...vq, multipliers: [1, 1, 1, 1, 1] }, { factor: 16, channels: 5, encoded: 5 }],
  ["VQ without attention", { ...vq, attention: false }, { factor: 2, channels: 5, encoded: 5 }],
  ["VQ of f = 1", { ...vq, multipliers: [1] }, { factor: 1, channels: 5, encoded: 5 }],
  ["identity", { imageChannels: 3 }, { factor: 1, channels: 3, encoded: 3 }],
];

for (const [name, options, { factor, channels, encoded }] of stages) {
  Deno.test(
    `a first stage encodes to its factor and channels and decodes to an image, leaving what it was given: ${name}`,
    leakFree(() => {
      using generator = Generator.seeded(0);
      using stage = firstStageOf(options).initialise(generator);
      assert.deepEqual([stage.factor, stage.latentChannels], [factor, channels]);
      inferenceMode(() =>
        scope(() => {
          const [height, width] = [4 * factor, 2 * factor];
          const image = randn([2, 3, height, width], { generator });
          const encoding = stage.encode(image);
          assert.deepEqual(encoding.shape, [2, encoded, 4, 2]);
          const z = stage.latent(encoding, (shape) => randn(shape, { generator }));
          assert.deepEqual(z.shape, [2, channels, 4, 2]);
          assert.deepEqual(stage.decode(z).shape, image.shape);
          assert.deepEqual(stage.latent(encoding).shape, z.shape);
          assert.ok([image, encoding, z].every(({ alive }) => alive));
        })
      );
    }),
  );

  Deno.test(
    `an image or a latent that does not fit is refused, with what would: ${name}`,
    leakFree(() =>
      scope(() => {
        using stage = firstStageOf(options);
        const odd = zeros([1, 3, 4 * factor, 3 * factor + 1]);
        if (factor > 1) {
          assert.throws(() => stage.encode(odd), {
            code: "image.shape",
            message: `The first stage cannot encode this image
  found   [1, 3, ${4 * factor}, ${3 * factor + 1}]
  wanted  [B, 3, H, W], H and W multiples of ${factor}
Resize or crop it to ${4 * factor} × ${factor === 2 ? 8 : 3 * factor}.`,
          });
        }
        for (const shape of [[1, 4, factor, factor], [3, factor, factor], [1, 3, 0, factor]]) {
          assert.throws(() => stage.encode(zeros(shape)), { code: "image.shape" });
        }
        assert.throws(() => stage.decode(zeros([1, 4, 2, 2])), {
          code: "latent.shape",
          message: `The first stage cannot decode this latent
  found   [1, 4, 2, 2]
  wanted  [B, ${channels}, h, w]
Decode it by the first stage that it was encoded with.`,
        });
        assert.throws(() => stage.decode(zeros([channels, 2, 2])), { code: "latent.shape" });
      })
    ),
  );
}

Deno.test(
  "a KL latent is drawn from the posterior of the encoding, or its mean",
  leakFree(() => {
    using generator = Generator.seeded(0);
    using stage = new AutoencoderKL(coder).initialise(generator);
    using noise = noiseOf([1]);
    scope(() => {
      const image = noise.normal([1, 3, 8, 8]);
      const posterior = stage.call(image);
      const drawn = noise.normal(posterior.mean.shape);
      const encoding = stage.encode(image);
      assert.ok(stage.latent(encoding, () => drawn).equal(samplePosterior(posterior, drawn)));
      assert.ok(stage.latent(encoding).equal(posterior.mean));
    });
  }),
);

Deno.test(
  "a VQ latent is not quantised until it is decoded, and codes decode as they are",
  leakFree(() => {
    using generator = Generator.seeded(0);
    using stage = new AutoencoderVQ(vq).initialise(generator);
    scope(() => {
      const image = randn([1, 3, 8, 8], { generator });
      const encoding = stage.encode(image);
      assert.ok(stage.latent(encoding).equal(encoding));
      const { z, indices } = stage.call(image);
      assert.ok(!z.equal(encoding));
      assert.ok(stage.decode(encoding).equal(stage.decodeQuantized(z)));
      const difference = stage.decodeQuantized(stage.quantize.entries(indices)).sub(stage.decode(encoding));
      assert.ok(difference.abs().amax().item() < 1e-5);
    });
  }),
);

Deno.test(
  "options choose the first stage, and stay with it",
  leakFree(() => {
    for (
      const [options, kind] of [[coder, AutoencoderKL], [vq, AutoencoderVQ], [
        { imageChannels: 3 },
        IdentityFirstStage,
      ]] as const
    ) {
      using stage = firstStageOf(options);
      assert.ok(stage instanceof kind);
      assert.deepEqual(stage.options, options);
    }
  }),
);

Deno.test(
  "without attention there is none in any place; with it, at its resolutions and in the middle",
  leakFree(() => {
    const attended = (options: FirstStageOptions) => {
      using stage = firstStageOf(options);
      return new Set([...stage.stateDict().keys()].flatMap((name) => /^(.*attn[^.]*(\.\d+)?)\./.exec(name)?.[1] ?? []));
    };
    assert.equal(attended({ ...vq, attention: false }).size, 0);
    const places = [
      "encoder.down.1.attn.0",
      "encoder.mid.attn_1",
      "decoder.mid.attn_1",
      "decoder.up.1.attn.0",
      "decoder.up.1.attn.1",
    ];
    assert.deepEqual([...attended(vq)].sort(), places.sort());
  }),
);

Deno.test(
  "dropout is active while training alone",
  leakFree(() => {
    using generator = Generator.seeded(0);
    using stage = new AutoencoderKL({ ...coder, dropout: 0.5 }).initialise(generator);
    inferenceMode(() =>
      scope(() => {
        const image = randn([1, 3, 8, 8], { generator });
        const twice = () => stage.encode(image).equal(stage.encode(image));
        assert.ok(twice());
        stage.train();
        assert.ok(!twice());
      })
    );
  }),
);
