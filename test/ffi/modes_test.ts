import assert from "node:assert/strict";
import { withAutocast } from "../../ffi/mod.ts";
import { LatentError } from "../../lib/base/mod.ts";
import { autocast, call, enableGrad, inferenceMode, noGrad, ones, scope } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";

/** Whether a result records for gradients, and the dtype of a matrix product. */
function modes(): [boolean, string] {
  return scope(() => {
    const x = ones([2, 2], {}).requiresGrad_();
    return [x.mul(2).requiresGrad, x.matmul(x).dtype];
  });
}

Deno.test(
  "modes nest, and each is what it was when its body ends or throws",
  leakFree(() => {
    const plain = [true, "float32"];
    const nested = noGrad(() => [modes(), enableGrad(modes), autocast("cpu", "bfloat16", modes), modes()]);
    assert.deepEqual(nested, [[false, "float32"], plain, [false, "bfloat16"], [false, "float32"]]);
    assert.deepEqual(modes(), plain);
    for (const mode of [noGrad, enableGrad, inferenceMode, (f: () => void) => autocast("cpu", "float16", f)]) {
      assert.throws(() => mode(() => mode(() => call("aten::no_such"))), /no operator/);
      assert.deepEqual(modes(), plain);
    }
    const off = autocast("cpu", "bfloat16", () => [autocast("cpu", "float32", modes), modes()]);
    assert.deepEqual(off, [plain, [true, "bfloat16"]]);
  }),
);

Deno.test(
  "autocast to another dtype inside of autocast casts the weights anew",
  leakFree(() =>
    scope(() => {
      const weight = ones([2, 2], {}).requiresGrad_();
      const product = () => weight.matmul(weight).dtype;
      const found = autocast("cpu", "bfloat16", () => [product(), autocast("cpu", "float16", product), product()]);
      assert.deepEqual(found, ["bfloat16", "float16", "bfloat16"]);
    })
  ),
);

Deno.test("autocast to what is no lower precision is refused by name", () => {
  const refused = (e: unknown) =>
    e instanceof LatentError && e.fields.operator === "autocast" && e.code === "operator.argument";
  for (const dtype of [7, 3, 99, -1]) assert.throws(() => withAutocast("cpu", dtype, modes), refused);
  assert.throws(() => withAutocast("mars", 15, modes), (e) => e instanceof LatentError && /mars/.test(e.message));
  assert.deepEqual(modes(), [true, "float32"]);
});
