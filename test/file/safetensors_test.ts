import assert from "node:assert/strict";
import { join } from "@std/path";
import { LatentError } from "../../lib/base/mod.ts";
import {
  SAFE_DTYPES,
  type SafeDtype,
  SafetensorsFile,
  type TensorSource,
  writeSafetensors,
} from "../../lib/file/mod.ts";
import { BITS, byteLength } from "../../lib/file/dtype.ts";
import { fileOf, HOSTILE } from "./hostile.ts";
import { MemoryDisk } from "./memory_disk.ts";
import { mutant, random } from "./mutate.ts";

function source(dtype: SafeDtype, shape: number[], fill = 0): TensorSource {
  const bytes = new Uint8Array(byteLength(dtype, shape) as number).map((_, i) => (fill + i) % 256);
  return { dtype, shape, chunks: () => [bytes] };
}

function opened(bytes: Uint8Array): SafetensorsFile {
  const disk = new MemoryDisk();
  disk.put("/f.safetensors", bytes);
  return SafetensorsFile.open("/f.safetensors", disk);
}

for (const [claim, bytes, code] of HOSTILE) {
  Deno.test(`a safetensors file is refused: ${claim}`, () => {
    assert.throws(() => opened(bytes), (error) => error instanceof LatentError && error.code === code);
  });
}

Deno.test("a refusal names the file and the tensor, and says what was found, what was wanted and how to mend it", () => {
  const lying = fileOf(`{"layer.w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,20]}}`, 20);
  assert.throws(() => opened(lying), (error: LatentError) => {
    assert.match(error.fields.what, /\/f\.safetensors: tensor "layer\.w"/);
    assert.match(error.fields.found!, /20 bytes apart/);
    assert.match(error.fields.wanted!, /24 bytes: F32 of shape \[2, 3\]/);
    assert.ok(error.fields.mend);
    return true;
  });
});

Deno.test("an integer that JSON.parse would round is refused as such", () => {
  const lying = fileOf(`{"a":{"dtype":"U8","shape":[0,9007199254740993],"data_offsets":[0,0]}}`, 0);
  assert.throws(() => opened(lying), /wanted {2}an integer from 0 to 2\^53 - 1/);
});

Deno.test("2,000 mutations of a file are refused with a LatentError or give a result that agrees with itself", () => {
  const disk = new MemoryDisk();
  const tensors = new Map([["w", source("F32", [2, 3])], ["b", source("BF16", [5])], ["e", source("I64", [0, 7])]]);
  writeSafetensors("/f", tensors, { metadata: new Map([["k", "v"]]), layer: disk });
  const whole = disk.bytes("/f");
  const draw = random(9);
  let refused = 0;
  for (let i = 0; i < 2000; i++) {
    const bytes = mutant(whole, draw);
    try {
      checkConsistent(opened(bytes), bytes.length);
    } catch (error) {
      assert.ok(error instanceof LatentError && error.code.startsWith("file."), `mutation ${i}: ${error}`);
      refused++;
    }
  }
  assert.ok(refused > 1000 && refused < 2000, `${refused} refused`);
});

/** Every byte of the data belongs to one tensor, and every tensor has the bytes that its dtype and shape want. */
function checkConsistent(file: SafetensorsFile, fileBytes: number): void {
  let end = fileBytes;
  for (const { name, dtype, shape, offset, bytes } of [...file.entries.values()].reverse()) {
    assert.equal(offset + bytes, end);
    assert.equal(bytes, byteLength(dtype, shape));
    assert.equal(file.bytes(name).length, bytes);
    end = offset;
  }
}

Deno.test("tensors of every dtype come back as they were written, from the disk", async () => {
  const folder = await Deno.makeTempDir();
  const path = join(folder, "all.safetensors");
  const tensors = new Map(SAFE_DTYPES.map((dtype, i) => [`of ${dtype}`, source(dtype, [2, 4], i)]));
  tensors.set("scalar", source("F64", [])).set("empty", source("F16", [3, 0])).set("__proto__", source("U8", [1]));
  const metadata = new Map([["format", "pt"], ["__proto__", 'ß \u2028 "quoted" \\ 𝄞']]);
  writeSafetensors(path, tensors, { metadata });
  {
    using file = SafetensorsFile.open(path);
    assert.deepEqual(new Map([...file.metadata].sort()), new Map([...metadata].sort()));
    assert.equal(file.entries.size, tensors.size);
    for (const [name, { dtype, shape, chunks }] of tensors) {
      assert.deepEqual([file.entry(name).dtype, file.entry(name).shape], [dtype, shape]);
      assert.deepEqual([file.bytes(name)], chunks());
      assert.equal(file.entry(name).offset % Math.max(1, BITS[dtype] / 8 | 0), 0, `${name} is aligned`);
    }
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a file has the bytes that the reference library writes for the same tensors", () => {
  const disk = new MemoryDisk();
  const floats = new Uint8Array(Float32Array.of(0, 1, 2, 3, 4, 5).buffer);
  writeSafetensors(
    "/f",
    new Map([
      ["b", { dtype: "F32" as const, shape: [2, 3], chunks: () => [floats] }],
      ["a", source("U8", [3])],
      ["z", { dtype: "I64" as const, shape: [], chunks: () => [new Uint8Array([3, 0, 0, 0, 0, 0, 0, 0])] }],
      ["e", source("F16", [0, 4])],
    ]),
    { metadata: new Map([["k", "v"]]), layer: disk },
  );
  // safetensors 0.8.0: save_file({"b": arange(6).reshape(2, 3), "a": arange(3), "z": array(3), "e": zeros((0, 4))}, {"k": "v"})
  const header = '{"__metadata__":{"k":"v"},"z":{"dtype":"I64","shape":[],"data_offsets":[0,8]},' +
    '"b":{"dtype":"F32","shape":[2,3],"data_offsets":[8,32]},"e":{"dtype":"F16","shape":[0,4],"data_offsets":[32,32]},' +
    '"a":{"dtype":"U8","shape":[3],"data_offsets":[32,35]}}   ';
  const expected = fileOf(header, 35);
  expected.set([3], 8 + header.length);
  expected.set(floats, 8 + header.length + 8);
  expected.set([0, 1, 2], 8 + header.length + 32);
  assert.deepEqual(disk.bytes("/f"), expected);
});

Deno.test("what the format cannot hold is refused before a file is made", () => {
  const rows: [string, Map<string, TensorSource>][] = [
    ["a fraction", new Map([["a", { ...source("U8", [1]), shape: [0.5] }]])],
    ["a negative size", new Map([["a", { ...source("U8", [1]), shape: [-1] }]])],
    ["an unknown dtype", new Map([["a", { ...source("U8", [1]), dtype: "F31" as SafeDtype }]])],
    ["half a surrogate pair", new Map([["\ud800", source("U8", [1])]])],
    ["the name of the metadata", new Map([["__metadata__", source("U8", [1])]])],
    ["half a byte", new Map([["a", { ...source("U8", [1]), dtype: "F4" as const }]])],
  ];
  for (const [claim, tensors] of rows) {
    const disk = new MemoryDisk();
    assert.throws(() => writeSafetensors("/f", tensors, { layer: disk }), { code: "file.header" }, claim);
    assert.deepEqual(disk.log, [], claim);
  }
});

Deno.test("a tensor whose bytes are not those of its shape leaves no file", () => {
  const disk = new MemoryDisk();
  const tensors = new Map([["a", { ...source("U8", [1]), shape: [2] }]]);
  assert.throws(() => writeSafetensors("/f", tensors, { layer: disk }), { code: "file.tensor" });
  assert.deepEqual(disk.list("/"), []);
});

Deno.test("an unknown tensor's error names the nearest", () => {
  const disk = new MemoryDisk();
  writeSafetensors("/f", new Map([["conv_in.weight", source("U8", [1])]]), { layer: disk });
  assert.throws(() => SafetensorsFile.open("/f", disk).entry("conv_in.wieght"), /did you mean "conv_in\.weight"/);
});
