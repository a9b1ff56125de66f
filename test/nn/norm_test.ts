import assert from "node:assert/strict";
import { ActNorm, BatchNorm2d, Linear, withDtype } from "../../lib/nn/mod.ts";
import { Generator, randn, scope, type Tensor, tensor } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";

function near(got: Tensor, wanted: readonly number[], tolerance = 1e-6): void {
  const values = Array.from(got.data(), Number);
  assert.equal(values.length, wanted.length);
  values.forEach((value, i) => assert.ok(Math.abs(value - wanted[i]!) <= tolerance, `${values} is not ${wanted}`));
}

Deno.test(
  "batch norm: averages are saved, not trained, and move by a tenth with each training batch alone",
  leakFree(() =>
    scope(() => {
      using generator = Generator.seeded(0);
      using norm = new BatchNorm2d(2).initialise(generator);
      assert.deepEqual([...norm.namedParameters().keys()], ["weight", "bias"]);
      const names = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"];
      assert.deepEqual([...norm.stateDict().keys()], names);
      assert.deepEqual([norm.num_batches_tracked.dtype, norm.num_batches_tracked.shape], ["int64", []]);
      const x = tensor([[[[0, 2]], [[4, 4]]]]); // means 1 and 4, unbiased variances 2 and 0
      near(norm.train().call(x), [-1, 1, 0, 0], 1e-5);
      near(norm.running_mean, [0.1, 0.4]);
      near(norm.running_var, [0.9 + 0.1 * 2, 0.9]);
      near(
        norm.train(false).call(x),
        [-0.1, 1.9].map((v) => v / Math.sqrt(1.1)).concat([3.6, 3.6].map((v) => v / Math.sqrt(0.9))),
        1e-4,
      );
      near(norm.running_mean, [0.1, 0.4]);
      assert.equal(norm.num_batches_tracked.item(), 1);
    })
  ),
);

Deno.test(
  "act norm: the first training batch leaves with mean 0 and deviation 1, later ones with the same scale and shift",
  leakFree(() =>
    scope(() => {
      using generator = Generator.seeded(0);
      using norm = new ActNorm(3).initialise(generator);
      assert.deepEqual([...norm.namedParameters().keys()], ["loc", "scale"]);
      assert.deepEqual([...norm.stateDict().keys()], ["loc", "scale", "initialized"]);
      const x = randn([4, 3, 5, 5], { generator }).mul(3).add(7);
      assert.ok(norm.call(x).equal(x), "before training it changes nothing");
      const y = norm.train().call(x);
      near(y.mean([0, 2, 3]), [0, 0, 0], 1e-5);
      near(y.std([0, 2, 3]), [1, 1, 1], 1e-5);
      assert.equal(norm.initialized.item(), 1);
      near(norm.call(x.add(1)).sub(y).mean([0, 2, 3]).div(norm.scale.flatten()), [1, 1, 1], 1e-4);
      y.sum(null).backward();
      assert.ok(norm.loc.grad !== null && norm.scale.grad !== null);
      norm.loc.grad = norm.scale.grad = null;
    })
  ),
);

Deno.test(
  "modules are built of another type of numbers for as long as the function runs",
  leakFree(() => {
    using wide = withDtype("float64", () => new BatchNorm2d(2));
    using after = new Linear(1, 1);
    assert.deepEqual([...wide.stateDict().values()].map((x) => x.dtype), [...Array(4).fill("float64"), "int64"]);
    assert.equal(after.weight.dtype, "float32");
    assert.throws(() => withDtype("float64", () => assert.fail("inside")), /inside/);
    using again = new Linear(1, 1);
    assert.equal(again.weight.dtype, "float32");
  }),
);
