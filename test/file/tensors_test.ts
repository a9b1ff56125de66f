import assert from "node:assert/strict";
import { join } from "@std/path";
import {
  latestCheckpoint,
  loadTensor,
  loadTensors,
  SafetensorsFile,
  tensorSources,
  writeCheckpoint,
  writeSafetensors,
} from "../../lib/file/mod.ts";
import { type DType, fromBytes, live, scope, type Tensor, tensor } from "../../lib/tensor/mod.ts";

/** Runs a test in a folder of its own, and asserts that no tensor is left. */
function inFolder(body: (folder: string) => void): () => Promise<void> {
  return async () => {
    const before = live();
    const folder = await Deno.makeTempDir();
    try {
      scope(() => body(folder));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
    assert.equal(live(), before, "tensors that are left");
  };
}

const DTYPES: [DType, bytes: number][] = [
  ...(["bool", "uint8", "int8", "float8_e5m2", "float8_e4m3fn"] as const).map((dtype): [DType, number] => [dtype, 1]),
  ...(["float8_e8m0fnu", "float8_e4m3fnuz", "float8_e5m2fnuz"] as const).map((dtype): [DType, number] => [dtype, 1]),
  ...(["int16", "uint16", "float16", "bfloat16"] as const).map((dtype): [DType, number] => [dtype, 2]),
  ...(["int32", "uint32", "float32"] as const).map((dtype): [DType, number] => [dtype, 4]),
  ...(["int64", "uint64", "float64", "complex64"] as const).map((dtype): [DType, number] => [dtype, 8]),
];

for (const mapped of [false, true]) {
  Deno.test(
    `tensors of every dtype go through a file bit for bit, ${mapped ? "mapped" : "read"}`,
    inFolder((folder) => {
      const path = join(folder, "all.safetensors");
      const tensors = new Map(DTYPES.flatMap(([dtype, size]): [string, Tensor][] => {
        const bytes = new Uint8Array(6 * size).map((_, i) => dtype === "bool" ? i % 2 : i * 37);
        return [
          [dtype, fromBytes(bytes, { dtype, shape: [2, 3] })],
          [`${dtype}.scalar`, fromBytes(bytes.slice(0, size), { dtype, shape: [] })],
          [`${dtype}.empty`, fromBytes(new Uint8Array(), { dtype, shape: [0, 3] })],
        ];
      }));
      writeSafetensors(path, tensorSources(tensors));
      using file = SafetensorsFile.open(path);
      const loaded = loadTensors(file, { mapped });
      assert.equal(loaded.size, tensors.size);
      for (const [name, { dtype, shape }] of tensors) {
        const found = loaded.get(name)!;
        assert.deepEqual([found.dtype, found.shape, found.bytes()], [dtype, shape, tensors.get(name)!.bytes()], name);
      }
    }),
  );
}

Deno.test(
  "changes of a mapped tensor don't reach the file",
  inFolder((folder) => {
    const path = join(folder, "a.safetensors");
    writeSafetensors(path, tensorSources(new Map([["a", tensor([1, 2, 3])]])));
    using file = SafetensorsFile.open(path);
    const mapped = loadTensor(file, "a", { mapped: true });
    mapped.add_(10);
    assert.deepEqual([mapped.tolist(), loadTensor(file, "a").tolist()], [[11, 12, 13], [1, 2, 3]]);
  }),
);

Deno.test(
  "bytes of a bool tensor that are neither 0 nor 1 are true, as 1",
  inFolder((folder) => {
    const path = join(folder, "a.safetensors");
    writeSafetensors(path, new Map([["a", { dtype: "BOOL", shape: [3], chunks: () => [Uint8Array.of(0, 1, 255)] }]]));
    using file = SafetensorsFile.open(path);
    assert.deepEqual(loadTensor(file, "a", { mapped: true }).bytes(), Uint8Array.of(0, 1, 1));
  }),
);

Deno.test(
  "a tensor is written in row-major order, whatever its strides",
  inFolder((folder) => {
    const path = join(folder, "a.safetensors");
    writeSafetensors(path, tensorSources(new Map([["a", tensor([[1, 2, 3], [4, 5, 6]]).transpose(0, 1)]])));
    using file = SafetensorsFile.open(path);
    assert.deepEqual(loadTensor(file, "a").tolist(), [[1, 4], [2, 5], [3, 6]]);
  }),
);

Deno.test(
  "a tensor of more than a piece is written whole",
  inFolder((folder) => {
    const path = join(folder, "a.safetensors");
    const large = tensor(Int32Array.from({ length: (4 << 18) * 2 + 3 }, (_, i) => i));
    writeSafetensors(path, tensorSources(new Map([["a", large]])));
    using file = SafetensorsFile.open(path);
    assert.deepEqual(loadTensor(file, "a").data(), large.data());
  }),
);

Deno.test(
  "a tensor of four-bit elements is listed and not loaded; those beside it are, and none is left behind",
  inFolder((folder) => {
    const path = join(folder, "a.safetensors");
    const four = { dtype: "F4" as const, shape: [4], chunks: () => [new Uint8Array(2)] };
    writeSafetensors(path, new Map([...tensorSources(new Map([["a", tensor([1])]])), ["four", four]]));
    using file = SafetensorsFile.open(path);
    assert.deepEqual([file.entry("four").shape, loadTensor(file, "a").tolist()], [[4], [1]]);
    assert.throws(() => loadTensors(file), { code: "file.dtype" });
  }),
);

Deno.test(
  "a checkpoint of tensors with NaN or an infinity is refused by name; the largest finite values are not",
  inFolder((folder) => {
    const rows: [DType, finite: number][] = [
      ["float32", 3.4e38],
      ["float64", 1.7e308],
      ["float16", 65504],
      ["bfloat16", 3.3e38],
      ["float8_e5m2", 57344],
    ];
    for (const [dtype, largest] of rows) {
      const state = (value: number) => ({
        tensors: tensorSources(
          new Map([["ok", tensor([1])], ["w", tensor(Float64Array.of(largest, -largest, value), { dtype })]]),
        ),
        value: null,
      });
      for (const value of [NaN, Infinity, -Infinity]) {
        assert.throws(() => writeCheckpoint(folder, 1, state(value)), (error) => {
          assert.match(String(error), /not finite\n {2}w {2}/, dtype);
          return true;
        });
      }
      writeCheckpoint(folder, 1, state(largest));
    }
  }),
);

Deno.test(
  "a checkpoint gives back tensors and generator states bit for bit",
  inFolder((folder) => {
    const tensors = new Map([
      ["weight", tensor([[0.1, -0, 1e-40]])],
      ["ema", tensor([1 / 3], { dtype: "bfloat16" })],
      ["generator", tensor(Uint8Array.of(1, 2, 255))],
      ["step", tensor(BigInt64Array.of(2n ** 60n + 1n))],
    ]);
    writeCheckpoint(folder, 7, { tensors: tensorSources(tensors), value: { position: 12 } });
    using latest = latestCheckpoint(folder)!;
    assert.deepEqual(latest.value, { position: 12 });
    for (const [name, loaded] of loadTensors(latest.file)) {
      assert.deepEqual([loaded.dtype, loaded.bytes()], [tensors.get(name)!.dtype, tensors.get(name)!.bytes()], name);
    }
  }),
);
