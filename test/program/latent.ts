/** The program as its users meet it: a process, its output, its exit code. @module */
import { dirname, fromFileUrl, join } from "@std/path";
import { locateShim } from "../../ffi/mod.ts";
import { cacheFolder, type WorkEvent } from "../../lib/base/mod.ts";

const root = fromFileUrl(new URL("../..", import.meta.url));

/** A process that has ended. */
export interface Ended {
  code: number;
  out: string;
  err: string;
  /** The lines of `--json`. */
  events: WorkEvent[];
}

/** The program, started with arguments as `latent` gets them, in a folder that also holds its cache. */
export function start(args: readonly string[], cwd: string): Deno.ChildProcess {
  const deno = ["run", "--no-check", "-A", "--no-prompt", "--config", join(root, "deno.json"), join(root, "cli.ts")];
  return new Deno.Command(Deno.execPath(), {
    args: [...deno, ...args],
    cwd,
    // the machine's set-up and Deno's packages, but a list of known models of our own
    env: {
      NO_COLOR: "1",
      OMP_WAIT_POLICY: "PASSIVE", // on a busy machine threads that spin wait for ever
      LATENT_SHIM: Deno.env.get("LATENT_SHIM") ?? locateShim(),
      DENO_DIR: Deno.env.get("DENO_DIR") ?? join(dirname(cacheFolder()), "deno"),
      XDG_CACHE_HOME: join(cwd, "cache"),
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** What a process says until it ends. */
export async function ended(child: Deno.ChildProcess): Promise<Ended> {
  const { code, stdout, stderr } = await child.output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)) as [string, string];
  return { code, out, err, events: jsonLines(out) };
}

/** Runs the program to its end. */
export function latent(args: readonly string[], cwd: string): Promise<Ended> {
  return ended(start(args, cwd));
}

/** The objects of whole JSON lines; none in a text that isn't JSON. */
export function jsonLines<T = WorkEvent>(text: string): T[] {
  return text.startsWith("{") ? text.split("\n").slice(0, -1).map((line) => JSON.parse(line)) : [];
}

/** A process whose events are read while it runs. */
export interface Watched {
  child: Deno.ChildProcess;
  /** Waits for the next event for which `wanted` holds; undefined when the process ends before. */
  until(wanted: (event: WorkEvent) => boolean): Promise<WorkEvent | undefined>;
  /** All that was read so far. */
  seen: WorkEvent[];
  /** Reads on to the end. */
  end(): Promise<{ code: number; signal: Deno.Signal | null; err: string }>;
}

/** Starts the program with `--json` and reads along. */
export function watch(args: readonly string[], cwd: string): Watched {
  const child = start([...args, "--json"], cwd);
  const err = new Response(child.stderr).text();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const seen: WorkEvent[] = [];
  let rest = "";
  let looked = 0;
  const more = async (): Promise<boolean> => {
    const { value, done } = await reader.read();
    const lines = (rest + (value ?? "")).split("\n");
    rest = lines.pop()!;
    seen.push(...lines.map((line) => JSON.parse(line) as WorkEvent));
    return !done;
  };
  return {
    child,
    seen,
    async until(wanted) {
      do {
        while (looked < seen.length) {
          const event = seen[looked++]!;
          if (wanted(event)) return event;
        }
      } while (await more());
      return undefined;
    },
    async end() {
      while (await more());
      const { code, signal } = await child.status;
      return { code, signal, err: await err };
    },
  };
}

/** Options of a training as arguments: `key=value`, JSON. */
export function assignments(settings: Record<string, unknown>, prefix = ""): string[] {
  return Object.entries(settings).flatMap(([key, value]) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? assignments(value as Record<string, unknown>, `${prefix}${key}.`)
      : [`${prefix}${key}=${typeof value === "string" ? value : JSON.stringify(value)}`]
  );
}
