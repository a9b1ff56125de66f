import { join } from "@std/path";
import assert from "node:assert/strict";
import type { Libtorch, Shim } from "../../ffi/mod.ts";
import { LatentError, type WorkEvent } from "../../lib/base/mod.ts";
import { setup, type SetupOptions } from "../../lib/setup/mod.ts";
import { bareEnv, fakeSources, type FakeTorch, fakeTorch, inTempDir, withEnv } from "./fixture.ts";

/** A machine to set up. */
export interface Machine {
  dir: string;
  cache: string;
  /** A wheel of PyTorch in a file. */
  wheel: string;
  /** Runs set-up to its end with the fake sources. */
  run(options?: SetupOptions): Promise<Outcome>;
}

/** What a set-up told. */
export interface Outcome {
  events: WorkEvent[];
  /** What the steps and notes said. */
  said: string;
  libtorch: Libtorch;
  shim: Shim;
  changed: boolean;
}

async function outcome(work: AsyncGenerator<WorkEvent>): Promise<Outcome> {
  const events = await Array.fromAsync(work);
  const said = events.flatMap((event) => event.type === "step" || event.type === "note" ? [event.text] : []).join("\n");
  const last = events.at(-1);
  assert(last?.type === "done");
  return { events, said, ...last.result as { libtorch: Libtorch; shim: Shim; changed: boolean } };
}

/** A test on a machine with g++ and a fake python3, whose pip brings the wheel; `$WHEEL` is its path. */
export function onMachine(
  claim: string,
  body: (machine: Machine) => Promise<void>,
  { pip = 'cp "$WHEEL" .', torch }: { pip?: string; torch?: FakeTorch } = {},
): void {
  Deno.test(claim, () =>
    inTempDir(async (dir) => {
      const wheel = join(dir, "torch-2.13.0-py3-none-any.whl");
      Deno.writeFileSync(wheel, await fakeTorch(torch));
      const cache = join(dir, "cache");
      const run = (options?: SetupOptions) =>
        outcome(setup({ cache, sources: fakeSources, variant: "cpu", ...options }));
      await withEnv(
        { ...bareEnv(dir, { pip: pip.replaceAll("$WHEEL", wheel) }) },
        () => body({ dir, cache, wheel, run }),
      );
    }));
}

/** For `assert.throws`: an error of that code whose message has the sentences. */
export function isError(code: string, ...sentences: RegExp[]): (error: unknown) => boolean {
  return (error) => {
    assert(error instanceof LatentError, String(error));
    assert.equal(error.code, code);
    for (const sentence of sentences) assert.match(error.message, sentence);
    return true;
  };
}
