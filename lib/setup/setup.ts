import { join } from "@std/path";
import { findLibtorch, type Libtorch, type Shim } from "../../ffi/mod.ts";
import {
  cacheFolder,
  LatentError,
  lockHolder,
  privateFolder,
  replaceTextFile,
  textOf,
  tryLock,
  type WorkDone,
  type WorkEvent,
} from "../base/mod.ts";
import { explained } from "./failure.ts";
import { type LibtorchOptions, provideLibtorch, searchOptions } from "./libtorch.ts";
import { buildShim, findShim, type NativeSources } from "./shim.ts";
import { nativeSources } from "./sources.ts";

/** What set-up is to provide, and where. */
export interface SetupOptions extends LibtorchOptions {
  /** The folder of the cache. @default {that of the user, {@linkcode cacheFolder}} */
  cache?: string;
  /** What the shim is compiled from. @default {those of this version} */
  sources?: NativeSources;
}

/**
 * Provides what the library needs beside itself: finds libtorch, or fetches it; finds the shim, or compiles it. What is
 * there is left as it is and takes milliseconds. Several processes may do it at once (the later ones wait and use what
 * the first made), and it may be interrupted at any point: what is half done is removed by the next run.
 *
 * The `done` event's result has `libtorch`, `shim` and `changed`: whether anything had to be made or waited for.
 *
 * Throws LatentError: `setup.*` for what is missing here, `file.*` for a wheel that can't be used; and the reason of the
 * signal that stopped it: what was finished by then is kept.
 */
export async function* setup(options: SetupOptions = {}): AsyncGenerator<WorkEvent> {
  if (options.fromWheel !== undefined && options.libtorch !== undefined) {
    throw new LatentError("usage.conflict", {
      what: "a wheel to unpack and a folder with libtorch were both given",
      mend: "Give one of --from-wheel and --libtorch.",
    });
  }
  const cache = options.cache ?? cacheFolder();
  const sources = options.sources ?? nativeSources;
  try {
    const ready = options.fromWheel === undefined ? whatIsThere(options, sources, cache) : undefined;
    if (ready === undefined) return yield* provide(options, sources, cache);
    remember(options, ready.libtorch, cache);
    yield done(ready.libtorch, ready.shim, false);
  } catch (error) {
    throw explained(error, cache);
  }
}

function whatIsThere(
  options: SetupOptions,
  sources: NativeSources,
  cache: string,
): { libtorch: Libtorch; shim: Shim } | undefined {
  const { libtorch } = findLibtorch(searchOptions(options, cache));
  const shim = libtorch && findShim(sources, libtorch, cache);
  return libtorch && shim && { libtorch, shim };
}

async function* provide(options: SetupOptions, sources: NativeSources, cache: string): AsyncGenerator<WorkEvent> {
  using _lock = yield* takeLock(join(privateFolder(cache), "setup.lock"), options.signal);
  const temporary = join(cache, "tmp"); // whoever holds the lock may empty it
  removeFolder(temporary);
  try {
    const libtorch = yield* provideLibtorch(options, cache, privateFolder(temporary));
    yield { type: "note", text: `libtorch ${libtorch.version} (${libtorch.variant}) is in ${libtorch.dir}` };
    const found = findShim(sources, libtorch, cache);
    const shim = found ?? (yield* buildShim(sources, libtorch, cache, temporary, options.signal));
    yield { type: "note", text: `its shim is ${shim.path}` };
    remember(options, libtorch, cache);
    yield done(libtorch, shim, true);
  } finally {
    removeFolder(temporary);
  }
}

/** Waits for the lock, asking five times a second, and says whom it waits for. */
async function* takeLock(path: string, signal?: AbortSignal): AsyncGenerator<WorkEvent, Disposable> {
  for (let waiting = false;; waiting = true) {
    signal?.throwIfAborted();
    const lock = tryLock(path);
    if (lock !== undefined) return lock;
    if (!waiting) {
      yield { type: "note", text: `another set-up is at work (process ${lockHolder(path)}); waiting for it` };
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** So that the next start finds it without asking python3. What only the environment names holds for this run alone. */
function remember({ libtorch: wished }: SetupOptions, { dir, source }: Libtorch, cache: string): void {
  if (source === "option" && wished === undefined) return;
  const path = join(privateFolder(cache), "setup.json");
  const text = JSON.stringify({ libtorch: dir });
  if (textOf(path) !== text) replaceTextFile(path, text);
}

function done(libtorch: Libtorch, shim: Shim, changed: boolean): WorkDone {
  return { type: "done", text: "libtorch and its shim are ready", result: { libtorch, shim, changed } };
}

function removeFolder(path: string): void {
  try {
    Deno.removeSync(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
