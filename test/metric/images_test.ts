import assert from "node:assert/strict";
import { Average, perceptualDistances, psnr, ssim } from "../../lib/metric/mod.ts";
import { full, Generator, randn, scope, stack, type Tensor, tensor, zeros } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";

function scoped(body: (generator: Generator) => void): () => Promise<void> {
  return leakFree(() => {
    using generator = Generator.seeded(0);
    scope(() => body(generator));
  });
}

function assertNear(got: readonly number[], wanted: readonly number[]): void {
  assert.equal(got.length, wanted.length);
  got.forEach((value, i) => assert.ok(Math.abs(value - wanted[i]!) < 1e-6, `${got}, not ${wanted}`));
}

Deno.test(
  "PSNR of a constant error is 20·log₁₀ of the range by it, pair by pair, and infinite without one",
  scoped((generator) => {
    const x = stack([0, 1, 2].map(() => randn([3, 4, 5], { generator })));
    const errors = tensor([0.5, 0.125, 0], { shape: [3, 1, 1, 1] });
    const y = x.add(errors);
    assertNear(psnr(x, x.add(errors.narrow(0, 0, 1))), Array(3).fill(20 * Math.log10(4)));
    const [coarse, fine, none] = psnr(x, y);
    assertNear([coarse!, fine!], [20 * Math.log10(4), 20 * Math.log10(16)]);
    assert.equal(none, Infinity);
    assertNear(psnr(x, y, { range: 255 }).slice(0, 1), [20 * Math.log10(510)]);
  }),
);

Deno.test(
  "SSIM is 1 for the same, the same both ways, less for more noise, and that of the means for flat images",
  scoped((generator) => {
    const x = randn([2, 3, 16, 19], { generator }).mul(0.3);
    const noise = randn([2, 3, 16, 19], { generator });
    assertNear(ssim(x, x), [1, 1]);
    const [little, much] = [0.05, 0.2].map((share) => x.add(noise.mul(share)));
    assertNear(ssim(x, much!), ssim(much!, x));
    assert.ok(ssim(x, little!).every((value, i) => value > ssim(x, much!)[i]!));
    const [p, q] = [0.5, -0.25];
    const flat = (value: number) => full([1, 1, 11, 11], value);
    assertNear(ssim(flat(p), flat(q)), [(2 * p * q + 0.02 ** 2) / (p * p + q * q + 0.02 ** 2)]);
    assertNear(ssim(flat(1000), flat(1000)), [1]); // no digits lost to the means
  }),
);

Deno.test(
  "images of other shapes and smaller ones than the window are refused",
  scoped(() => {
    const x = zeros([1, 3, 10, 30]);
    for (const metric of [psnr, ssim]) {
      assert.throws(() => metric(x, zeros([1, 3, 30, 10])), { code: "metric.shape", message: /\[1, 3, 30, 10\]/ });
    }
    assert.throws(() => ssim(x, x), { code: "metric.shape", message: /found\s+30 by 10[^]*11 by 11/ });
    assert.throws(() => psnr(zeros([3, 4, 4]), zeros([3, 4, 4])), { code: "metric.shape" });
  }),
);

Deno.test(
  "distances by a network are one an image, and their average is of all batches",
  scoped(() => {
    const distance = (x: Tensor, y: Tensor) => x.sub(y).square().mean([1, 2, 3], true);
    const y = tensor([1, 2, 3], { shape: [3, 1, 1, 1] }).expand([3, 3, 4, 4]);
    const distances = perceptualDistances(distance, zeros([3, 3, 4, 4]), y);
    assert.deepEqual(distances, [1, 4, 9]);
    const average = new Average().add(distances).add([2]);
    assert.deepEqual([average.count, average.result()], [4, { mean: 4, deviation: Math.sqrt((9 + 0 + 25 + 4) / 4) }]);
    assert.equal(new Average().add([Infinity, 30, 30]).result().mean, Infinity);
    assert.throws(() => new Average().result(), { code: "metric.empty" });
  }),
);
