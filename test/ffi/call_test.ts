import assert from "node:assert/strict";
import { nativeError } from "../../ffi/error.ts";
import { liveInProcess } from "../../ffi/process.ts";
import { LatentError } from "../../lib/base/mod.ts";
import {
  type Argument,
  call,
  cpuMemory,
  Generator,
  limitMemory,
  ones,
  releaseMemory,
  scope,
  tensor,
  zeros,
} from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";

/** Results as plain values: tensors as [dtype, nested numbers]. */
function shown(results: unknown): unknown {
  if (Array.isArray(results)) return results.map(shown);
  const t = results as ReturnType<typeof tensor> | Generator | null;
  if (t instanceof Generator) return "generator";
  return typeof t === "object" && t !== null ? [t.dtype, t.tolist()] : t;
}

const f32 = (values: number[]) => ["float32", values];
const i64 = (values: unknown) => ["int64", values];
const t = (...values: number[]) => tensor(values);
const i = (...values: number[]) => tensor(values, { dtype: "int64" });
const image = () => tensor([1, 2, 3, 4], { shape: [1, 1, 2, 2] });
const [F32, I64] = [6, 4];

/** Name of the claim, operator, arguments, results. */
const calls: [string, string, () => Argument[], unknown][] = [
  ["a tensor and a default", "add.Tensor", () => [t(1, 2), t(3, 4)], [f32([4, 6])]],
  ["undefined for a default in the middle", "clamp", () => [t(1, 5), undefined, 2], [f32([1, 2])]],
  ["null for an optional", "clamp", () => [t(1, 5), 2, null], [f32([2, 5])]],
  ["a fraction as a scalar", "mul.Scalar", () => [i(3), 0.5], [f32([1.5])]],
  ["a whole number as a scalar keeps integers", "mul.Scalar", () => [i(3), 2], [i64([6])]],
  ["minus zero is a float", "mul.Scalar", () => [i(3), -0], [f32([-0])]],
  ["a tensor of one element as a scalar", "mul.Scalar", () => [t(3), tensor(2)], [f32([6])]],
  ["a boolean as a scalar", "add.Scalar", () => [i(3), true], [i64([4])]],
  ["a bigint as a scalar", "add.Scalar", () => [i(0), 2n ** 40n], [i64([2 ** 40])]],
  ["a boolean", "sum.dim_IntList", () => [t(1, 2), [0], true], [f32([3])]],
  ["0 as a boolean", "sum.dim_IntList", () => [t(1, 2), [0], 0], [["float32", 3]]],
  ["a dtype as libtorch's number", "to.dtype_layout", () => [t(1.5), I64], [i64([1])]],
  ["text", "gelu", () => [t(0), "tanh"], [f32([0])]],
  ["a device", "zeros", () => [[1], F32, null, "cpu"], [f32([0])]],
  ["a list of numbers", "flip", () => [t(1, 2, 3), [0]], [f32([3, 2, 1])]],
  ["an empty list of numbers", "zeros", () => [[], F32], [["float32", 0]]],
  ["a number for a list of two", "avg_pool2d", () => [image(), 2], [["float32", [[[[2.5]]]]]]],
  ["a number for an open list", "roll", () => [t(1, 2, 3), 1], [f32([3, 1, 2])]],
  ["a list of reals", "upsample_nearest1d.vec", () => [tensor([[[1, 2]]]), null, [2]], [[
    "float32",
    [[[1, 1, 2, 2]]],
  ]]],
  ["a list of scalars", "_foreach_mul.ScalarList", () => [[t(1), i(2)], [0.5, 3]], [[f32([0.5]), i64([6])]]],
  ["a list of tensors", "cat", () => [[t(1), t(2, 3)]], [f32([1, 2, 3])]],
  ["an empty list of tensors", "broadcast_tensors", () => [[]], [[]]],
  ["a list of tensors with holes", "index.Tensor", () => [tensor([[1, 2], [3, 4]]), [null, i(1)]], [["float32", [[2], [
    4,
  ]]]]],
  ["a generator", "randperm.generator", () => [1, Generator.seeded(3)], [i64([0])]],
  ["an integer beyond 2^53", "full", () => [[1], 2n ** 62n, I64], [i64([2 ** 62])]],
  ["no result", "_foreach_add_.Scalar", () => [[t(1)], 1], []],
  ["no result where the operator changes its argument", "add_.Scalar", () => [t(1), 1], []],
  ["several tensors", "sort", () => [t(2, 1)], [f32([1, 2]), i64([1, 0])]],
  ["a list of tensors as a result", "unbind.int", () => [t(1, 2)], [[["float32", 1], ["float32", 2]]]],
  ["a boolean as a result", "equal", () => [t(1), t(1)], [true]],
  ["an integer as a result", "storage_offset", () => [t(1, 2).narrow(0, 1, 1)], [1]],
  ["an integer beyond 2^53 as a result", "item", () => [tensor(new BigInt64Array([2n ** 62n]))], [2n ** 62n]],
  ["a real as a result", "item", () => [t(0.5)], [0.5]],
  ["not a number as a result", "item", () => [t(NaN)], [NaN]],
  ["booleans, and a missing tensor as a result", "convolution_backward", () => {
    const [stride, none] = [[1, 1], [0, 0]];
    const weight = tensor([2], { shape: [1, 1, 1, 1] });
    return [image(), image(), weight, null, stride, none, stride, false, none, 1, [true, false, false]];
  }, [["float32", [[[[2, 4], [6, 8]]]]], null, null]],
];

for (const [name, operator, args, wanted] of calls) {
  Deno.test(
    `a call takes or gives ${name} (${operator})`,
    leakFree(() =>
      scope(() => {
        assert.deepEqual(shown(call(`aten::${operator}`, ...args())), wanted);
      })
    ),
  );
}

/** The claim, operator, arguments, code, and what the message says. */
const refusals: [string, string, () => Argument[], string, RegExp][] = [
  [
    "shapes that do not fit",
    "add.Tensor",
    () => [zeros([2, 3]), ones([4])],
    "refused",
    /\(3\).*\(4\)[^]*float32 \[2, 3\] on cpu\n {2}float32 \[4\]/,
  ],
  [
    "a list's tensors are named too",
    "cat",
    () => [[zeros([2, 3]), ones([4])]],
    "refused",
    /float32 \[2, 3\][^]*float32 \[4\]/,
  ],
  ["an unknown operator", "no_such", () => [], "argument", /libtorch has no operator aten::no_such/],
  ["an unknown overload", "add.No", () => [], "argument", /no operator aten::add.No/],
  ["too few arguments", "add.Tensor", () => [t(1)], "argument", /'other' is missing/],
  ["too many arguments", "neg", () => [t(1), 2], "argument", /found 2 arguments, wanted at most 1/],
  ["a default where there is none", "add.Tensor", () => [t(1), undefined], "argument", /'other' has no default/],
  [
    "nothing for what is not optional",
    "add.Tensor",
    () => [t(1), null],
    "argument",
    /'other': found nothing, wanted a tensor/,
  ],
  ["a number for a tensor", "add.Tensor", () => [t(1), 2], "argument", /'other': found a number, wanted a tensor/],
  ["a tensor for a boolean", "sum.dim_IntList", () => [t(1), [0], t(1)], "argument", /'keepdim': found a tensor/],
  ["a fraction for an integer", "cumsum", () => [t(1), 0.5], "argument", /dim: found 0.5, wanted a whole number/],
  ["2 for a boolean", "sum.dim_IntList", () => [t(1), [0], 2], "argument", /'keepdim'/],
  ["text for a list", "flip", () => [t(1), "x"], "argument", /'dims': found a string, wanted integers/],
  ["a generator for a tensor", "neg", () => [Generator.seeded(1)], "argument", /'self': found a generator/],
  ["a tensor for a generator", "randperm.generator", () => [1, t(1)], "argument", /'generator': found a tensor/],
  ["a missing tensor in a list", "cat", () => [[t(1), null]], "freed", /freed already, or never was/],
  ["a dtype that is none", "zeros", () => [[1], 99], "argument", /'dtype': found 99, wanted 0 to \d+/],
  ["a layout but the dense one", "zeros", () => [[4, 4], 1, 3], "argument", /'layout': found 3, wanted 0 to 0/],
  ["a memory format that is none", "clone", () => [t(1), 4], "argument", /'memory_format': found 4, wanted 0 to 3/],
  ["a dtype that is none, as a bigint", "zeros", () => [[1], -1n], "argument", /'dtype': found -1/],
  [
    "tensors of two devices",
    "add.Tensor",
    () => [zeros([1]), zeros([1], { device: "meta" })],
    "refused",
    /devices, [^]*\[1\] on cpu\n +float32 \[1\] on meta/,
  ],
  ["a device that is none", "zeros", () => [[1], F32, null, "mars"], "refused", /mars/],
  ["an index out of range", "index_select", () => [t(1), 0, i(5)], "refused", /index out of range/],
  ["a result that has no kind here", "item", () => [tensor(1).to({ dtype: "complex64" })], "argument", /ComplexDouble/],
  ["arguments beyond the frame", "zeros", () => [new Array(200000).fill(1)], "argument", /found +200001 cells/],
  ["an integer beyond 64 bits", "full", () => [[1], 2n ** 64n], "argument", /found +18446744073709551616/],
  ["more results than the frame holds", "unbind.int", () => [zeros([131072])], "argument", /found 131072 results/],
];

/** Calls on which libtorch crashes, writes past its memory, or runs without end (found by fuzz.ts). */
const deadly: typeof refusals = [
  ["moments of another shape", "_fused_adamw_", () => adam({ moments: [ones([0])] }), "argument", /0 of the exp_avgs/],
  ["gradients with gaps", "_fused_adam_", () => adam({ gradients: [ones([8]).slice(0, 0, 8, 2)] }), "argument", /gaps/],
  [
    "gradients in another order",
    "_fused_adam_",
    () => {
      const parameters = [ones([2, 3])];
      return adam({ parameters, gradients: [ones([3, 2]).transpose(0, 1)], moments: parameters });
    },
    "argument",
    /of the gradients: wanted the parameter's shape, dtype, device and strides/,
  ],
  ["too few moments", "_fused_adam_", () => adam({ moments: [] }), "argument", /found 0 exp_avgs, wanted 1/],
  ["an empty step", "_fused_adamw_", () => adam({ step: zeros([0]) }), "argument", /state_steps: wanted one float32/],
  ["an empty scale", "_fused_adamw_", () => [...adam({}), zeros([0])], "argument", /grad_scale/],
  ["a thousand million chunks of nothing", "chunk", () => [zeros([0]), 1e9], "argument", /found 1000000000 results/],
  ["parts beyond number", "split.Tensor", () => [zeros([1]).expand([1e9]), 1], "argument", /found 1000000000 results/],
  ["elements beyond number", "unbind.int", () => [zeros([1]).expand([1e9])], "argument", /found 1000000000 results/],
  ["the last int64 as a bound", "random_.from", () => [t(1), 2n ** 63n - 1n, null], "argument", /±2\^53/],
  ["the first int64 as a bound", "randint.low_generator", () => [-(2n ** 63n), 3, [1], null], "argument", /±2\^53/],
  [
    "a scale that the size belies",
    "_upsample_bicubic2d_aa",
    () => [image(), [1, 9], false, 1, 1],
    "argument",
    /scale 1 gives 2 /,
  ],
  ["a scale near zero", "_upsample_bilinear2d_aa", () => [image(), [1, 1], false, 1e-9, 1], "argument", /scale 1e-09/],
  [
    "grouped queries of no heads",
    "scaled_dot_product_attention",
    () => {
      const none = ones([1, 0, 4, 8]);
      return [ones([1, 4, 4, 8]), ones([1, 4, 0, 4, 8]), none, null, 0, false, null, true];
    },
    "argument",
    /without heads/,
  ],
];

/** Arguments of the fused Adam for one parameter with something else in their place. */
function adam(
  { parameters = [ones([4])], gradients = [ones([4])], moments = [ones([4])], step = zeros([]) },
): Argument[] {
  return [parameters, gradients, moments, moments, [], [step], 0.1, 0.9, 0.99, 0, 1e-8, false, false];
}

for (const [name, operator, args, code, message] of [...refusals, ...deadly]) {
  Deno.test(
    `a call refuses ${name} (${operator})`,
    leakFree(() =>
      scope(() => {
        const before = liveInProcess();
        const given = args();
        const made = liveInProcess();
        assert.throws(() => call(`aten::${operator}`, ...given), (error) => {
          assert.ok(error instanceof LatentError, String(error));
          assert.ok(error.code.endsWith(`.${code}`), error.code);
          assert.match(error.message, message);
          if (!/frame$|bits$/.test(name)) assert.equal(error.fields.operator, `aten::${operator}`);
          return true;
        });
        assert.equal(liveInProcess() - made, 0);
        assert.ok(made >= before);
        assert.deepEqual(shown(call("aten::neg", t(1))), [f32([-1])], "the next call is as ever");
      })
    ),
  );
}

Deno.test("of libtorch's long messages the first paragraph stays", () => {
  const text = "Could not run 'aten::x'.\nSecond line.\n\nCPU: registered at /build/x.cpp:1\nMeta: …";
  assert.equal(nativeError("aten::x", 1, text, []).message, "aten::x: Could not run 'aten::x'.\nSecond line.");
  const thrown = "a sentence\nException raised from f at /build/y.cpp:2 (most recent call first):\nframe #0";
  assert.equal(nativeError("aten::x", 1, thrown, []).message, "aten::x: a sentence");
  scope(() => {
    const long = () => call("aten::cudnn_grid_sampler", t(1), t(1));
    assert.throws(long, (e) => e instanceof LatentError && !e.message.includes("registered at"));
  });
});

Deno.test(
  "an allocation over the limit is refused by name, also inside backward; what was there stays usable",
  leakFree(() => {
    try {
      scope(() => {
        const x = ones([2 ** 18], {}).requiresGrad_();
        const y = x.mul(2);
        limitMemory(cpuMemory().live + 2 ** 19);
        const exhausted = (operator: string) => (e: unknown) => {
          assert.ok(e instanceof LatentError);
          assert.equal(e.code, "memory.exhausted");
          assert.equal(e.fields.operator, operator);
          assert.match(e.message, /not enough memory: 1048576 bytes wanted, \d+ in use, the limit is \d+/);
          return true;
        };
        assert.throws(() => x.mul(2), exhausted("aten::mul.Scalar"));
        assert.throws(() => y.backward(y), exhausted("backward"));
        limitMemory(0);
        assert.equal(y.narrow(0, 0, 1).item(), 2);
      });
    } finally {
      limitMemory(0);
      releaseMemory();
    }
  }),
);
