import assert from "node:assert/strict";
import { FeatureStatistics, frechetDistance, type Statistics } from "../../lib/metric/mod.ts";
import { eye, Generator, inferenceMode, randn, randperm, scope, type Tensor, tensor } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";

function gaussian(mean: readonly number[], covariance: readonly (readonly number[])[]): Statistics {
  return { mean: tensor(mean, { dtype: "float64" }), covariance: tensor(covariance, { dtype: "float64" }) };
}

const diagonal = (values: readonly number[]) => values.map((value, i) => values.map((_, j) => i === j ? value : 0));

const outer = (u: readonly number[], v: readonly number[]) => u.map((a) => v.map((b) => a * b));

/** tr (AB)^½ of matrices 2×2. */
function traceOfRoot(a: readonly number[][], b: readonly number[][]): number {
  const determinant = (m: readonly number[][]) => m[0]![0]! * m[1]![1]! - m[0]![1]! * m[1]![0]!;
  const trace = a[0]![0]! * b[0]![0]! + 2 * a[0]![1]! * b[0]![1]! + a[1]![1]! * b[1]![1]!;
  return Math.sqrt(trace + 2 * Math.sqrt(determinant(a) * determinant(b)));
}

const [a, b] = [[[2, 0.7], [0.7, 1]], [[0.5, -0.3], [-0.3, 3]]];
const [u, v] = [[1, 2, -1, 3], [2, 0.5, 1, 1]]; // u·v = 5, |u|² = 15, |v|² = 6.25
const known: [string, Statistics, Statistics, number][] = [
  ["the same", gaussian([1, 2], a), gaussian([1, 2], a), 0],
  ["other means", gaussian([1, 2], a), gaussian([4, -2], a), 25],
  ["one dimension: (μ₁ − μ₂)² + (σ₁ − σ₂)²", gaussian([1], [[4]]), gaussian([3], [[9]]), 5],
  ["axes", gaussian([0, 0, 0], diagonal([1, 4, 0])), gaussian([0, 0, 0], diagonal([9, 0, 4])), 4 + 4 + 4],
  ["correlated", gaussian([0, 0], a), gaussian([0, 0], b), 3 + 3.5 - 2 * traceOfRoot(a, b)],
  ["lines: |u|² + |v|² − 2|u·v|", gaussian([0, 0, 0, 0], outer(u, u)), gaussian([0, 0, 0, 0], outer(v, v)), 11.25],
];

for (const [name, one, other, wanted] of known) {
  Deno.test(`the Fréchet distance of Gaussians is the known one, both ways: ${name}`, () => {
    for (const distance of [frechetDistance(one, other), frechetDistance(other, one)]) {
      assert.ok(Math.abs(distance - wanted) < 1e-12, `${distance}, not ${wanted}`); // a root of eigenvalues has 1e-8
    }
  });
}

function withFeatures(body: (features: Tensor, generator: Generator) => void): () => Promise<void> {
  return leakFree(() => {
    using generator = Generator.seeded(0);
    scope(() => body(randn([57, 12], { generator }).mul(0.01).add(1000), generator));
  });
}

function statistics(...batches: Tensor[]): Statistics {
  using stream = new FeatureStatistics();
  for (const batch of batches) stream.add(batch);
  assert.equal(stream.count, batches.reduce((sum, { shape }) => sum + shape[0]!, 0));
  return stream.result();
}

function assertSame(one: Statistics, other: Statistics): void {
  assert.equal(one.count, other.count);
  for (const part of ["mean", "covariance"] as const) {
    const error = one[part].sub(other[part]).abs().amax().item() / other[part].abs().amax().item();
    assert.ok(error < 1e-9, `${part}: ${error}`);
  }
}

Deno.test(
  "statistics are the mean and the unbiased covariance, far from 0 too",
  withFeatures((features) => {
    const x = features.to({ dtype: "float64" });
    const centred = x.sub(x.mean([0]));
    const covariance = centred.transpose(0, 1).mm(centred).div(56);
    assertSame(statistics(features), { mean: x.mean([0]), covariance, count: 57 });
  }),
);

Deno.test(
  "statistics do not depend on batches or order",
  withFeatures((features, generator) => {
    const whole = statistics(features);
    assertSame(statistics(features.narrow(0, 0, 1), features.narrow(0, 1, 0), features.narrow(0, 1, 56)), whole);
    assertSame(statistics(...features.chunk(9)), whole);
    assertSame(inferenceMode(() => statistics(...features.chunk(2))), whole);
    using stream = new FeatureStatistics();
    inferenceMode(() => stream.add(features.narrow(0, 0, 30)));
    assertSame(stream.add(features.narrow(0, 30, 27)).result(), whole);
    const order = randperm(57, { generator, dtype: "int64" });
    assertSame(statistics(...features.indexSelect(0, order).chunk(4)), whole);
  }),
);

Deno.test(
  "a shift of all features is its square, a set less than its features is at distance 0 from itself",
  withFeatures((features) => {
    const few = statistics(features.narrow(0, 0, 5));
    assert.ok(Math.abs(frechetDistance(few, few)) < 1e-14);
    const shifted = statistics(features.narrow(0, 0, 5).add(2));
    assert.ok(Math.abs(frechetDistance(few, shifted) - 12 * 4) < 1e-3); // of float32 features near 1000
  }),
);

Deno.test(
  "statistics of other sizes, of nothing, and that are not finite are refused",
  withFeatures((features) => {
    const one = statistics(features);
    const other = { mean: one.mean.narrow(0, 0, 3), covariance: eye(3, { dtype: "float64" }) };
    assert.throws(() => frechetDistance(one, other), { code: "metric.statistics", message: /12 and 3 features/ });
    const broken = statistics(features, features.narrow(0, 0, 1).mul(NaN));
    assert.throws(() => frechetDistance(one, broken), { code: "metric.statistics", message: /NaN/ });
    using stream = new FeatureStatistics();
    assert.throws(() => stream.result(), { code: "metric.empty" });
    assert.throws(() => stream.add(features.narrow(0, 0, 1)).result(), { code: "metric.empty", message: /found\s+1/ });
    assert.throws(() => stream.add(one.covariance.narrow(1, 0, 3)), { code: "metric.shape", message: /\[B, 12\]/ });
    assert.throws(() => stream.add(one.mean), { code: "metric.shape" });
  }),
);
