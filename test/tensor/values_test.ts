import assert from "node:assert/strict";
import {
  arange,
  type DType,
  empty,
  fromBytes,
  fromFile,
  ones,
  type Tensor,
  tensor,
  zeros,
} from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";

/** dtype, a value that it rounds, the value's bytes, what is read back. */
const rows: [DType, number, number[], number | bigint][] = [
  ["float64", 0.1, [0x9a, 0x99, 0x99, 0x99, 0x99, 0x99, 0xb9, 0x3f], 0.1],
  ["float32", 0.1, [0xcd, 0xcc, 0xcc, 0x3d], Math.fround(0.1)],
  ["float16", 0.1, [0x66, 0x2e], 0.0999755859375],
  ["bfloat16", 0.1, [0xcd, 0x3d], 0.10009765625],
  ["float8_e4m3fn", 0.1, [0x1d], 0.1015625],
  ["float8_e5m2", 0.1, [0x2e], 0.09375],
  ["float8_e4m3fn", 1000, [0x7e], 448],
  ["int64", 2 ** 40 + 1, [1, 0, 0, 0, 0, 1, 0, 0], 2n ** 40n + 1n],
  ["int32", -2, [0xfe, 0xff, 0xff, 0xff], -2],
  ["int16", -2, [0xfe, 0xff], -2],
  ["int8", -2, [0xfe], -2],
  ["uint8", 254, [0xfe], 254],
  ["uint16", 65535, [0xff, 0xff], 65535n],
  ["uint32", 2 ** 32 - 1, [0xff, 0xff, 0xff, 0xff], 2n ** 32n - 1n],
  ["bool", 7, [1], 1],
];

Deno.test(
  "numbers go into every dtype and come back as it rounds them",
  leakFree(() => {
    for (const [dtype, value, bytes, back] of rows) {
      using x = tensor([value], { dtype });
      assert.deepEqual([x.dtype, [...x.shape], x.device], [dtype, [1], "cpu"]);
      assert.deepEqual([...x.bytes()], bytes, dtype);
      assert.equal(x.data()[0], back, dtype);
      assert.equal(x.item(), Number(back), dtype);
      using again = fromBytes(new Uint8Array(bytes), { dtype, shape: [] });
      assert.equal(again.tolist(), Number(back), dtype);
    }
  }),
);

Deno.test(
  "typed arrays bring their dtype and give it back, to the last bit",
  leakFree(() => {
    const arrays = [
      [Float32Array.of(1.5, NaN, -0), "float32"],
      [Float64Array.of(Math.PI, Infinity), "float64"],
      [Uint8Array.of(0, 255), "uint8"],
      [Int8Array.of(-128, 127), "int8"],
      [Int16Array.of(-32768), "int16"],
      [Int32Array.of(2 ** 31 - 1), "int32"],
      [BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n), "int64"],
    ] as const;
    for (const [array, dtype] of arrays) {
      using x = tensor(array);
      assert.equal(x.dtype, dtype);
      assert.deepEqual(x.data(), array);
    }
    using clamped = tensor(Uint8ClampedArray.of(300));
    assert.deepEqual(clamped.data(), Uint8Array.of(255));
  }),
);

Deno.test(
  "a part of an array is copied, and the copy is its own",
  leakFree(() => {
    const array = Float32Array.of(1, 2, 3, 4);
    using x = tensor(array.subarray(1, 3));
    array.fill(9);
    assert.deepEqual(x.tolist(), [2, 3]);
    x.data()[0] = 7;
    assert.deepEqual(x.tolist(), [2, 3]);
  }),
);

Deno.test(
  "nested arrays give their shape, and tolist gives them back",
  leakFree(() => {
    const values = [5, [], [1, 2], [[1], [2], [3]], [[[1, 2], [3, 4]], [[5, 6], [7, 8]]], [[], []]];
    const shapes = [[], [0], [2], [3, 1], [2, 2, 2], [2, 0]];
    for (const [i, value] of values.entries()) {
      using x = tensor(value);
      assert.deepEqual([[...x.shape], x.dtype, x.tolist()], [shapes[i], "float32", value]);
    }
    using booleans = tensor([[true], [false]]);
    assert.deepEqual([booleans.dtype, booleans.tolist()], ["bool", [[1], [0]]]);
    using shaped = tensor([1, 2, 3, 4], { shape: [2, 2], dtype: "int64" });
    assert.deepEqual([shaped.dtype, shaped.tolist()], ["int64", [[1, 2], [3, 4]]]);
  }),
);

Deno.test(
  "elements are read in row-major order whatever lies in memory",
  leakFree(() => {
    using x = arange(0, 6, 1);
    using rows = x.view([2, 3]);
    using columns = rows.transpose(0, 1);
    assert.deepEqual(columns.tolist(), [[0, 3], [1, 4], [2, 5]]);
    assert.deepEqual([...columns.bytes("uint8")], [0, 3, 1, 4, 2, 5]);
  }),
);

Deno.test(
  "numbers mean float32, and integer tensors stay integer under whole numbers",
  leakFree(() => {
    using x = tensor([1, 2], { dtype: "int64" });
    const results: [Tensor, DType][] = [
      [x.add(1), "int64"],
      [x.mul(2), "int64"],
      [x.add(0.5), "float32"],
      [
        x.div(2),
        "float32",
      ],
      [ones([1]), "float32"],
      [zeros([1]), "float32"],
    ];
    for (const [result, dtype] of results) {
      assert.equal(result.dtype, dtype);
      result.dispose();
    }
  }),
);

Deno.test(
  "to changes the dtype in a copy, and shares what is there already",
  leakFree(() => {
    using x = tensor([1.7, -1.7]);
    using whole = x.to({ dtype: "int32" });
    assert.deepEqual(whole.data(), Int32Array.of(1, -1));
    using same = x.to({ dtype: "float32", device: "cpu" });
    same.zero_();
    assert.deepEqual(x.tolist(), [0, 0]);
    using shapeOnly = whole.to({ device: "meta" });
    assert.deepEqual([shapeOnly.device, shapeOnly.dtype, [...shapeOnly.shape]], ["meta", "int32", [2]]);
  }),
);

Deno.test(
  "share is a handle of its own on the same elements",
  leakFree(() => {
    const x = tensor([1, 2]);
    using y = x.share();
    x.mul_(2);
    x.dispose();
    x.dispose(); // twice does nothing
    assert.deepEqual(y.tolist(), [2, 4]);
    assert.equal(x.alive, false);
  }),
);

Deno.test(
  "a range of a file is a tensor, read or mapped; changes stay private",
  leakFree(() => {
    const dir = Deno.makeTempDirSync();
    const path = `${dir}/x.bin`;
    const bytes = new Uint8Array(Float32Array.of(0, 1, 2, 3, 4).buffer);
    Deno.writeFileSync(path, bytes);
    for (const mapped of [false, true]) {
      using x = fromFile(path, { offset: 4, dtype: "float32", shape: [2, 2], mapped });
      assert.deepEqual(x.tolist(), [[1, 2], [3, 4]]);
      x.zero_();
      assert.deepEqual(Deno.readFileSync(path), bytes);
      const beyond = () => fromFile(path, { offset: 8, dtype: "float32", shape: [2, 2], mapped });
      assert.throws(beyond, { code: "file.unreadable" });
      assert.throws(() => fromFile(`${path}.no`, { offset: 0, dtype: "uint8", shape: [1], mapped }), {
        code: "file.unreadable",
        message: /x\.bin\.no/,
      });
    }
    Deno.removeSync(dir, { recursive: true });
  }),
);

Deno.test(
  "item is for one element only",
  leakFree(() => {
    using one = tensor([[3]]);
    assert.equal(one.item(), 3);
    for (const shape of [[2], [0]]) {
      using x = empty(shape);
      assert.throws(() => x.item(), { code: "tensor.shape", message: new RegExp(`float32 \\[${shape}\\]`) });
    }
  }),
);
