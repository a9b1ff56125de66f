import assert from "node:assert/strict";
import { NpzFile } from "../../lib/file/mod.ts";
import { leakFree } from "../leak.ts";
import { inTempDir, zipOf } from "../setup/fixture.ts";

/** An `.npy`: version, header, elements. */
function npy(header: string, elements: ArrayBufferView<ArrayBuffer>, version = 1): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(header);
  const size = version === 1
    ? [text.length & 255, text.length >> 8]
    : [...new Uint8Array(new Uint32Array([text.length]).buffer)];
  const data = new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
  return new Uint8Array([0x93, ...new TextEncoder().encode("NUMPY"), version, 0, ...size, ...text, ...data]);
}

function header(descr: string, shape: string, fortran = "False"): string {
  return `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': ${shape}, }   \n`;
}

async function withNpz<T>(arrays: Record<string, Uint8Array>, body: (file: NpzFile) => Promise<T>): Promise<T> {
  return await inTempDir(async (dir) => {
    Deno.writeFileSync(`${dir}/a.npz`, zipOf(Object.entries(arrays).map(([name, data]) => ({ name, data }))));
    using file = NpzFile.open(`${dir}/a.npz`);
    return await body(file);
  });
}

const sixth = Float64Array.from({ length: 6 }, (_, i) => i + 0.5);

const rows: [string, Uint8Array, string, unknown][] = [
  ["doubles", npy(header("<f8", "(2, 3)"), sixth), "float64", [[0.5, 1.5, 2.5], [3.5, 4.5, 5.5]]],
  ["columns first", npy(header("<f8", "(2, 3)", "True"), sixth), "float64", [[0.5, 2.5, 4.5], [1.5, 3.5, 5.5]]],
  ["one dimension", npy(header("<f4", "(3,)"), Float32Array.of(1, 2, 3)), "float32", [1, 2, 3]],
  ["a scalar", npy(header("<i8", "()"), BigInt64Array.of(7n)), "int64", 7],
  ["no elements", npy(header("|u1", "(0, 4)"), new Uint8Array()), "uint8", []],
  ["format 2", npy(header("|u1", "(2,)"), Uint8Array.of(1, 255), 2), "uint8", [1, 255]],
  ["entries in another order", npy("{'shape':(1,),'fortran_order':False,'descr':'|i1'}\n", Int8Array.of(-1)), "int8", [
    -1,
  ]],
];

for (const [name, bytes, dtype, values] of rows) {
  Deno.test(
    `an array of an .npz is read: ${name}`,
    leakFree(() =>
      withNpz({ "folder/other.txt": new Uint8Array(3), "x.npy": bytes, "y.npy": bytes }, async (file) => {
        assert.deepEqual(file.names, ["x", "y"]); // one is stored, the other deflated
        for (const name of file.names) {
          using tensor = await file.load(name);
          assert.deepEqual([tensor.dtype, tensor.tolist()], [dtype, values]);
        }
      })
    ),
  );
}

Deno.test(
  "rows come in batches, and reading may end before they do",
  leakFree(() =>
    withNpz({ "x.npy": npy(header("<f8", "(3, 2)"), sixth) }, async (file) => {
      const batches = [];
      for await (const batch of file.rows("x", 2)) {
        batches.push(batch.tolist());
        batch.dispose();
      }
      assert.deepEqual(batches, [[[0.5, 1.5], [2.5, 3.5]], [[4.5, 5.5]]]);
      for await (const batch of file.rows("x", 1)) {
        batch.dispose();
        break;
      }
    })
  ),
);

const refused: [string, Uint8Array, RegExp][] = [
  ["nothing", new Uint8Array(), /another beginning/],
  ["another format", new TextEncoder().encode("PK not NumPy's"), /another beginning/],
  ["a later version", npy(header("<f8", "(1,)"), sixth.subarray(1), 9), /another beginning/],
  ["a header that runs out of the file", npy(header("<f8", "(1,)"), new Uint8Array()).subarray(0, 40), /whole one/],
  ["a header without end", npy(" ".repeat(70_000), new Uint8Array(), 2), /whole one/],
  ["Python objects", npy(header("|O", "(1,)"), sixth.subarray(5)), /'\|O'/],
  ["big-endian numbers", npy(header(">f8", "(1,)"), sixth.subarray(5)), /'>f8'/],
  ["a record", npy("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,), }\n", sixth.subarray(5)), /'a'/],
  ["a name of every object", npy(header("constructor", "(1,)"), sixth.subarray(5)), /constructor/],
  ["more elements than its shape", npy(header("<f8", "(5,)"), sixth), /48 bytes of elements[^]*40 for/],
  ["fewer elements than its shape", npy(header("<f8", "(7,)"), sixth), /56 for/],
  [
    "a shape beyond all numbers",
    npy(header("<f8", "(9999999999999999999, 9999999999999999999)"), sixth),
    /bytes of el/,
  ],
];

for (const [name, bytes, message] of refused) {
  Deno.test(`an .npz with ${name} is refused`, () =>
    withNpz({ "x.npy": bytes }, (file) => assert.rejects(file.load("x"), { code: "file.npy", message })));
}

Deno.test("an array that is too large, or not there, is refused", () =>
  withNpz({ "sigma.npy": npy(header("<f8", "(6,)"), sixth) }, async (file) => {
    await assert.rejects(file.load("sigma", 40), { code: "file.npy", message: /48 bytes[^]*at most 40/ });
    await assert.rejects(file.load("sigmo"), { code: "file.npy", message: /Did you mean "sigma"/ });
    await assert.rejects(file.rows("mu", 1).next(), { code: "file.npy" });
  }));
