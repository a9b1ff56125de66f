import { dirname, join } from "@std/path";
import { isWhole, libraryName, type Libtorch, type Shim, shimsFor } from "../../ffi/mod.ts";
import {
  LatentError,
  privateFolder,
  replaceTextFile,
  sha256,
  sha256File,
  type WorkEvent,
  type WorkProgress,
} from "../base/mod.ts";
import {
  compileArguments,
  compileFlags,
  type Compiler,
  findCompiler,
  findCudaHeaders,
  noCompiler,
} from "./compiler.ts";
import { diskFull, isDiskFull } from "./failure.ts";
import { moveInto } from "./libtorch.ts";
import { lastLines, run } from "./process.ts";

/** The native sources: text by path below `native/` ("call.cpp", "latent.h", "cuda/graph.cpp"). */
export type NativeSources = Readonly<Record<string, string>>;

/** The hash over sources and flags that a shim is known by. */
export function hashSources(sources: NativeSources): string {
  return sha256(JSON.stringify([compileFlags, Object.entries(sources).sort(([a], [b]) => a < b ? -1 : 1)]));
}

/** What a shim for this libtorch would be made with on this machine; `cuda` is the folder of CUDA's headers, if wanted. */
function planShim(
  sources: NativeSources,
  libtorch: Libtorch,
): { hash: string; compiler: Compiler | undefined; cuda: string | undefined } {
  const hasCudaParts = Object.keys(sources).some((name) => name.startsWith("cuda/"));
  const cuda = hasCudaParts ? findCudaHeaders(libtorch) : undefined;
  return { hash: hashSources(sources), compiler: findCompiler(), cuda };
}

/** The shim that was built from these sources for this libtorch with this machine's compiler (or any, if it has none). */
export function findShim(sources: NativeSources, libtorch: Libtorch, cache: string): Shim | undefined {
  const { hash, compiler, cuda } = planShim(sources, libtorch);
  return shimsFor(libtorch.dir, { cache, sources: hash }).find((shim) =>
    shim.libtorch.version === libtorch.version && shim.cuda === (cuda !== undefined) &&
    shim.compiler === (compiler?.version ?? shim.compiler) && isWhole(shim)
  );
}

/**
 * Compiles the shim for a libtorch into the cache, where its folder appears when it is whole: the library, its
 * `manifest.json`, and `build.log` with what the compiler said. The caller holds the lock of the cache.
 *
 * All sources are one unit, since reading libtorch's headers takes most of the time: 17 s for all, where each file
 * alone takes 7.
 *
 * Throws `setup.no_compiler`, `setup.disk_full`, and `setup.compile` with the compiler's last lines and its full log.
 */
export async function* buildShim(
  sources: NativeSources,
  libtorch: Libtorch,
  cache: string,
  temporary: string,
  signal?: AbortSignal,
): AsyncGenerator<WorkEvent, Shim> {
  const { hash, compiler, cuda } = planShim(sources, libtorch);
  if (compiler === undefined) throw noCompiler();
  yield { type: "step", text: `compile the shim for libtorch ${libtorch.version} with ${compiler.version}` };
  const code = writeSources(sources, privateFolder(temporary, "native"), cuda !== undefined);
  const half = privateFolder(temporary, "shim");
  const command = [...compiler.command, ...compileArguments(code, join(half, libraryName("latent")), libtorch, cuda)];
  const ran = yield* run(command, secondsGone(), { signal });
  const log = `${command.join(" ")}\n${ran.output}`;
  if (!ran.success) throw compileFailure(libtorch, log, privateFolder(cache, "shim"));
  const manifest = {
    libtorch: { dir: libtorch.dir, version: libtorch.version },
    sha256: await sha256File(join(half, libraryName("latent"))),
    sources: hash,
    compiler: compiler.version,
    cuda: cuda !== undefined,
    built: Date.now(),
  };
  replaceTextFile(join(half, "build.log"), log);
  replaceTextFile(join(half, "manifest.json"), JSON.stringify(manifest, undefined, 2));
  const { built: _, sha256: __, ...key } = manifest;
  const folder = join(privateFolder(cache, "shim"), sha256(JSON.stringify(key)).slice(0, 16));
  moveInto(half, folder, temporary);
  return { ...manifest, path: join(folder, libraryName("latent")) };
}

/** Tells the seconds that went by, each once. */
function secondsGone(): (output: string, seconds: number) => WorkProgress | undefined {
  let told = 0;
  return (_, seconds) => {
    if (seconds < told + 1) return undefined;
    told = Math.floor(seconds);
    return { type: "progress", label: "compile the shim", done: told, unit: "s" };
  };
}

/** Writes the sources below a folder, and a unit that includes those to compile; returns the unit's path. */
function writeSources(sources: NativeSources, folder: string, withCuda: boolean): string {
  for (const [name, text] of Object.entries(sources)) {
    privateFolder(dirname(join(folder, name)));
    Deno.writeTextFileSync(join(folder, name), text);
  }
  const units = Object.keys(sources).filter((name) => name.endsWith(".cpp") && (withCuda || !name.startsWith("cuda/")));
  const unit = join(folder, "latent_unit.cpp");
  Deno.writeTextFileSync(unit, units.sort().map((name) => `#include "${name}"\n`).join(""));
  return unit;
}

function compileFailure(libtorch: Libtorch, log: string, folder: string): LatentError {
  if (isDiskFull(log)) return diskFull(folder);
  const path = join(folder, "failed.log");
  replaceTextFile(path, log);
  return new LatentError("setup.compile", {
    what: `the shim could not be compiled against libtorch ${libtorch.version} in ${libtorch.dir}`,
    found: lastLines(log),
    mend: `The whole log is ${path}. A compiler older than g++ 11 does not know C++20; CXX names another one.`,
  });
}
