import type { WorkProgress } from "../base/mod.ts";

/** How a program ended. */
export interface Ran {
  /** Whether its exit status was 0. */
  success: boolean;
  /** Its standard output and standard error, in the order in which they came. */
  output: string;
}

/** What {@linkcode run} needs to know. */
export interface RunOptions {
  /** The folder to run it in. */
  cwd?: string;
  /** Added to this process's environment. */
  env?: Record<string, string>;
  /** Ends the program, and the generator with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/**
 * Runs a program to its end and asks four times a second how far it is, for an event to send. A consumer that stops
 * early ends the program. Throws `Deno.errors.NotFound` when there is no such program.
 */
export async function* run(
  program: string[],
  progress: (output: string, seconds: number) => WorkProgress | undefined,
  { signal, ...options }: RunOptions = {},
): AsyncGenerator<WorkProgress, Ran> {
  const [command, ...args] = program as [string, ...string[]];
  const child = new Deno.Command(command, { args, stdin: "null", stdout: "piped", stderr: "piped", ...options })
    .spawn();
  const ran: Ran = { success: false, output: "" };
  const stop = new AbortController();
  const ended = Promise.all([
    child.status,
    ...[child.stdout, child.stderr].map((from) => collect(from, ran, stop.signal)),
  ]);
  const start = performance.now();
  let status: Deno.CommandStatus | undefined;
  try {
    while (status === undefined) {
      status = (await within(250, ended))?.[0];
      signal?.throwIfAborted();
      const event = progress(ran.output, (performance.now() - start) / 1000);
      if (event !== undefined) yield event;
    }
  } finally {
    if (status === undefined) {
      child.kill();
      stop.abort(); // a child of the child (g++'s cc1plus) may hold the pipes for long
      await Promise.allSettled([ended, child.status]);
    }
  }
  return { ...ran, success: status.success };
}

async function collect(stream: ReadableStream<Uint8Array<ArrayBuffer>>, into: Ran, signal: AbortSignal): Promise<void> {
  for await (const text of stream.pipeThrough(new TextDecoderStream(), { signal })) into.output += text;
}

/** What a promise brings within that time, else undefined. */
async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => timer = setTimeout(() => resolve(undefined), ms));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The last lines of a program's output that say something. */
export function lastLines(output: string, count = 20): string {
  return output.split("\n").filter((line) => line.trim() !== "").slice(-count).join("\n");
}
