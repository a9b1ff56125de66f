import assert from "node:assert/strict";
import { timestepEmbedding, Unet, type UnetOptions } from "../../lib/model/mod.ts";
import { Generator, inferenceMode, noGrad, noiseOf, randn, scope, type Tensor, tensor } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";

const tiny: UnetOptions = {
  inChannels: 3,
  outChannels: 3,
  modelChannels: 32,
  multipliers: [1, 2],
  residualBlocks: 1,
  attentionFactors: [2],
  heads: { channels: 32 },
  dropout: 0,
  scaleShift: false,
  residualResampling: false,
};

/** A network whose zero-initialised parts are not, so that everything in it has an effect. */
function stirred(options: UnetOptions): Unet {
  const unet = new Unet(options);
  using generator = Generator.seeded(0);
  unet.initialise(generator);
  noGrad(() => unet.parameters().forEach((p) => scope(() => p.add_(randn(p.shape, { generator }).mul(0.05)))));
  return unet;
}

function call(unet: Unet, x: Tensor, t: number[]): Tensor {
  return inferenceMode(() => scope(() => unet.call(x, tensor(t, { dtype: "int64" }))));
}

/** Largest difference, as a share of the largest magnitude. */
function difference(a: Tensor, b: Tensor): number {
  return scope(() => a.sub(b).abs().amax().item() / b.abs().amax().item());
}

const variants: [string, Partial<UnetOptions>][] = [
  ["added embedding", {}],
  ["scale and shift", { scaleShift: true }],
  ["resampling in residual blocks", { residualResampling: true }],
  ["one level, heads by number, more channels in than out", { multipliers: [1], heads: { count: 4 }, inChannels: 7 }],
];

for (const [name, options] of variants) {
  Deno.test(
    `the U-Net keeps the size, and an image's output its value in any batch: ${name}`,
    leakFree(() => {
      const all = { ...tiny, ...options };
      using unet = stirred(all);
      using noise = noiseOf([1, 2, 3]);
      for (const [height, width] of [[8, 8], [4, 10]] as const) {
        using x = noise.normal([3, all.inChannels, height, width]);
        using together = call(unet, x, [10, 500, 999]);
        assert.deepEqual(together.shape, [3, all.outChannels, height, width]);
        for (const k of [0, 1, 2]) {
          using one = x.narrow(0, k, 1);
          using alone = call(unet, one, [[10, 500, 999][k]!]);
          using part = together.narrow(0, k, 1);
          assert.ok(difference(alone, part) < 5e-5);
        }
        using rows = x.contiguous({ memoryFormat: "channels_last" });
        using other = call(unet, rows, [10, 500, 999]);
        assert.deepEqual(other.bytes(), together.bytes());
      }
    }),
  );
}

Deno.test(
  "a fresh U-Net says 0, and the step it is told matters once it has learned",
  leakFree(() => {
    using noise = noiseOf([1]);
    using x = noise.normal([1, 3, 8, 8]);
    using fresh = new Unet(tiny);
    using generator = Generator.seeded(0);
    using zero = call(fresh.initialise(generator), x, [5]);
    assert.ok(zero.data().every((value) => value === 0 || value === 0n));
    using unet = stirred(tiny);
    using early = call(unet, x, [0]);
    using late = call(unet, x, [999]);
    assert.ok(difference(early, late) > 1e-3);
  }),
);

Deno.test(
  "timesteps are embedded as cosines, then sines, of falling frequencies",
  leakFree(() =>
    scope(() => {
      const rows = timestepEmbedding(tensor([0, 7], { dtype: "int64" }), 6).tolist() as number[][];
      const wanted = [0, 7].map((t) => {
        const angles = [0, 1, 2].map((i) => t * Math.exp(-Math.log(10000) * i / 3));
        return [...angles.map(Math.cos), ...angles.map(Math.sin)];
      });
      rows.forEach((row, i) => row.forEach((value, j) => assert.ok(Math.abs(value - wanted[i]![j]!) < 1e-6)));
    })
  ),
);
