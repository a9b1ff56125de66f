/** Our side of a case: answers `setup`, `run` and `memory` as JSON lines, in a process of its own. @module */
import { synchronize, threads as setThreads } from "../../lib/tensor/mod.ts";
import { TextLineStream } from "../lines.ts";
import type { Turns } from "./program.ts";

/** Peak resident bytes of this process, or what Deno knows where there is no /proc. */
function peakBytes(): number {
  try {
    return 1024 * Number(/VmHWM:\s+(\d+)/.exec(Deno.readTextFileSync("/proc/self/status"))?.[1]);
  } catch {
    return Deno.memoryUsage().rss;
  }
}

let turns: Turns = () => {};
let device = "cpu";
const answers: Record<string, (argument: never) => unknown> = {
  setup: async (s: { program: string; threads: number; device: string }) => {
    device = s.device;
    setThreads(s.threads);
    const program = await import(`./${s.program}.ts`) as { setup(s: unknown): Turns };
    turns = program.setup(s);
    return {};
  },
  run: ({ n }: { n: number }) => {
    const start = performance.now();
    turns(n);
    if (device !== "cpu") synchronize(device);
    return { seconds: (performance.now() - start) / 1000 };
  },
  memory: () => ({ peak: peakBytes() }),
};

for await (const line of Deno.stdin.readable.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream())) {
  const { call, argument } = JSON.parse(line) as { call: string; argument: never };
  console.log(JSON.stringify(await answers[call]!(argument)));
}
