import assert from "node:assert/strict";
import { type Condition, timestepEmbedding, Unet, type UnetOptions } from "../../lib/model/mod.ts";
import {
  Generator,
  inferenceMode,
  noGrad,
  type Noise,
  noiseOf,
  randn,
  scope,
  type Tensor,
  tensor,
  zeros,
} from "../../lib/tensor/mod.ts";
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

function call(unet: Unet, x: Tensor, t: number[], condition?: Condition): Tensor {
  return inferenceMode(() => scope(() => unet.call(x, tensor(t, { dtype: "int64" }), condition)));
}

/** A condition of what a U-Net takes beside x [B, 3, h, w]. */
function conditionOf({ inChannels, transformer, classes }: UnetOptions, x: Tensor, noise: Noise): Condition {
  const [b, , ...size] = x.shape as [number, number, number, number];
  return {
    ...inChannels > 3 && { concat: noise.normal([b, inChannels - 3, ...size]) },
    ...transformer && { context: noise.normal([b, 5, transformer.contextChannels]) },
    ...classes !== undefined && { classes: tensor(Array.from({ length: b }, (_, i) => i), { dtype: "int64" }) },
  };
}

const parts = (condition: Condition): [string, Tensor][] => Object.entries(condition);

/** Largest difference, as a share of the largest magnitude. */
function difference(a: Tensor, b: Tensor): number {
  return scope(() => a.sub(b).abs().amax().item() / b.abs().amax().item());
}

const variants: [string, Partial<UnetOptions>][] = [
  ["added embedding", {}],
  ["scale and shift", { scaleShift: true }],
  ["resampling in residual blocks", { residualResampling: true }],
  ["resampling by pooling and repetition", { plainResampling: true }],
  ["one level, heads by number, a concatenated condition", { multipliers: [1], heads: { count: 4 }, inChannels: 7 }],
  ["new order of attention, other heads on the way up", { heads: { count: 2 }, headsUp: 4, newAttentionOrder: true }],
  ["transformers", { transformer: { depth: 2, contextChannels: 12 } }],
  ["linear transformers, classes, a concatenated condition", {
    transformer: { depth: 1, contextChannels: 12, linear: true },
    classes: 3,
    inChannels: 4,
  }],
];

for (const [name, options] of variants) {
  Deno.test(
    `the U-Net keeps the size, and an image's output its value in any batch: ${name}`,
    leakFree(() => {
      const all = { ...tiny, ...options };
      using unet = stirred(all);
      using noise = noiseOf([1, 2, 3]);
      const steps = [10, 500, 999];
      for (const [height, width] of [[8, 8], [4, 10]] as const) {
        scope(() => {
          const x = noise.normal([3, 3, height, width]);
          const condition = conditionOf(all, x, noise);
          const together = call(unet, x, steps, condition);
          assert.deepEqual(together.shape, [3, all.outChannels, height, width]);
          for (const k of steps.keys()) {
            const own = Object.fromEntries(parts(condition).map(([name, value]) => [name, value.narrow(0, k, 1)]));
            const alone = call(unet, x.narrow(0, k, 1), [steps[k]!], own);
            assert.ok(difference(alone, together.narrow(0, k, 1)) < 5e-5);
          }
          const rows = x.contiguous({ memoryFormat: "channels_last" });
          assert.deepEqual(call(unet, rows, steps, condition).bytes(), together.bytes());
          for (const [name, value] of parts(condition)) {
            const other = call(unet, x, steps, { ...condition, [name]: value.flip([0]) });
            assert.ok(difference(other, together) > 1e-3, `${name} has no effect`);
          }
        });
      }
    }),
  );
}

const conditional = { ...tiny, inChannels: 5, classes: 4, transformer: { depth: 1, contextChannels: 6 } };

const conditions: [string, UnetOptions, Record<string, number[]>, [string, string, string][]][] = [
  ["all missing", conditional, {}, [
    ["concat", "nothing", "[2, 2, 4, 4]"],
    ["context", "nothing", "[2, L, 6]"],
    ["classes", "nothing", "[2]"],
  ]],
  ["other shapes", conditional, { concat: [2, 2, 8, 8], context: [2, 3, 7], classes: [2, 1] }, [
    ["concat", "[2, 2, 8, 8]", "[2, 2, 4, 4]"],
    ["context", "[2, 3, 7]", "[2, L, 6]"],
    ["classes", "[2, 1]", "[2]"],
  ]],
  ["another batch", conditional, { concat: [2, 2, 4, 4], context: [1, 3, 6], classes: [2] }, [
    ["context", "[1, 3, 6]", "[2, L, 6]"],
  ]],
  ["where none is taken", tiny, { context: [2, 3, 6] }, [["context", "[2, 3, 6]", "nothing"]]],
];

for (const [name, options, shapes, differences] of conditions) {
  Deno.test(
    `a condition that the U-Net doesn't take is refused, with all that is wrong: ${name}`,
    leakFree(() => {
      using unet = new Unet(options);
      scope(() => {
        const condition = Object.fromEntries(
          Object.entries(shapes).map((
            [key, shape],
          ) => [key, zeros(shape, { dtype: key === "classes" ? "int64" : "float32" })]),
        );
        const x = zeros([2, 3, 4, 4]);
        assert.throws(() => call(unet, x, [1, 2], condition), {
          code: "condition.shape",
          fields: {
            what: "The denoiser takes another condition",
            differences: differences.map(([name, found, wanted]) => ({ name, found, wanted })),
            mend: "Give the condition that it was made for, of the size of the latents.",
          },
        });
      });
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
