import assert from "node:assert/strict";
import {
  ddim,
  type Denoiser,
  inPatches,
  linearSqrt,
  makePlan,
  patchDenoiser,
  patchesOf,
  type PatchOptions,
  type Sides,
} from "../../lib/diffusion/mod.ts";
import { scope, tensor } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";
import { drawn, gaussianDenoiser, last, silent } from "./gaussian.ts";

const plan = makePlan(linearSqrt(), 8);

/** Canvases, patches, and how many of them. */
const rows: [canvas: Sides, options: PatchOptions, count: number][] = [
  [[16, 24], { size: [8, 8] }, 15],
  [[16, 24], { size: [8, 8], stride: [8, 8] }, 6],
  [[16, 24], { size: [8, 8], tie: [0.01, 0.5] }, 15],
  [[17, 11], { size: [8, 8], stride: [5, 3] }, 6], // the last ones at the border, whatever the stride
  [[4, 20], { size: [8, 8] }, 4], // smaller than a patch in one direction
  [[3, 3], { size: [8, 8] }, 1],
  [[9, 9], { size: [1, 1] }, 81],
];

for (const [canvas, options, count] of rows) {
  const name = `${count} patches of ${options.size} on ${canvas}`;

  Deno.test(
    `${name}: what is done element by element comes out as of the whole, also at another scale`,
    leakFree(() =>
      scope(() => {
        const x = drawn([3], [2, ...canvas]).start;
        const near = (a: typeof x, b: typeof x) => assert.ok(a.sub(b).abs().amax().item() < 1e-5);
        assert.equal(patchesOf(canvas, options).length, count);
        near(inPatches(x, options, (part) => part.mul(2)), x.mul(2));
        const larger = (part: typeof x) => part.repeatInterleave(3, 2).repeatInterleave(3, 3);
        near(inPatches(x, options, larger, { to: 3 }), larger(x));
        near(inPatches(larger(x), options, (part) => part.avgPool2d(3), { from: 3 }), x);
      })
    ),
  );

  Deno.test(
    `${name}: patch by patch a sampler goes where it goes in one`,
    leakFree(async () => {
      using from = drawn([3], [2, ...canvas]);
      const gaussian = gaussianDenoiser(0.3, 0.5);
      const largest: number[] = [];
      const patchwise = patchDenoiser((x, step) => (largest.push(x.numel), gaussian(x, step)), options);
      using whole = await last(ddim(gaussian, from.start, plan, silent));
      using parts = await last(ddim(patchwise, from.start, plan, silent));
      assert.ok(scope(() => whole.sub(parts).abs().amax().item()) < 1e-5);
      assert.equal(largest.length, count * plan.length);
      assert.ok(Math.max(...largest) <= 2 * options.size[0] * options.size[1]);
    }),
  );
}

Deno.test("an element weighs as much as it is far from the border of its patch, within limits", () => {
  const [only] = patchesOf([5, 5], { size: [5, 5], limits: [0.1, 0.4] });
  assert.deepEqual([...only!.raw.slice(0, 10)], [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.25, 0.25, 0.25, 0.1]);
  assert.equal(only!.raw[12], 0.4);
  const tied = patchesOf([15, 15], { size: [5, 5], stride: [5, 5], tie: [0.2, 0.3] });
  assert.deepEqual(tied.map(({ raw }) => Math.round(1000 * raw[12]!)), [100, 100, 100, 100, 150, 100, 100, 100, 100]);
});

Deno.test("sizes that no patches can have are refused", () => {
  const rows: PatchOptions[] = [
    { size: [0, 8] },
    { size: [8, 8.5] },
    { size: [8, 8], stride: [9, 8] },
    { size: [8, 8], stride: [0, 8] },
  ];
  for (const options of rows) assert.throws(() => patchesOf([16, 16], options), { code: "usage.tile" });
});

Deno.test(
  "a patch that fails leaves nothing behind",
  leakFree(async () => {
    using from = drawn([3], [2, 16, 16]);
    for (const stop of [0, 1, 8]) {
      let calls = 0;
      const failing: Denoiser = (x, step) =>
        calls++ === stop ? Promise.reject(new Error("down")) : gaussianDenoiser(0, 1)(x, step);
      await assert.rejects(async () => await patchDenoiser(failing, { size: [8, 8] })(from.start, plan[0]!), /down/);
    }
    assert.throws(() => inPatches(from.start, { size: [8, 8] }, () => assert.fail("down")), /down/);
  }),
);

Deno.test(
  "tiles keep the dtype of what is given",
  leakFree(() =>
    scope(() => {
      const x = tensor(Array.from({ length: 64 }, (_, i) => i / 3), { shape: [1, 1, 8, 8], dtype: "float64" });
      assert.equal(inPatches(x, { size: [4, 4] }, (part) => part.clone()).dtype, "float64");
    })
  ),
);
