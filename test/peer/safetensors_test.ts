import assert from "node:assert/strict";
import { loadTensors, SafetensorsFile, tensorSources, writeSafetensors } from "../../lib/file/mod.ts";
import { type DType, live, scope } from "../../lib/tensor/mod.ts";
import { fromPeer, toPeer } from "./arrays.ts";
import { peerTest } from "./peer.ts";
import type { PeerArray } from "./runner.ts";

const elementBytes: Partial<Record<DType, number>> = {
  ...{ float64: 8, float32: 4, float16: 2, bfloat16: 2, complex64: 8 },
  ...{ float8_e4m3fn: 1, float8_e5m2: 1, float8_e4m3fnuz: 1, float8_e5m2fnuz: 1, float8_e8m0fnu: 1 },
  ...{ int64: 8, int32: 4, int16: 2, int8: 1, uint64: 8, uint32: 4, uint16: 2, uint8: 1, bool: 1 },
};

/** An array of each dtype in three shapes; bytes of 0 and 1 are values of all of them. */
const arrays: Record<string, PeerArray> = Object.fromEntries(
  Object.entries(elementBytes).flatMap(([dtype, size]) =>
    [[2, 3], [], [0, 4]].map((shape) => {
      const bytes = Uint8Array.from({ length: shape.reduce((a, b) => a * b, size) }, (_, i) => (i % 3) % 2);
      return [`${dtype}.${shape.join("x")}`, { dtype, shape, bytes }];
    })
  ),
);

peerTest("safetensors files of every dtype go to the Python package and come back", async (peer) => {
  const dir = await Deno.makeTempDir();
  const before = live();
  const [ours, theirs] = [`${dir}/ours.safetensors`, `${dir}/theirs.safetensors`];
  const metadata = { format: "pt", "a key": "…" };

  scope(() => {
    const tensors = new Map(Object.entries(arrays).map(([name, array]) => [name, fromPeer(array)]));
    writeSafetensors(ours, tensorSources(tensors), { metadata: new Map(Object.entries(metadata)) });
  });
  const read = await peer.call("files.read", { path: ours });
  assert.deepEqual(read, { arrays, json: { metadata } });

  await peer.call("files.write", { path: theirs, metadata }, arrays);
  const back = scope(() => {
    using file = SafetensorsFile.open(theirs);
    assert.deepEqual(Object.fromEntries(file.metadata), metadata);
    return Object.fromEntries([...loadTensors(file)].map(([name, x]) => [name, toPeer(x)]));
  });
  assert.deepEqual(back, arrays);
  assert.equal(live(), before);
  await Deno.remove(dir, { recursive: true });
});
