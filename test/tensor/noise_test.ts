import assert from "node:assert/strict";
import { Generator, type NoiseKind, noiseOf, rand, randn, randperm, scope, tensor } from "../../lib/tensor/mod.ts";
import { philox } from "../../lib/tensor/philox.ts";
import { leakFree } from "../leak.ts";

/** Counter, key, result: the known answers of Random123 (kat_vectors, philox4x32 with 10 rounds). */
const known = [
  ["00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"],
  ["ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"],
  ["243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"],
] as const;

Deno.test("Philox gives Random123's known answers", () => {
  const words = (text: string) => text.split(" ").map((word) => parseInt(word, 16));
  for (const [counter, key, answer] of known) {
    const block = new Uint32Array(4);
    philox(block, ...words(`${counter} ${key}`) as [number, number, number, number, number, number]);
    assert.deepEqual([...block], words(answer));
  }
});

/** The draws of one image, as bytes. */
function drawn(seeds: number[], k: number, kind: NoiseKind, shape = [4, 8, 8], draws = 3): Uint8Array[] {
  using noise = noiseOf(seeds, kind);
  return Array.from({ length: draws }, () => scope(() => noise.normal([seeds.length, ...shape]).select(0, k).bytes()));
}

Deno.test(
  "seed 0 gives what torch.randn gives on CUDA",
  leakFree(() => {
    using noise = noiseOf([0]);
    using x = noise.normal([1, 4]);
    const published = [-0.9247, -0.4253, -2.6438, 0.1452];
    published.forEach((value, i) => assert.ok(Math.abs(Number(x.data()[i]) - value) < 5e-5, `${x}`));
  }),
);

for (const kind of ["philox", "torch"] as const) {
  Deno.test(
    `${kind}: an image's noise is the same bits in any batch, at any place, in any run`,
    leakFree(() => {
      const alone = drawn([7], 0, kind);
      for (const seeds of [[7], [7, 8], [3, 7], [9, 2 ** 40, 7, 7, 0]]) {
        assert.deepEqual(drawn(seeds, seeds.indexOf(7), kind), alone, `${seeds}`);
      }
    }),
  );

  Deno.test(
    `${kind}: draws differ by their number, images by their seed`,
    leakFree(() => {
      // mt19937 is seeded with 32 bits, in PyTorch too
      const seeds = kind === "torch" ? [0, 1, 2 ** 32 - 1] : [0, 1, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 1];
      const all = seeds.flatMap((_, k) => drawn(seeds, k, kind).map((bytes) => bytes.toHex()));
      assert.equal(new Set(all).size, 3 * seeds.length);
    }),
  );

  Deno.test(
    `${kind}: draws are standard normal and independent`,
    leakFree(() => {
      const n = 65536;
      using noise = noiseOf([11, 12], kind);
      const [a, b, c] = scope(() => {
        const draws = [noise.normal([2, n]), noise.normal([2, n])];
        return [draws[0]!.select(0, 0), draws[0]!.select(0, 1), draws[1]!.select(0, 0)].map((x) =>
          [...x.data()].map(Number)
        );
      });
      const mean = (f: (i: number) => number) => a!.reduce((sum, _, i) => sum + f(i), 0) / n;
      const sigma = 1 / Math.sqrt(n); // of each estimate below, times the deviation of what is averaged
      const rows: [number, number, number][] = [
        [mean((i) => a![i]!), 0, 1],
        [mean((i) => a![i]! ** 2), 1, Math.sqrt(2)],
        [mean((i) => a![i]! ** 3), 0, Math.sqrt(15)],
        [mean((i) => a![i]! ** 4), 3, Math.sqrt(96)],
        [mean((i) => a![i]! * b![i]!), 0, 1],
        [mean((i) => a![i]! * c![i]!), 0, 1],
        [mean((i) => a![i]! * a![(i + 1) % n]!), 0, 1],
      ];
      for (const [got, wanted, deviation] of rows) assert.ok(Math.abs(got - wanted) < 5 * deviation * sigma, `${got}`);
    }),
  );
}

Deno.test(
  "a generator's state goes out and in, and the same numbers follow",
  leakFree(() =>
    scope(() => {
      const draws = (generator: Generator) =>
        [randn([5], { generator }), rand([3], { generator }), randperm(9, { generator })].map((x) => x.tolist());
      const generator = Generator.seeded(5);
      draws(generator);
      const { state } = generator;
      assert.equal(state.dtype, "uint8");
      const next = draws(generator);
      assert.notDeepEqual(draws(generator), next);
      generator.state = state;
      assert.deepEqual(draws(generator), next);
      const other = Generator.seeded(6);
      other.state = tensor(state.bytes()); // through bytes, as a checkpoint keeps it
      assert.deepEqual(draws(other), next);
      assert.throws(() => other.state = tensor([1, 2, 3]), { name: "LatentError", message: /generator/ });
    })
  ),
);

Deno.test(
  "equal seeds give equal numbers, also as bigints",
  leakFree(() =>
    scope(() => {
      const first = (seed: number | bigint) => randn([4], { generator: Generator.seeded(seed) }).bytes().toHex();
      assert.equal(first(5), first(5n));
      assert.equal(new Set([0, 1, 2n ** 32n - 1n].map(first)).size, 3);
    })
  ),
);

Deno.test(
  "the device's own generator is one, whoever asks for it",
  leakFree(() =>
    scope(() => {
      const [one, other] = [Generator.default(), Generator.default()];
      const { state } = one;
      const [a, b] = [rand([2], { generator: one }), rand([2], { generator: other })].map((x) => x.tolist());
      assert.notDeepEqual(a, b);
      other.state = state;
      assert.deepEqual(rand([2], { generator: one }).tolist(), a);
      one.state = state;
    })
  ),
);
