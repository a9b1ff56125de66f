import assert from "node:assert/strict";
import { loadTensors, Opaque, type PickleValue, TorchCheckpoint, TorchTensor } from "../../lib/file/mod.ts";
import { type DType, scope } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";
import { toPeer } from "./arrays.ts";
import { peerTest } from "./peer.ts";
import type { PeerArray } from "./runner.ts";

const elementBytes: Partial<Record<DType, number>> = {
  ...{ float64: 8, float32: 4, float16: 2, bfloat16: 2, complex64: 8 },
  ...{ float8_e4m3fn: 1, float8_e5m2: 1, float8_e4m3fnuz: 1, float8_e5m2fnuz: 1, float8_e8m0fnu: 1 },
  ...{ int64: 8, int32: 4, int16: 2, int8: 1, uint64: 8, uint32: 4, uint16: 2, uint8: 1, bool: 1 },
};

/** Twenty-four elements of each dtype; bytes of 0 and 1 are values of all of them. */
const bases: Record<string, PeerArray> = Object.fromEntries(
  Object.entries(elementBytes).map(([dtype, size]) => {
    const bytes = Uint8Array.from({ length: 24 * size }, (_, i) => (i * i % 7) % 2);
    return [dtype, { dtype, shape: [24], bytes }];
  }),
);

/** Views of one memory: shape, strides, start. */
const layouts: Record<string, [shape: number[], strides: number[], start: number]> = {
  "whole": [[24], [1], 0],
  "rows": [[2, 3, 4], [12, 4, 1], 0],
  "transposed": [[4, 6], [1, 4], 0],
  "channels last": [[1, 2, 3, 4], [24, 1, 8, 2], 0],
  "every second of a part": [[2, 3], [12, 2], 5],
  "scalar": [[], [], 23],
  "empty": [[0, 3], [3, 1], 0],
  "repeated": [[3, 2], [0, 1], 7],
  "one row": [[1, 5], [99, 1], 19],
};

const views = Object.keys(bases).flatMap((dtype) =>
  Object.entries(layouts).map(([name, layout]) => [`${dtype}.${name}`, dtype, ...layout] as const)
);

const formats = [
  {},
  { protocol: 4 },
  { protocol: 5, wrapped: true },
  { checksums: false },
  { wrapped: true },
  { legacy: true },
  { legacy: true, wrapped: true, protocol: 4 },
];

for (const format of formats) {
  const claim = `checkpoints of torch.save are read as they were written, all dtypes and views: ${
    JSON.stringify(format)
  }`;
  peerTest(
    claim,
    leakFree(async (peer) => {
      const path = await Deno.makeTempFile({ suffix: ".ckpt" });
      const { arrays } = await peer.call("torch_files.save", { path, views, ...format }, bases);
      using file = TorchCheckpoint.open(path);
      assert.deepEqual([...file.entries.keys()], views.map(([name]) => name));
      scope(() => {
        for (const [name, tensor] of loadTensors(file)) {
          assert.deepEqual(toPeer(tensor), arrays[name], name);
          assert.deepEqual(file.bytes(name), arrays[name]!.bytes, name);
        }
      });
      if (format.wrapped) checkTrainer(file.value as ReadonlyMap<string, PickleValue>);
      await Deno.remove(path);
    }),
  );
}

function checkTrainer(saved: ReadonlyMap<string, PickleValue>): void {
  const { epoch, best, count, many, callbacks, hyper_parameters, optimizer_states, parameter, sparse, dtype, large } =
    Object.fromEntries(saved);
  assert.deepEqual([epoch, best, count, large], [3, 0.25, -5, 2n ** 70n]);
  assert.ok(many instanceof Opaque); // numpy.…_reconstruct, _frombuffer, as the protocol has it
  const names = [hyper_parameters, sparse, dtype, ...(callbacks as ReadonlyMap<PickleValue, PickleValue>).keys()];
  assert.deepEqual(names.map((value) => (value as Opaque).name), [
    "argparse.Namespace",
    "torch._utils._rebuild_sparse_tensor",
    "torch.float16",
    "torch_files.Custom",
  ]);
  const [optimizer] = optimizer_states as [ReadonlyMap<string, PickleValue>];
  assert.deepEqual(optimizer.get("param_groups"), [new Map([["betas", [0.9, 0.999]]])]);
  assert.ok(parameter instanceof TorchTensor);
}
