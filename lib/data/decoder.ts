import { LatentError } from "../base/mod.ts";
import type { ReadOptions, Source } from "./read.ts";
import type { Rgb } from "./resample.ts";
import { type Answer, type Job, startWorker, type Unreadable } from "./worker.ts";

/** Workers that decode pictures. */
export interface Decoder {
  /** The picture, or why there is none; rejects when the decoder was closed or a worker broke down. */
  decode(source: Source): Promise<Rgb | Unreadable>;
  /** Ends the workers; what is still waited for rejects with the reason. */
  close(reason: unknown): void;
}

/** One worker and what it was asked; it answers in order. */
interface Thread {
  worker: Worker;
  waiting: Map<number, PromiseWithResolvers<Rgb | Unreadable>>;
}

/** Starts `workers` workers, to be ended by `close`. A picture is decoded by the one that has least to do. */
export function startDecoder(workers: number, options: ReadOptions): Decoder {
  const { resize, filter, background, maxFileBytes } = options; // and nothing else: it must be cloneable
  let nextId = 0;
  let closed: { reason: unknown } | undefined;
  const threads = Array.from({ length: workers }, () => startThread(close));

  function decode({ path, part, map }: Source): Promise<Rgb | Unreadable> {
    if (closed) return Promise.reject(closed.reason);
    const id = nextId++;
    const answer = Promise.withResolvers<Rgb | Unreadable>();
    answer.promise.catch(() => {}); // an answer that nobody came to wait for is no error
    const { worker, waiting } = threads.reduce((a, b) => b.waiting.size < a.waiting.size ? b : a);
    waiting.set(id, answer);
    worker.postMessage(
      {
        id,
        source: { path, ...(part && { part }), ...(map && { map }) },
        options: { resize, filter, background, maxFileBytes },
      } satisfies Job,
    );
    return answer.promise;
  }

  function close(reason: unknown): void {
    closed ??= { reason };
    for (const { worker, waiting } of threads) {
      worker.terminate();
      for (const answer of waiting.values()) answer.reject(reason);
      waiting.clear();
    }
  }

  return { decode, close };
}

function startThread(fail: (reason: unknown) => void): Thread {
  const worker = startWorker();
  const waiting: Thread["waiting"] = new Map();
  worker.onmessage = ({ data: { id, result } }: MessageEvent<Answer>) => {
    waiting.get(id)?.resolve(result);
    waiting.delete(id);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    fail(
      new LatentError("data.worker", {
        what: `a worker that decodes images broke down: ${event.message}`,
        mend: "Take fewer workers if memory ran out; otherwise this is a bug worth reporting.",
      }),
    );
  };
  return { worker, waiting };
}
