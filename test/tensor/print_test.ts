import assert from "node:assert/strict";
import {
  arange,
  call,
  type DType,
  empty,
  type Nested,
  scope,
  type Tensor,
  tensor,
  zeros,
} from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";

const of = (values: Nested, dtype?: DType) => () => tensor(values, dtype === undefined ? {} : { dtype });

const rows: [() => Tensor, string][] = [
  [of(3), "tensor(3)"],
  [of(-1.25), "tensor(-1.2500)"],
  [of([]), "tensor([], shape=[0])"],
  [of([1, 20]), "tensor([ 1, 20])"],
  [of([1.5, -2, 3]), "tensor([ 1.5000, -2.0000,  3.0000])"],
  [of([[1, NaN], [Infinity, -2.25]]), "tensor([[  1.0000,      NaN],\n        [Infinity,  -2.2500]])"],
  [of([[1, 2], [3, 4]], "int64"), "tensor([[1, 2],\n        [3, 4]], dtype=int64)"],
  [of([true, false]), "tensor([ true, false], dtype=bool)"],
  [of([0.1], "bfloat16"), "tensor([0.1001], dtype=bfloat16)"],
  [of([1e-8, 2e-8]), "tensor([1.0000e-8, 2.0000e-8])"],
  [of([123456.5, 1]), "tensor([1.2346e+5, 1.0000e+0])"],
  [() => zeros([2, 1, 2]), "tensor([[[0, 0]],\n\n        [[0, 0]]])"],
  [() => zeros([2, 0, 3]), "tensor([], shape=[2, 0, 3])"],
  [() => empty([2, 3], { device: "meta" }), "tensor(..., shape=[2, 3], device=meta)"],
  [of([1], "complex64"), "tensor(..., shape=[1], dtype=complex64)"],
  [() => arange(0, 2000, 1), "tensor([   0,    1,    2, ..., 1997, 1998, 1999], shape=[2000])"],
  [
    () => arange(0, 1200, 1).view([8, 150]),
    `tensor([[   0,    1,    2, ...,  147,  148,  149],
        [ 150,  151,  152, ...,  297,  298,  299],
        [ 300,  301,  302, ...,  447,  448,  449],
        ...,
        [ 750,  751,  752, ...,  897,  898,  899],
        [ 900,  901,  902, ..., 1047, 1048, 1049],
        [1050, 1051, 1052, ..., 1197, 1198, 1199]], shape=[8, 150])`,
  ],
];

for (const [make, text] of rows) {
  Deno.test(
    `prints ${text.split("\n")[0]}`,
    leakFree(() =>
      scope(() => {
        const x = make();
        assert.equal(String(x), text);
        assert.equal(Deno.inspect(x), text);
      })
    ),
  );
}

Deno.test(
  "a tensor whose dtype has no name here prints and describes itself without an error",
  leakFree(() =>
    scope(() => {
      const [x] = call("aten::empty.memory_format", [2], 21) as [Tensor]; // torch.bits8
      assert.equal(x.describe(), "dtype number 21 [2] on cpu");
      assert.equal(String(x), "tensor(..., shape=[2], dtype=dtype number 21)");
      assert.throws(() => x.dtype, { code: "tensor.dtype", message: /number 21/ });
    })
  ),
);

Deno.test(
  "a freed tensor prints and describes itself without an error",
  leakFree(() => {
    const x = tensor([1]);
    assert.equal(x.describe(), "float32 [1] on cpu");
    x.dispose();
    assert.deepEqual([String(x), x.describe()], ["tensor(freed)", "a freed tensor"]);
  }),
);
