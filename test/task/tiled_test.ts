import assert from "node:assert/strict";
import { type AutoencoderOptions, type FirstStage, firstStageOf, IdentityFirstStage } from "../../lib/model/mod.ts";
import { tiled, type TileOptions } from "../../lib/task/mod.ts";
import {
  cpuMemory,
  Generator,
  inferenceMode,
  randn,
  releaseMemory,
  scope,
  type Tensor,
  zeros,
} from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";

/** Of f = 2 and purely local: a latent cell is the mean of 2 × 2 pixels, a decoded pixel its cell. */
const local: FirstStage = {
  factor: 2,
  latentChannels: 3,
  encode: (image) => scope(() => image.reshape([image.shape[0]!, 3, image.shape[2]! / 2, 2, -1, 2]).mean([3, 5])),
  latent: (encoding) => encoding.share(),
  decode: (z) => scope(() => z.repeatInterleave(2, 2).repeatInterleave(2, 3)),
};

const coder: AutoencoderOptions = {
  channels: 32,
  multipliers: [1, 1, 1],
  residualBlocks: 1,
  attentionResolutions: [],
  resolution: 64,
  imageChannels: 3,
  latentChannels: 4,
  embedChannels: 4,
  doubleLatent: true,
  dropout: 0,
};
const codebook = { codes: 32 };

const sizes: [name: string, height: number, width: number, options: TileOptions][] = [
  ["two tiles", 24, 24, { tile: 16, overlap: 8 }],
  ["a pixel or two more than a tile", 18, 18, { tile: 16, overlap: 4 }],
  ["wide", 8, 50, { tile: 16, overlap: 4 }],
  ["tall", 70, 12, { tile: 16, overlap: 6 }],
  ["neither side a multiple of the stride", 38, 54, { tile: 16, overlap: 10 }],
  ["tiles that share all but two pixels", 20, 22, { tile: 8, overlap: 6 }],
  ["tiles that share what is taken unless said", 40, 40, { tile: 16 }],
];

for (const [name, height, width, options] of sizes) {
  Deno.test(
    `in tiles a first stage that only looks at its place gives what it gives of the whole, to rounding: ${name}`,
    leakFree(() => {
      using generator = Generator.seeded(0);
      scope(() => {
        const image = randn([2, 3, height, width], { generator });
        for (const stage of [new IdentityFirstStage({ imageChannels: 3 }), local]) {
          const inTiles = tiled(stage, options);
          const z = stage.latent(stage.encode(image));
          assert.ok(largest(inTiles.latent(inTiles.encode(image)).sub(z)) < 2e-6);
          assert.ok(largest(inTiles.decode(z).sub(stage.decode(z))) < 2e-6);
        }
      });
    }),
  );
}

// Norms of random networks with a channel a group see another mean in each tile: trained ones are nearer than this.
for (const [name, kind] of Object.entries({ KL: coder, VQ: { ...coder, doubleLatent: false, codebook } })) {
  Deno.test(
    `what fits into one tile has the bits of the first stage; what does not is near it, at seams as inside: ${name}`,
    leakFree(() => {
      using generator = Generator.seeded(0);
      using stage = firstStageOf(kind).initialise(generator);
      inferenceMode(() =>
        scope(() => {
          const image = randn([1, 3, 64, 96], { generator });
          const z = stage.latent(stage.encode(image));
          const whole = stage.decode(z);
          const one = tiled(stage, { tile: 96 });
          assert.ok(one.encode(image).equal(stage.encode(image)));
          assert.ok(one.decode(z).equal(whole));

          const two = tiled(stage, { tile: 64, overlap: 32 }); // columns 0 to 63 and 32 to 95
          const errors = two.decode(z).sub(whole).abs();
          const mean = (from: number, columns: number) => errors.narrow(3, from, columns).mean(null).item();
          const [left, seam, right] = [mean(0, 32), mean(32, 32), mean(64, 32)];
          assert.ok(seam <= 1.1 * Math.max(left, right), `${seam} at the seam, ${left} and ${right} inside`);
          assert.ok(seam > 0 && largest(errors) < 0.5 * largest(whole), `${largest(errors)} of ${largest(whole)}`);
          const encoding = stage.encode(image);
          assert.ok(largest(two.encode(image).sub(encoding)) < 0.2 * largest(encoding));
        })
      );
    }),
  );
}

Deno.test(
  "in tiles of half its sides an image is decoded with at most half the memory",
  leakFree(() => {
    using generator = Generator.seeded(0);
    using stage = firstStageOf({ ...coder, attention: false }).initialise(generator);
    using z = randn([1, 4, 64, 64], { generator });
    const peak = (decode: FirstStage["decode"]) => {
      releaseMemory();
      const before = cpuMemory().live;
      inferenceMode(() => decode(z).dispose());
      return cpuMemory().peak - before;
    };
    const [whole, parts] = [peak((z) => stage.decode(z)), peak((z) => tiled(stage, { tile: 128 }).decode(z))];
    assert.ok(parts <= whole / 2 && parts > whole / 10, `${parts} of ${whole} bytes`);
  }),
);

Deno.test(
  "sizes that no tiles can have are refused, and images and latents that the first stage refuses",
  leakFree(() => {
    const wrong: [TileOptions, RegExp][] = [
      [{ tile: 15 }, /found +tiles of 15 pixels that share 4\n +wanted +multiples of 2[^]*Take tiles of 16 pixels/],
      [{ tile: 0 }, /Take tiles of 4 pixels/],
      [{ tile: 2 }, /tiles of 2 pixels that share 2[^]*Take tiles of 4/],
      [{ tile: NaN }, /Take tiles of 4/],
      [{ tile: 16, overlap: 0 }, /share 0/],
      [{ tile: 16, overlap: 3 }, /share 3/],
      [{ tile: 16, overlap: 16 }, /share 16/],
    ];
    for (const [options, message] of wrong) {
      assert.throws(() => tiled(local, options), { code: "usage.tile", message });
    }
    using generator = Generator.seeded(0);
    using stage = firstStageOf(coder).initialise(generator);
    const inTiles = tiled(stage, { tile: 16 });
    scope(() => {
      for (const shape of [[1, 3, 34, 32], [1, 3, 32, 33], [1, 1, 32, 32], [3, 32, 32]]) {
        assert.throws(() => inTiles.encode(zeros(shape)), { code: "image.shape" });
      }
      for (const shape of [[1, 3, 32, 32], [4, 32, 32]]) {
        assert.throws(() => inTiles.decode(zeros(shape)), { code: "latent.shape" });
      }
    });
  }),
);

function largest(x: Tensor): number {
  return scope(() => x.abs().amax().item());
}
