import assert from "node:assert/strict";
import { CodeCounter, FeatureSet, inceptionScore, kid, precisionRecall } from "../../lib/metric/mod.ts";
import { cat, eye, full, Generator, randn, randperm, scope, type Tensor, tensor, zeros } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";

function setsTest(claim: string, body: (x: Tensor, y: Tensor, generator: Generator) => void): void {
  Deno.test(
    claim,
    leakFree(() => {
      using generator = Generator.seeded(0);
      scope(() => body(randn([200, 16], { generator }), randn([150, 16], { generator }), generator));
    }),
  );
}

function shuffled(x: Tensor, generator: Generator): Tensor {
  return x.indexSelect(0, randperm(x.shape[0]!, { generator, dtype: "int64" }));
}

setsTest("a feature set keeps the order of its batches, as copies", (x) => {
  using set = new FeatureSet();
  assert.throws(() => set.result(), { code: "metric.empty" });
  const batches = x.chunk(3);
  for (const batch of batches) set.add(batch);
  const wanted = x.tolist();
  x.zero_();
  assert.deepEqual([set.count, set.result().tolist()], [200, wanted]);
  assert.throws(() => set.add(zeros([2, 15])), { code: "metric.shape", message: /\[B, 16\]/ });
});

setsTest("KID is near 0 for one distribution, else the kernel's discrepancy; its seed makes it again", (x, y) => {
  const options = { subsets: 20, subsetSize: 100 };
  const same = kid(x, y, options);
  assert.ok(Math.abs(same.mean) < 0.05 && same.deviation > 0, `${same.mean}`);
  const apart = kid(x, y.add(1), options);
  // E of (x·y / D + 1)³ for x ~ N(μ, 1), y ~ N(ν, 1) in D dimensions; with m = μ·ν / D: (1 + m)³ + 3(1 + m)·s,
  // s = (D + |μ|² + |ν|²) / D², without the third central moment, which is small.
  const moment = (m: number, s: number) => (1 + m) ** 3 + 3 * (1 + m) * s;
  const wanted = moment(0, 1 / 16) + moment(1, 3 / 16) - 2 * moment(0, 2 / 16);
  assert.ok(Math.abs(apart.mean - wanted) < 0.1 * wanted, `${apart.mean}, not ${wanted}`);
  assert.deepEqual(kid(x, y.add(1), options), apart);
  assert.notDeepEqual(kid(x, y.add(1), { ...options, seed: 1 }), apart);
});

setsTest("KID of whole sets does not depend on their order", (x, y, generator) => {
  const options = { subsets: 1, subsetSize: 150 };
  const [one, other] = [
    kid(x.narrow(0, 0, 150), y, options),
    kid(shuffled(x.narrow(0, 0, 150), generator), y, options),
  ];
  assert.ok(Math.abs(one.mean - other.mean) < 1e-12);
  const message = /150 images in the smaller set, subsets of 151/;
  assert.throws(() => kid(x, y, { subsetSize: 151 }), { code: "metric.subset", message });
});

setsTest("the Inception score is 1 for images all alike, and the number of classes for sure and even ones", (x) => {
  const alike = inceptionScore(x.narrow(0, 0, 1).expand([40, 16]));
  assert.ok(Math.abs(alike.mean - 1) < 1e-12 && alike.deviation < 1e-12);
  const sure = eye(16).mul(100).repeat([10, 1]);
  assert.ok(Math.abs(inceptionScore(sure).mean - 16) < 1e-9);
  assert.ok(Math.abs(inceptionScore(sure, 1).mean - 16) < 1e-9);
  assert.ok(Math.abs(inceptionScore(sure.add(7)).mean - 16) < 1e-9);
  assert.throws(() => inceptionScore(x.narrow(0, 0, 9)), { code: "metric.subset", message: /9 images for 10 splits/ });
});

setsTest("precision and recall are 1 for the same sets in any order, and 0 for sets apart", (x, y, generator) => {
  assert.deepEqual(precisionRecall(x, shuffled(x, generator)), { precision: 1, recall: 1 });
  assert.deepEqual(precisionRecall(x, y.add(100)), { precision: 0, recall: 0 });
  const message = /3 images in the smaller set/;
  assert.throws(() => precisionRecall(x, y.narrow(0, 0, 3)), { code: "metric.subset", message });
});

setsTest(
  "fakes from a part of the real have precision 1 and the part's recall; doubles count as neighbours",
  (x, y) => {
    x.add_(1000); // where distances are small differences of large numbers
    const real = cat([x, y]);
    const fakes = cat([x, x, x, x]); // each has three others at distance 0: balls without size
    assert.deepEqual(precisionRecall(real, x), { precision: 1, recall: 200 / 350 });
    assert.deepEqual(precisionRecall(real, fakes), { precision: 1, recall: 200 / 350 });
  },
);

Deno.test(
  "the use of codes is counted over batches of any shape",
  leakFree(() => {
    using counter = new CodeCounter(8);
    scope(() => {
      counter.add(tensor([[0, 1], [2, 3]], { dtype: "int64" })).add(full([4], 3, { dtype: "int64" }));
      const { used, share, perplexity } = counter.result();
      const entropy = 3 * (1 / 8) * Math.log(8) + 5 / 8 * Math.log(8 / 5);
      assert.deepEqual([used, share], [4, 0.5]);
      assert.ok(Math.abs(perplexity - Math.exp(entropy)) < 1e-5);
    });
  }),
);
