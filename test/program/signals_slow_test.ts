import assert from "node:assert/strict";
import { latestCheckpoint } from "../../lib/file/mod.ts";
import { losses } from "../train/bits.ts";
import { assignments, latent, start, watch } from "./latent.ts";
import { inWorkshop, merged, tinyAutoencoder, writeModel } from "./workshop.ts";

const codes = { SIGINT: 130, SIGTERM: 143 } as const;
const trained = (event: { type: string; done?: number }) => event.type === "progress" && (event.done ?? 0) >= 2;

for (const [signal, code] of Object.entries(codes) as ["SIGINT" | "SIGTERM", number][]) {
  Deno.test(`${signal}: a training finishes its step, writes a checkpoint and ends with ${code}; --resume goes on`, () =>
    inWorkshop(async ({ path, data }) => {
      const settings = assignments(merged(tinyAutoencoder(data), { steps: 100_000 }));
      const { child, until, end, seen } = watch(["train", "autoencoder", "--out", path("run"), ...settings], path());
      await until(trained);
      child.kill(signal);
      const { code: found, err } = await end();
      assert.equal(found, code, err);
      assert.match(err, /stopping as soon as nothing gets lost; once more to stop at once/);
      const [file, note] = seen.slice(-2);
      const step = Number(
        /^stopped after step (\d+); go on with --resume/.exec(note!.type === "note" ? note!.text : "")?.[1],
      );
      using checkpoint = latestCheckpoint(path("run", "checkpoints"));
      assert.deepEqual(file, { type: "file", path: checkpoint!.path, kind: "checkpoint" });
      assert.equal(checkpoint!.step, step);
      assert.equal(losses(path("run")).length, step);
      const steps = `steps=${step + 2}`;
      const resumed = await latent(["train", "autoencoder", "--resume", "--out", path("run"), "--json", steps], path());
      assert.equal(resumed.code, 0, resumed.err);
      assert.equal(losses(path("run")).length, step + 2);
    }));

  Deno.test(`a second ${signal} ends the process within half a second, in the middle of a long step`, () =>
    inWorkshop(async ({ path, data }) => {
      const slow = { size: 256, batchSize: 16, model: { f: 2, multipliers: [1, 1], channels: 64, residualBlocks: 2 } };
      const settings = assignments(merged(tinyAutoencoder(data), slow));
      const { child, until, end, seen } = watch(["train", "autoencoder", "--out", path("run"), ...settings], path());
      await until((event) => event.type === "progress");
      await delay(1500); // past the decoding of the first batch
      child.kill(signal);
      await delay(200);
      const begun = performance.now();
      child.kill(signal);
      const { code: found } = await end();
      const taken = performance.now() - begun;
      assert.equal(found, code);
      assert.ok(taken < 500, `${taken} ms`);
      assert.equal(seen.at(-1)!.type, "progress");
      assert.equal(seen.filter(({ type }) => type === "progress").length, 1); // the first step never ended
    }));
}

Deno.test("SIGINT ends sampling with 130; the pictures of the batches before stay", () =>
  inWorkshop(async ({ path }) => {
    writeModel(path("model.safetensors"));
    const args = ["sample", path("model.safetensors"), "--count", "4000", "--batch-size", "2", "--out", path("out")];
    const { child, until, end } = watch([...args, "--threads", "1", "--steps", "5"], path());
    await until((event) => event.type === "file");
    child.kill("SIGINT");
    assert.equal((await end()).code, 130);
    const names = [...Deno.readDirSync(path("out"))].map(({ name }) => name);
    assert.ok(names.includes("seed-0.png") && names.every((name) => /^seed-\d+\.png$/.test(name)), names.join(" "));
  }));

Deno.test("a run in use is refused by the number of its process, to resume and to begin; when that ends it is free", () =>
  inWorkshop(async ({ path, data }) => {
    const settings = assignments(merged(tinyAutoencoder(data), { steps: 100_000 }));
    const args = ["train", "autoencoder", "--out", path("run")];
    const { child, until, end } = watch([...args, ...settings], path());
    await until(trained);
    const resumed = await latent([...args, "--resume"], path());
    assert.equal(resumed.code, 1);
    assert.match(resumed.err, new RegExp(`run is in use\n +found +process ${child.pid},[^]*kill ${child.pid}`));
    const begun = await latent([...args, ...settings], path());
    assert.equal(begun.code, 2);
    assert.match(begun.err, /There is something in .*run already\n +found[^]*--resume/);
    child.kill("SIGKILL");
    await end();
    const after = await latent([...args, "--resume", "steps=2"], path());
    assert.equal(after.code, 0, after.err);
  }));

Deno.test("whoever closes our stdout has seen enough", () =>
  inWorkshop(async ({ path, data }) => {
    const settings = assignments(merged(tinyAutoencoder(data), { steps: 100_000 }));
    const child = start(["train", "autoencoder", "--json", "--out", path("run"), ...settings], path());
    const reader = child.stdout.getReader();
    await reader.read();
    await reader.cancel();
    const [{ code }, err] = await Promise.all([child.status, new Response(child.stderr).text()]);
    assert.deepEqual([code, err], [0, ""]);
  }));

function delay(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
