import assert from "node:assert/strict";
import { liveInProcess } from "../../ffi/process.ts";
import { ones, scope } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";
import type { Job } from "./worker.ts";

/** A Worker that has the shim open, and the number of its frame. */
async function started(): Promise<{ worker: Worker; frame: number }> {
  const worker = new Worker(new URL("worker.ts", import.meta.url), { type: "module" });
  return { worker, frame: await answer(worker) };
}

function answer(worker: Worker, job?: Job): Promise<number> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(event.message));
    };
    if (job !== undefined) worker.postMessage(job);
  });
}

Deno.test(
  "two Workers compute at once with frames, modes, errors and gradients of their own",
  leakFree(async () => {
    const before = liveInProcess();
    const [a, b] = await Promise.all([started(), started()]);
    assert.notEqual(a.frame, b.frame);
    const jobs = [answer(a.worker, { number: 3, rounds: 1500 }), answer(b.worker, { number: 6, rounds: 1500 })];
    for (let i = 0; i < 1500; i++) scope(() => assert.equal(ones([3], {}).add(i).sum(null).item(), 3 * (i + 1)));
    assert.deepEqual(await Promise.all(jobs), [0, 0]);
    assert.equal(liveInProcess(), before);
    for (const { worker } of [a, b]) worker.terminate();
  }),
);

Deno.test(
  "a Worker that is terminated while it computes leaves the others as they were, and its frame to the next",
  leakFree(async () => {
    using mine = ones([4], {});
    const frames: number[] = [];
    while (new Set(frames).size === frames.length && frames.length < 50) {
      const { worker, frame } = await started();
      frames.push(frame);
      worker.postMessage({ number: 1, rounds: 2000 } satisfies Job); // Deno waits for the end of a message's handler
      await new Promise((resolve) => setTimeout(resolve, 20));
      worker.terminate();
      scope(() => assert.deepEqual(mine.mul(2).tolist(), [2, 2, 2, 2]));
    }
    assert.ok(frames.length < 50, "no frame was given again");
  }),
);
