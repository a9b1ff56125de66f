import { join } from "@std/path";
import { findLibtorch, inspect, type Libtorch, type LocateOptions, type Variant } from "../../ffi/mod.ts";
import { LatentError, privateFolder, recordIn, replaceTextFile, sha256File, type WorkEvent } from "../base/mod.ts";
import { pipDownload } from "./pip.ts";
import { describeTorch, isWantedOfNvidia, isWantedOfTorch, nvidiaRequirements } from "./torch_wheel.ts";
import { openWheel, unpackWheel } from "./wheel.ts";

/** The version that is fetched where no libtorch is found. */
export const pinnedVersion = "2.13.0";

/** Which libtorch to provide. */
export interface LibtorchOptions {
  /** `auto` takes any that is found, and fetches the CUDA build where an NVIDIA driver is loaded. @default {"auto"} */
  variant?: "auto" | Variant;
  /** A wheel of PyTorch to unpack in place of searching and fetching. */
  fromWheel?: string;
  /** A folder with libtorch to use in place of searching and fetching. */
  libtorch?: string;
  /** Stops the work. */
  signal?: AbortSignal;
}

/** The wishes as {@linkcode findLibtorch} takes them. */
export function searchOptions({ variant = "auto", libtorch }: LibtorchOptions, cache: string): LocateOptions {
  return { cache, ...(variant === "auto" ? {} : { variant }), ...(libtorch === undefined ? {} : { libtorch }) };
}

/**
 * Finds libtorch, or unpacks it from the given wheel or from the pinned one, which pip fetches, into the cache. The
 * caller holds the lock of the cache; `temporary` is a folder of it that is emptied by and by.
 */
export async function* provideLibtorch(
  options: LibtorchOptions,
  cache: string,
  temporary: string,
): AsyncGenerator<WorkEvent, Libtorch> {
  const { variant = "auto", fromWheel, signal } = options;
  if (fromWheel !== undefined) return yield* install(fromWheel, variant, cache, temporary, signal);
  const { libtorch: found } = findLibtorch(searchOptions(options, cache));
  if (found !== undefined) return found;
  const wanted = variant === "auto" ? (hasNvidiaDriver() ? "cuda" : "cpu") : variant;
  try {
    const wheel = yield* fetchTorch(wanted, temporary, signal);
    return yield* install(wheel, wanted, cache, temporary, signal);
  } catch (error) {
    const mayFallBack = variant === "auto" && wanted === "cuda" && error instanceof LatentError;
    if (!mayFallBack || error.code !== "setup.no_wheel") throw error;
    yield { type: "warning", text: "the package index has no CUDA build of libtorch; taking the CPU build" };
    return yield* install(yield* fetchTorch("cpu", temporary, signal), "cpu", cache, temporary, signal);
  }
}

function hasNvidiaDriver(): boolean {
  try {
    return Deno.statSync("/proc/driver/nvidia/version").isFile;
  } catch {
    return false;
  }
}

/**
 * Fetches the pinned wheel. For the CPU the build made for it is preferred, and a CUDA build serves where an index has
 * no other. Which Python it is made for is all the same, since only its libraries are used: the running one, or 3.12.
 */
async function* fetchTorch(
  variant: Variant,
  temporary: string,
  signal?: AbortSignal,
): AsyncGenerator<WorkEvent, string> {
  yield { type: "step", text: `fetch libtorch ${pinnedVersion} (${variant})` };
  const plain = `torch==${pinnedVersion}`;
  const requirements = variant === "cpu" ? [`${plain}+cpu`, plain] : [`${plain},!=${pinnedVersion}+cpu`];
  let failure: unknown;
  for (const python of [[], ["--python-version=3.12"]]) {
    for (const requirement of requirements) {
      try {
        const wheels = yield* pipDownload(
          ["--no-deps", ...python, requirement],
          privateFolder(temporary, "torch"),
          signal,
        );
        return wheels[0]!;
      } catch (error) {
        if (!(error instanceof LatentError && error.code === "setup.no_wheel")) throw error;
        failure ??= error;
      }
    }
  }
  throw failure;
}

/** Unpacks a wheel of PyTorch into a folder of the cache, which appears under its name when it is whole. */
async function* install(
  path: string,
  wish: "auto" | Variant,
  cache: string,
  temporary: string,
  signal?: AbortSignal,
): AsyncGenerator<WorkEvent, Libtorch> {
  using wheel = openWheel(path);
  const { version, hasCuda, metadata } = await describeTorch(wheel);
  const variant = hasCuda && wish !== "cpu" ? "cuda" : "cpu";
  if (wish === "cuda" && !hasCuda) {
    throw new LatentError("setup.variant", {
      what: `${path} is a build without CUDA`,
      found: version,
      wanted: "a CUDA build, as --variant cuda says",
      mend: "Give another wheel, or leave --variant out.",
    });
  }
  const name = `${version.split("+")[0]}-${variant}`;
  const folder = join(privateFolder(cache, "libtorch"), name);
  const sha256 = await sha256File(path);
  if (recordIn(join(folder, "manifest.json"))?.["sha256"] !== sha256 || inspect(folder) === undefined) {
    yield { type: "step", text: `unpack libtorch ${version} (${variant}) into ${folder}` };
    const half = join(temporary, name);
    yield* unpackWheel(wheel, half, (entry) => isWantedOfTorch(entry, variant), signal);
    if (hasCuda) yield* addNvidia(nvidiaRequirements(metadata, variant), half, temporary, signal);
    replaceTextFile(join(half, "manifest.json"), JSON.stringify({ version, variant, sha256 }));
    moveInto(half, folder, temporary);
  }
  return { ...inspect(folder)!, source: "cache" };
}

async function* addNvidia(
  requirements: string[],
  folder: string,
  temporary: string,
  signal?: AbortSignal,
): AsyncGenerator<WorkEvent> {
  yield { type: "step", text: "fetch the CUDA libraries that this build of libtorch wants" };
  for (const path of yield* pipDownload(requirements, privateFolder(temporary, "nvidia"), signal)) {
    using wheel = openWheel(path);
    yield* unpackWheel(wheel, folder, isWantedOfNvidia, signal);
  }
}

/** Gives a finished folder its name in one rename; what stood there goes to the temporary folder. */
export function moveInto(finished: string, name: string, temporary: string): void {
  try {
    Deno.renameSync(name, join(temporary, `old-${crypto.randomUUID()}`));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  Deno.renameSync(finished, name);
}
