import { deepEqual, equal, rejects } from "node:assert/strict";
import type { WorkEvent, WorkProgress } from "../../lib/base/mod.ts";
import { show } from "../../lib/cli/progress.ts";

/** What is shown of events that come at these times. */
async function shown(
  timed: [seconds: number, event: WorkEvent][],
  { columns, json = false }: { columns?: number; json?: boolean } = {},
): Promise<{ out: string; err: string }> {
  let [out, err, clock] = ["", "", 0];
  const output = {
    out: (text: string) => void (out += text),
    err: (text: string) => void (err += text),
    columns: () => columns,
  };
  async function* events(): AsyncGenerator<WorkEvent> {
    for (const [seconds, event] of timed) {
      clock = seconds * 1000;
      yield await Promise.resolve(event);
    }
  }
  await show(events(), output, { json, now: () => clock });
  return { out, err };
}

function at(done: number, more: Partial<WorkProgress> = {}): WorkProgress {
  return { type: "progress", label: "train", done, total: 1000, ...more };
}

const lines: [what: string, timed: [number, WorkEvent][], line: string][] = [
  [
    "rate, time taken, time left and fields",
    [[0, at(0)], [12.5, at(450, { fields: { loss: 0.123456, lr: 1e-4 } })]],
    "train:  45%|████     | 450/1000 [00:13<00:15, 36.0it/s, loss=0.1235, lr=0.0001]",
  ],
  [
    "the rate of a resumed run without what it began with",
    [[0, at(500)], [10, at(520, { fields: { loss: 1 } })]],
    "train:  52%|█████████████▌            | 520/1000 [00:10<04:00, 2.0it/s, loss=1]",
  ],
  [
    "slow steps as seconds a step",
    [[0, at(0)], [4000, at(500)]],
    "train:  50%|██████████████              | 500/1000 [01:06:40<01:06:40, 8.0s/it]",
  ],
  [
    "bytes in their units",
    [[0, at(0, { unit: "B", total: 5e8 })], [2, at(2.5e8, { unit: "B", total: 5e8 })]],
    "train:  50%|████████████▌            | 250.0MB/500.0MB [00:02<00:02, 125.0MB/s]",
  ],
];
for (const [what, timed, line] of lines) {
  Deno.test(`on a terminal the line shows ${what}, as wide as the terminal`, async () => {
    const { err } = await shown(timed, { columns: 80 });
    const last = err.split("\r").at(-1)!;
    equal(last, `${line}\x1b[K\n`);
  });
}

Deno.test("work of unknown length shows its count and rate", async () => {
  const timed: [number, WorkEvent][] = [0, 2].map((s) => [s, { type: "progress", label: "scan", done: s * 10 }]);
  equal((await shown(timed, { columns: 80 })).err.split("\r").at(-1), "scan: 20it [00:02, 10.0it/s]\x1b[K\n");
});

Deno.test("no line is wider than its terminal", async () => {
  const timed: [number, WorkEvent][] = [[0, at(0)], [1, at(10, { fields: { text: "x".repeat(200) } })]];
  for (const columns of [5, 20, 80]) {
    const { err } = await shown(timed, { columns });
    for (const line of err.split("\r")) equal(line.replace("\x1b[K", "").trimEnd().length < columns, true);
  }
});

Deno.test("on a terminal it is drawn at most ten times a second, and as it ends", async () => {
  const timed = Array.from({ length: 1001 }, (_, i): [number, WorkEvent] => [i / 1000, at(i)]);
  const { err } = await shown(timed, { columns: 80 });
  equal(err.split("\r").length - 1, 11);
  equal(err.includes("| 1000/1000 ["), true);
});

Deno.test("in a pipe there is a plain line every five seconds, and one as it ends", async () => {
  const timed = Array.from({ length: 13 }, (_, i): [number, WorkEvent] => [i, at(i)]);
  const { out, err } = await shown(timed);
  deepEqual([out, err.split("\n")], ["", [
    "train: 5/1000 (0%) [00:05<16:35, 1.0it/s]",
    "train: 10/1000 (1%) [00:10<16:30, 1.0it/s]",
    "train: 12/1000 (1%) [00:12<16:28, 1.0it/s]",
    "",
  ]]);
});

const told: WorkEvent[] = [
  { type: "step", text: "train" },
  { type: "note", text: "1,871 images" },
  { type: "warning", text: "a.png was skipped" },
  { type: "file", path: "/runs/1/grid.png", kind: "grid" },
  { type: "done", text: "trained" },
  { type: "done", text: "measured", output: "PSNR 27" },
];

Deno.test("files and what was asked for go to stdout, everything that is said to stderr", async () => {
  deepEqual(await shown(told.map((event) => [0, event])), {
    out: "/runs/1/grid.png\nPSNR 27\n",
    err: "train\n1,871 images\nlatent: warning: a.png was skipped\ntrained\n",
  });
});

Deno.test("with --json every event is a line on stdout and nothing is drawn", async () => {
  const events = [at(0), ...told, at(1000)];
  const { out, err } = await shown(events.map((event) => [0, event]), { columns: 80, json: true });
  deepEqual(out.trimEnd().split("\n").map((line) => JSON.parse(line)), events);
  equal(err, "");
});

Deno.test("a sentence stands on a line of its own and the pace goes on behind it", async () => {
  const { err } = await shown([[0, at(0)], [5, at(50)], [6, told[1]!], [10, at(100)]], { columns: 80 });
  equal(err.includes("\x1b[K\r\x1b[K1,871 images\n\rtrain:  10%|"), true);
  equal(err.includes("100/1000 [00:10<01:30, 10.0it/s]"), true);
});

Deno.test("a finished line stays above what follows it", async () => {
  const { err } = await shown([[0, at(0)], [5, at(1000)], [5, told[4]!]], { columns: 80 });
  equal(/100%\|█+\| 1000\/1000 .*\n.*trained\n$/.test(err.split("\r").at(-1)!), true);
});

Deno.test("an error of the work passes through and ends the line", async () => {
  let err = "";
  const output = { out: () => {}, err: (text: string) => void (err += text), columns: () => 80 };
  async function* events(): AsyncGenerator<WorkEvent> {
    yield await Promise.resolve(at(1));
    throw new Error("no disk");
  }
  await rejects(show(events(), output), /no disk/);
  equal(err.endsWith("\n"), true);
});
