import assert from "node:assert/strict";
import type { LatentError } from "../../lib/base/mod.ts";
import {
  call,
  device,
  devices,
  type DType,
  empty,
  fromBytes,
  Generator,
  libtorchInfo,
  type NoiseKind,
  noiseOf,
  randn,
  scope,
  synchronize,
  type Tensor,
  tensor,
  zeros,
} from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";

const pair = () => tensor([1, 2]);
const ints = () => tensor([1, 2], { dtype: "int64" });

/** What is done, the code, the operator and its operands, a part of the message. */
const operators: [string, () => unknown, string, string[], RegExp][] = [
  [
    "shapes that do not broadcast",
    () => pair().add(tensor([1, 2, 3])),
    "aten::add.Tensor",
    ["float32 [2] on cpu", "float32 [3] on cpu"],
    /size of tensor a \(2\) must match the size of tensor b \(3\)/,
  ],
  [
    "matrices that do not fit",
    () => tensor([[1, 2]]).matmul(tensor([[1, 2]])),
    "aten::matmul",
    ["float32 [1, 2] on cpu", "float32 [1, 2] on cpu"],
    /1x2 and 1x2/,
  ],
  [
    "dtypes that do not go together",
    () => ints().matmul(pair()),
    "aten::matmul",
    ["int64 [2] on cpu", "float32 [2] on cpu"],
    /same dtype/,
  ],
  [
    "devices that do not go together",
    () => pair().add(empty([2], { device: "meta" })),
    "aten::add.Tensor",
    ["float32 [2] on cpu", "float32 [2] on meta"],
    /same device, but found at least two devices, meta and cpu/,
  ],
  ["a view of another size", () => pair().view([7]), "aten::view", ["float32 [2] on cpu"], /'\[7\]' is invalid/],
  [
    "a result that does not fit in place",
    () => ints().add_(0.5),
    "aten::add_.Scalar",
    ["int64 [2] on cpu"],
    /can't be cast/,
  ],
  ["a negative size", () => randn([-1]), "aten::randn.generator", [], /negative dimension/],
];

for (const [claim, fails, operator, operands, message] of operators) {
  Deno.test(
    `refused with operator and operands: ${claim}`,
    leakFree(() =>
      scope(() => {
        assert.throws(fails, (error: LatentError) => {
          assert.deepEqual([error.code, error.fields.operator, error.fields.operands], [
            "operator.refused",
            operator,
            operands,
          ]);
          assert.match(error.message, message);
          for (const operand of operands) assert.ok(error.message.includes(operand));
          return true;
        });
        assert.deepEqual(pair().add(1).tolist(), [2, 3]); // and all goes on
      })
    ),
  );
}

const others: [string, () => unknown, string, RegExp][] = [
  ["rows of different length", () => tensor([[1], [1, 2]]), "tensor.shape", /differ in length[^]*\[2, 1\]/],
  ["rows of different depth", () => tensor([[1, 2], 3]), "tensor.shape", /\[2, 2\]/],
  ["values that do not fill a shape", () => tensor([1, 2], { shape: [3] }), "tensor.shape", /2 values[^]*3 for \[3\]/],
  ["a misspelt dtype", () => tensor([1], { dtype: "float31" as DType }), "tensor.dtype", /Did you mean "float32"\?/],
  ["an array without a dtype", () => tensor(new BigUint64Array(1) as never), "tensor.dtype", /BigUint64Array/],
  [
    "bytes of the wrong length",
    () => fromBytes(new Uint8Array(3), { dtype: "float32", shape: [1] }),
    "operator.argument",
    /length/,
  ],
  ["an operator that is not there", () => call("aten::nope"), "operator.argument", /aten::nope/],
  ["a seed that is not whole", () => Generator.seeded(1.5), "operator.argument", /wanted a whole number/],
  ["elements of complex numbers", () => complex().data(), "tensor.dtype", /found +complex64 \[1\][^]*view_as_real/],
  ["a complex number as an item", () => complex().item(), "tensor.dtype", /found +complex64 \[1\]/],
  [
    "noise for three images of two",
    () => noise("philox", [3, 4]),
    "tensor.shape",
    /\[3, 4\][^]*\[2, 4\] for the seeds 7/,
  ],
  ["PyTorch's noise for one image of two", () => noise("torch", [1, 4]), "tensor.shape", /found +\[1, 4\]/],
  ["noise without a row", () => noise("torch", []), "tensor.shape", /found +\[\]\n +wanted +\[2\]/],
  ["a freed tensor", () => used(pair()), "tensor.freed", /Return it from the scope that made it/],
  ["a tensor after its scope", () => escaped().tolist(), "tensor.freed", /Return it from the scope that made it/],
];

const complex = () => tensor([1], { dtype: "complex64" });

function noise(kind: NoiseKind, shape: number[]): Tensor {
  using two = noiseOf([7, 8], kind);
  return two.normal(shape);
}

function used(x: Tensor): Tensor {
  x.dispose();
  return x.add(1);
}

function escaped(): Tensor {
  let kept!: Tensor;
  scope(() => void (kept = pair()));
  return kept;
}

for (const [claim, fails, code, message] of others) {
  Deno.test(`refused: ${claim}`, leakFree(() => scope(() => void assert.throws(fails, { code, message }))));
}

Deno.test(
  "devices: the CPU is first, auto is the best, names are checked",
  leakFree(() => {
    assert.equal(devices()[0], "cpu");
    assert.equal(device("auto"), devices()[1] ?? "cpu");
    assert.equal(device("cpu"), "cpu");
    assert.throws(() => device("gpu"), { code: "usage.device", message: /"gpu"[^]*found {3}cpu[^]*or auto/ });
  }),
);

Deno.test({
  name: "a CUDA device without a driver is refused with what to do about it",
  ignore: libtorchInfo().cudaDevices > 0,
  fn: leakFree(() => {
    const mend = libtorchInfo().cuda ? /nvidia-smi/ : /latent setup --variant cuda/;
    for (const name of ["cuda", "cuda:1"]) assert.throws(() => device(name), { code: "usage.device", message: mend });
    using x = pair();
    assert.throws(() => x.to({ device: "cuda" }), { name: "LatentError", message: /aten::to[^]*float32 \[2\] on cpu/ });
    const uses = [
      () => x.to({ device: "cuda" }),
      () => zeros([2], { device: "cuda:1" }),
      () => Generator.seeded(0, "cuda"),
      () => Generator.default("cuda:1"),
      () => synchronize("cuda"),
    ];
    for (const use of uses) {
      assert.throws(use, { code: "operator.refused", message: /has no such CUDA device\n[^]*`latent doctor`/ });
    }
  }),
});
