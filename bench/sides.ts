/** Processes that take turns: ours and a peer's. @module */
import type { Json, PeerProcess } from "../test/peer/runner.ts";
import { TextLineStream } from "./lines.ts";

/** What runs a program. */
export interface Side extends AsyncDisposable {
  /** Seconds that so many repetitions take. */
  run(n: number): Promise<number>;
  /** Peak resident bytes so far. */
  peak(): Promise<number>;
}

/** Where a side runs. */
export interface Machine {
  device: string;
  threads: number;
}

/** A process of ours, set up with a program under bench/ours/. */
export async function ours(program: string, setup: Record<string, unknown>, machine: Machine): Promise<Side> {
  const script = new URL("./ours/server.ts", import.meta.url);
  const args = ["run", "-A", "--no-check", script.href];
  const child = new Deno.Command(Deno.execPath(), { args, stdin: "piped", stdout: "piped", stderr: "inherit" }).spawn();
  const input = child.stdin.getWriter();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream()).getReader();
  const call = async (name: string, argument: unknown) => {
    await input.write(new TextEncoder().encode(JSON.stringify({ call: name, argument }) + "\n"));
    const { value } = await lines.read();
    if (value === undefined) throw new Error(`our side of ${program} ended`);
    return JSON.parse(value);
  };
  await call("setup", { ...setup, ...machine, program });
  return {
    run: async (n) => (await call("run", { n })).seconds,
    peak: async () => (await call("memory", null)).peak,
    async [Symbol.asyncDispose]() {
      await input.close();
      await lines.cancel();
      await child.status;
    },
  };
}

/** A Python process, set up with a module under bench/peer/; it ends with the side. */
export async function theirs(
  program: string,
  setup: Record<string, Json>,
  python: PeerProcess,
): Promise<Side> {
  await python.call(`${program}.setup`, setup);
  return {
    run: async (n) => (await python.call<{ seconds: number }>(`${program}.run`, { n })).json.seconds,
    peak: async () => (await python.call<{ peak_rss: number }>("process.memory")).json.peak_rss,
    [Symbol.asyncDispose]: () => python[Symbol.asyncDispose](),
  };
}
