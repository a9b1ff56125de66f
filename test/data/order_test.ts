import assert from "node:assert/strict";
import { filePlace, permute, shuffledPlace } from "../../lib/data/order.ts";

const sizes = [1, 2, 3, 4, 5, 7, 8, 16, 31, 100, 255, 256, 257, 1000, 1023, 1871, 4096, 5003];

for (const n of sizes) {
  Deno.test(`each epoch over ${n} items has every item once`, () => {
    for (const seed of [0, 1, 2 ** 40 + 3]) {
      const indices = Array.from({ length: 2 * n }, (_, p) => shuffledPlace(p, n, seed));
      for (const epoch of [0, 1]) {
        const own = indices.slice(epoch * n, (epoch + 1) * n);
        assert.ok(own.every((place) => place.epoch === epoch));
        assert.equal(new Set(own.map((place) => place.index)).size, n);
        assert.ok(own.every((place) => place.index >= 0 && place.index < n));
      }
    }
  });
}

Deno.test("the 24 orders of four items come equally often", () => {
  const counts = new Map<string, number>();
  const epochs = 12_000;
  for (let epoch = 0; epoch < epochs; epoch++) {
    const order = [0, 1, 2, 3].map((p) => shuffledPlace(4 * epoch + p, 4, 5).index).join("");
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  assert.equal(counts.size, 24);
  const expected = epochs / 24;
  const chi2 = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  assert.ok(chi2 < 55, `χ² of 23 degrees is ${chi2}`); // exceeded once in 5,000 fair draws
});

/** Rank correlation of two orders of n items. */
function correlation(a: number[], b: number[]): number {
  const n = a.length;
  const mean = (n - 1) / 2;
  const covariance = a.reduce((sum, x, i) => sum + (x - mean) * (b[i]! - mean), 0) / n;
  return covariance / ((n * n - 1) / 12);
}

Deno.test("orders of other epochs, other seeds and neighbouring positions are unrelated", () => {
  const n = 4000;
  const order = (seed: number, epoch: number) =>
    Array.from({ length: n }, (_, p) => shuffledPlace(epoch * n + p, n, seed).index);
  const first = order(0, 0);
  const others: [string, number[]][] = [
    ["file order", Array.from({ length: n }, (_, p) => p)],
    ["itself, one further", [...first.slice(1), first[0]!]],
    ...[1, 2, 3, 1000].map((epoch): [string, number[]] => [`epoch ${epoch}`, order(0, epoch)]),
    ...[1, 2, 2 ** 32].map((seed): [string, number[]] => [`seed ${seed}`, order(seed, 0)]),
  ];
  for (const [name, other] of others) {
    const r = correlation(first, other);
    assert.ok(Math.abs(r) < 4.5 / Math.sqrt(n), `${name}: ${r}`);
    const same = first.filter((index, p) => other[p] === index).length;
    assert.ok(same < 12, `${name}: ${same} items stand where they stood`);
  }
});

Deno.test("an item's place in its epoch is uniform", () => {
  const n = 50;
  const epochs = 10_000;
  const counts = new Array<number>(n).fill(0);
  for (let epoch = 0; epoch < epochs; epoch++) counts[shuffledPlace(epoch * n + 7, n, 3).index]!++;
  const chi2 = counts.reduce((sum, count) => sum + (count - epochs / n) ** 2 / (epochs / n), 0);
  assert.ok(chi2 < 95, `χ² of 49 degrees is ${chi2}`);
});

Deno.test("the order of a seed never changes between versions", () => {
  assert.deepEqual(Array.from({ length: 8 }, (_, x) => permute(x, 8, 1)), [4, 3, 1, 5, 2, 6, 0, 7]);
  assert.deepEqual(Array.from({ length: 5 }, (_, p) => shuffledPlace(1871 + p, 1871, 42).index), [
    193,
    520,
    848,
    1506,
    1538,
  ]);
});

Deno.test("file order counts through the set", () => {
  assert.deepEqual(filePlace(7, 3), { epoch: 2, index: 1 });
});
