import { join } from "@std/path";
import assert from "node:assert/strict";
import { checked, native } from "../../ffi/open.ts";
import { type symbols, symbols as table } from "../../ffi/symbols.ts";
import { LatentError } from "../../lib/base/mod.ts";
import { leakFree } from "../leak.ts";

const refusals = 10_000;
const longest = 300_000; // ms; a hang is as bad as a crash

/** Exports whose status says whether they failed. */
const guarded = Object.entries(table)
  .filter(([, { parameters, result }]) => result === "i32" && parameters.length > 0)
  .map(([name]) => name as keyof typeof symbols);

/** Calls an export with zeros in place of its arguments. */
function callEmpty(name: keyof typeof symbols, frame: number): number {
  const { parameters } = table[name];
  const call = native().symbols[name] as (...args: unknown[]) => number;
  return call(...parameters.map((type, i) => i === 0 ? frame : (type as string) === "buffer" ? null : 0));
}

Deno.test(`${refusals} bad calls of operators and exports leave the process alive, each with an error by name`, async () => {
  const folder = Deno.makeTempDirSync();
  try {
    const log = join(folder, "calls");
    const signal = AbortSignal.timeout(longest);
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", new URL("fuzz.ts", import.meta.url).pathname, log, "1", "0", String(refusals)],
      stdin: "null",
      signal,
    }).output();
    const last = Deno.readTextFileSync(log).trimEnd().split("\n").at(-1);
    const said = new TextDecoder().decode(stderr).slice(-2000);
    assert.equal(code, 0, `${signal.aborted ? "hung" : "died"} at round ${last}\n${said}`);
    const { calls, refused, unnamed, live } = JSON.parse(new TextDecoder().decode(stdout));
    assert.ok(refused >= refusals && calls < 2 * refused, `${calls} calls, ${refused} refused`);
    assert.deepEqual(unnamed, [], "targets that never refused a call");
    assert.equal(live, 0, "handles are left");
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test(
  "every export that throws, whatever it throws, gives an error with its name",
  leakFree(() => {
    const { symbols, frame } = native();
    const codes = { 1: "operator.refused", 2: "operator.refused", 3: "operator.refused", 4: "memory.exhausted" };
    for (const name of guarded) {
      for (const [kind, code] of Object.entries(codes)) {
        symbols.latent_test_throw(Number(kind));
        assert.throws(() => checked(callEmpty(name, frame.index), name), (error) => {
          assert.ok(error instanceof LatentError, `${name} ${kind}: ${error}`);
          assert.equal(error.code, code, `${name} ${kind}`);
          assert.equal(error.fields.operator, name);
          assert.match(error.message, /thrown for a test|unknown type|out of memory/);
          return true;
        });
      }
    }
  }),
);

Deno.test("every export refuses a frame that is none, and touches nothing", () => {
  const { symbols, frame } = native();
  frame.cells.fill(7, 0, 100);
  for (const index of [-1, 1023, 1024, 2 ** 31 - 1, -(2 ** 31)]) {
    for (const name of guarded) assert.equal(callEmpty(name, index), -2, `${name} with frame ${index}`);
    assert.equal(symbols.latent_frame_memory(index), null);
    symbols.latent_frame_free(index);
  }
  assert.deepEqual([...new Set(frame.cells.subarray(0, 100))], [7]);
});

Deno.test("frames run out at 1,024 without harm, and what is freed is given again", () => {
  const { symbols, frame } = native();
  const made: number[] = [];
  for (let index = symbols.latent_frame_new(); index >= 0; index = symbols.latent_frame_new()) made.push(index);
  assert.equal(new Set([...made, frame.index]).size, made.length + 1);
  assert.ok(made.length < 1024 && made.length > 900, `${made.length} frames`);
  for (const index of made) symbols.latent_frame_free(index);
  const again = symbols.latent_frame_new();
  assert.ok(made.includes(again));
  symbols.latent_frame_free(again);
});
