import { type ReadOptions, readPicture, type Source } from "./read.ts";
import type { Rgb } from "./resample.ts";

/** What a worker is asked: the picture in a file. */
export interface Job {
  id: number;
  source: Source;
  options: ReadOptions;
}

/** A file that gives no picture. */
export interface Unreadable {
  /** What is wrong with it, in a line. */
  reason: string;
}

/** What a worker answers, in the order of the questions. */
export interface Answer {
  id: number;
  result: Rgb | Unreadable;
}

const workerName = "latent-data";

/**
 * Starts a worker that answers {@linkcode Job}s with {@linkcode Answer}s until it is terminated.
 *
 * It runs this very file: alone, or, when the program was bundled into one file, that whole file. So this module, where
 * it finds itself in such a worker, serves and never finishes loading: whatever comes after it in the bundle, the
 * program's own work, is not run a second time.
 */
export function startWorker(): Worker {
  return new Worker(import.meta.url, { type: "module", name: workerName });
}

if (self.name === workerName) {
  serve();
  await new Promise(() => {});
}

/** Answers one job after the other: several pictures decoded at once would only need more memory. */
function serve(): void {
  const { postMessage } = globalThis as typeof globalThis & Pick<Worker, "postMessage">;
  let last = Promise.resolve();
  addEventListener("message", (event) => {
    const { id, source, options } = (event as MessageEvent<Job>).data;
    last = last.then(async () => {
      const result = await readPicture(source, options).catch((error): Unreadable => ({ reason: reasonOf(error) }));
      const pixels = "data" in result ? [result.data, result.clear ?? [], result.map ?? []].flat() : [];
      postMessage({ id, result } satisfies Answer, pixels.map(({ buffer }) => buffer));
    });
  });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message.replace(/\s*\n\s*/g, "; ") : String(error);
}
