/** The program with commands of a test: what tests run to see exit codes, signals and closed pipes. @module */
import * as z from "zod";
import { LatentError, type WorkEvent } from "../../lib/base/mod.ts";
import { command, main } from "../../lib/cli/mod.ts";
import { commands } from "./commands.ts";

const fail = command({
  name: "fail",
  summary: "Fail.",
  options: z.strictObject({ how: z.enum(["file", "config", "bug"]) }),
  arguments: ["how"],
  permissions: [],
  run({ how }) {
    if (how === "bug") throw new TypeError("x is not a function");
    throw new LatentError(`${how}.broken`, { what: `the ${how} is broken`, found: "1", wanted: "2", mend: "Mend it." });
  },
});

/** Works until it is told to stop; then it takes a while to write its checkpoint, unless it hangs. */
const work = command({
  name: "work",
  summary: "Work without end.",
  options: z.strictObject({ hang: z.boolean().default(false) }),
  permissions: [],
  async *run({ hang }, { signal }): AsyncGenerator<WorkEvent> {
    for (let done = 0; hang || !signal.aborted; done++) {
      yield { type: "progress", label: "work", done };
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
    yield { type: "file", path: "/runs/1/last.safetensors", kind: "checkpoint" };
  },
});

const permissions = command({
  name: "permissions",
  summary: "Tell what is permitted.",
  options: z.strictObject({}),
  permissions: ["read", "ffi"],
  async run() {
    const names = ["read", "write", "net", "run", "ffi", "sys"] as const;
    const states = await Promise.all(names.map(async (name) => [name, (await Deno.permissions.query({ name })).state]));
    return { text: "", value: Object.fromEntries(states) };
  },
});

const bad = command({
  name: "bad",
  summary: "Give bad news.",
  options: z.strictObject({}),
  permissions: [],
  run: () => Promise.resolve({ text: "not ready", value: { ready: false }, failed: true }),
});

const setup = command({
  name: "setup",
  summary: "Pretend to set up.",
  options: z.strictObject({ quietWhenDone: z.boolean().default(false) }),
  permissions: [],
  async *run({ quietWhenDone }): AsyncGenerator<WorkEvent> {
    yield await Promise.resolve({ type: "note", text: `set up${quietWhenDone ? " quietly" : ""}` });
  },
});

const compute = command({
  name: "compute",
  summary: "Pretend to compute.",
  options: z.strictObject({}),
  permissions: [],
  computes: true,
  run: () => Promise.resolve({ text: "computed", value: 1 }),
});

if (import.meta.main) {
  const table = [...commands, fail, work, permissions, bad, setup, compute];
  const armSecondSignal = () => console.error("armed");
  Deno.exit(await main(Deno.args, { commands: table, armSecondSignal }));
}
