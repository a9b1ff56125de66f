import assert from "node:assert/strict";
import { join } from "@std/path";
import { LatentError } from "../../lib/base/mod.ts";
import {
  type CheckpointOptions,
  disk,
  latestCheckpoint,
  listCheckpoints,
  readState,
  recoverCheckpoints,
  type RunState,
  type StateTensor,
  writeCheckpoint,
} from "../../lib/file/mod.ts";
import { Crash, MemoryDisk, type Unsynced } from "./memory_disk.ts";
import { recording } from "./recording.ts";

/** A state whose every byte tells the step. */
function stateOf(step: number): RunState {
  const tensor = (dtype: StateTensor["dtype"], bytes: number, shape: number[]): StateTensor => ({
    dtype,
    shape,
    chunks: () => [new Uint8Array(bytes).fill(step)],
    finite: () => true,
  });
  const tensors = new Map([
    ["model.weight", tensor("F32", 256, [4, 16])],
    ["ema.weight", tensor("BF16", 128, [4, 16])],
    ["generator", tensor("U8", 16, [16])],
  ]);
  return { tensors, value: { step, latentScale: 0.18215, config: { channels: [1, 2, 4] } } };
}

/** The newest whole checkpoint's step, after a look at every byte of it; 0 for none. */
function newest(layer: MemoryDisk): number {
  const latest = latestCheckpoint("/run", layer);
  if (latest === undefined) return 0;
  const { step, file, value } = latest;
  const { tensors, value: expected } = stateOf(step);
  assert.deepEqual(value, expected);
  for (const [name, { chunks }] of tensors) assert.deepEqual([file.bytes(name)], chunks());
  return step;
}

const RETENTION: CheckpointOptions = { keep: 2, every: 3, best: 1 };

/** Writes steps 1 to 6, and returns the last that was written when the machine stopped. */
function train(layer: MemoryDisk): number {
  let done = 0;
  try {
    for (let step = 1; step <= 6; step++) {
      writeCheckpoint("/run", step, stateOf(step), { ...RETENTION, layer });
      done = step;
    }
  } catch (error) {
    if (!(error instanceof Crash)) throw error;
  }
  return done;
}

Deno.test("a checkpoint is written, fsynced, renamed, its folder fsynced, and only then is an older one removed", async () => {
  const folder = await Deno.makeTempDir();
  const log: string[] = [];
  for (const step of [1, 2]) writeCheckpoint(folder, step, stateOf(step));
  writeCheckpoint(folder, 3, stateOf(3), { layer: recording(disk, log) });
  assert.deepEqual(log, [
    ...["create", "write", "write", "write", "write", "writeAt", "fsync", "close"],
    ...["rename to step-000000003.safetensors", "fsync of the folder", "remove step-000000001.safetensors"],
  ]);
  using latest = latestCheckpoint(folder)!;
  assert.deepEqual([latest.step, latest.value, latest.damaged], [3, stateOf(3).value, []]);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("after a crash at any operation the newest checkpoint that was finished, or the one in progress, is whole", () => {
  const whole = new MemoryDisk();
  assert.equal(train(whole), 6);
  let found = 0;
  for (let crashAfter = 0; crashAfter < whole.log.length; crashAfter++) {
    const layer = new MemoryDisk();
    layer.crashAfter = crashAfter;
    const done = train(layer);
    for (const unsynced of ["lost", "torn", "kept"] satisfies Unsynced[]) {
      for (const left of layer.afterCrash(unsynced)) {
        const step = newest(left);
        assert.ok(step === done || step === done + 1, `${step} of ${done} after ${layer.log.at(-1)} (${unsynced})`);
        checkGoesOn(left, step);
        found++;
      }
    }
  }
  assert.ok(found > whole.log.length * 3, `${found} disks`);
});

/** A new process finds the folder as it is, cleans up and writes the next step. */
function checkGoesOn(layer: MemoryDisk, step: number): void {
  const latest = recoverCheckpoints("/run", layer);
  assert.deepEqual([latest?.step ?? 0, latest?.damaged ?? []], [step, []]);
  writeCheckpoint("/run", step + 1, stateOf(step + 1), { ...RETENTION, layer });
  assert.equal(newest(layer), step + 1);
  assert.ok(layer.list("/run").every((name) => name.startsWith("step-")), "nothing temporary is left");
}

Deno.test("a disk that runs full at any of 20 offsets leaves the newest checkpoint, and no temporary file", () => {
  const layer = new MemoryDisk();
  const path = writeCheckpoint("/run", 1, stateOf(1), { layer });
  const size = layer.bytes(path).length;
  for (let i = 0; i < 20; i++) {
    layer.capacity = Math.floor(size * i / 20);
    assert.throws(() => writeCheckpoint("/run", 2, stateOf(2), { layer }), { code: "file.full" });
    assert.equal(newest(layer), 1);
    assert.deepEqual(layer.list("/run"), ["step-000000001.safetensors"]);
  }
  layer.capacity = size;
  writeCheckpoint("/run", 2, stateOf(2), { layer });
  assert.equal(newest(layer), 2);
});

Deno.test("a disk with too little room is refused before anything is written", () => {
  const layer = new MemoryDisk();
  layer.freeBytes = () => 400;
  assert.throws(() => writeCheckpoint("/run", 1, stateOf(1), { layer }), (error) => {
    assert.ok(error instanceof LatentError);
    assert.deepEqual([error.code, error.fields.found], ["checkpoint.space", "400 bytes free"]);
    return true;
  });
  assert.deepEqual(layer.log, []);
});

Deno.test("every single flipped bit of a checkpoint is detected, and the one before it is used with a warning", () => {
  const layer = new MemoryDisk();
  writeCheckpoint("/run", 1, stateOf(1), { layer });
  const path = writeCheckpoint("/run", 2, stateOf(2), { layer });
  const bytes = layer.bytes(path);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    layer.put(path, bytes);
    const latest = latestCheckpoint("/run", layer)!;
    assert.deepEqual([latest.step, latest.damaged.map((other) => other.step)], [1, [2]], `bit ${bit}`);
    bytes[bit >> 3]! ^= 1 << (bit & 7);
  }
});

Deno.test("a checkpoint cut short at any length is detected, and the one before it is used with a warning", () => {
  const layer = new MemoryDisk();
  writeCheckpoint("/run", 1, stateOf(1), { layer });
  const path = writeCheckpoint("/run", 2, stateOf(2), { layer });
  const bytes = layer.bytes(path);
  for (let length = 0; length < bytes.length; length++) {
    layer.put(path, bytes.subarray(0, length));
    const { step, damaged } = latestCheckpoint("/run", layer)!;
    assert.deepEqual([step, damaged[0]?.path, damaged[0]?.error.code], [1, path, "file.truncated"]);
  }
});

Deno.test("a damaged checkpoint is set aside, so that it doesn't count among those that are kept", () => {
  const layer = new MemoryDisk();
  for (const step of [1, 2]) writeCheckpoint("/run", step, stateOf(step), { layer });
  layer.put("/run/step-000000002.safetensors", new Uint8Array(3));
  assert.equal(recoverCheckpoints("/run", layer)?.damaged.length, 1);
  writeCheckpoint("/run", 3, stateOf(3), { layer });
  assert.deepEqual(listCheckpoints("/run", layer).map(({ step }) => step), [1, 3]);
  assert.ok(layer.exists("/run/step-000000002.safetensors.damaged"));
});

Deno.test("a folder of which no checkpoint is whole is an error that lists them; one without any is not", () => {
  const layer = new MemoryDisk();
  assert.equal(recoverCheckpoints("/run", layer), undefined);
  for (const step of [1, 2]) layer.put(writeCheckpoint("/run", step, stateOf(step), { layer }), new Uint8Array(9));
  assert.throws(() => recoverCheckpoints("/run", layer), (error) => {
    assert.ok(error instanceof LatentError && error.code === "checkpoint.damaged");
    assert.equal(error.fields.differences?.length, 2);
    return true;
  });
  assert.equal(listCheckpoints("/run", layer).length, 2);
});

Deno.test("kept are the last two, the best and every M-th", () => {
  const layer = new MemoryDisk();
  for (let step = 1; step <= 11; step++) {
    writeCheckpoint("/run", step, stateOf(step), { every: 4, best: step < 6 ? step : 6, layer });
  }
  assert.deepEqual(listCheckpoints("/run", layer).map(({ step }) => step), [4, 6, 8, 10, 11]);
});

Deno.test("checkpoints newer than the one written are neither counted nor removed", () => {
  const layer = new MemoryDisk();
  for (const step of [8, 9, 1, 2, 3]) writeCheckpoint("/run", step, stateOf(step), { layer });
  assert.deepEqual(listCheckpoints("/run", layer).map(({ step }) => step), [2, 3, 8, 9]);
});

Deno.test("a state that is not finite is never written, and the error names what is not", () => {
  const layer = new MemoryDisk();
  const { tensors, value } = stateOf(1);
  const poisoned = new Map([...tensors, ["ema.bias", { ...tensors.get("ema.weight")!, finite: () => false }]]);
  const rows: [RunState, string][] = [
    [{ tensors: poisoned, value }, "ema.bias"],
    [{ tensors, value: { loss: NaN } }, "loss"],
    [{ tensors, value: { best: { loss: Infinity } } }, "loss"],
  ];
  for (const [state, name] of rows) {
    assert.throws(() => writeCheckpoint("/run", 1, state, { layer }), (error) => {
      assert.ok(error instanceof LatentError && error.code === "checkpoint.nonfinite");
      assert.deepEqual(error.fields.differences?.map((difference) => difference.name), [name]);
      return true;
    });
  }
  assert.deepEqual(layer.log, []);
});

Deno.test("another program's safetensors file is not taken for a run's state", async () => {
  const folder = await Deno.makeTempDir();
  const path = join(folder, "foreign.safetensors");
  await Deno.writeFile(path, Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x7d));
  assert.throws(() => readState(path), { code: "checkpoint.foreign" });
  await Deno.remove(folder, { recursive: true });
});
