import { join } from "@std/path";
import { cacheFolder, namesIn, recordIn, sha256 } from "../lib/base/mod.ts";

/** The shim built for one libtorch: what stands in its `manifest.json`. */
export interface Shim {
  /** The absolute path of the library. */
  path: string;
  /** Of the library, in hex: checked before it is opened. */
  sha256: string;
  /** The folder and the version of the libtorch that it was compiled for. */
  libtorch: { dir: string; version: string };
  /** A hash over the sources and the flags that it was compiled from. */
  sources: string;
  /** The first line that the compiler says about its version. */
  compiler: string;
  /** Whether the parts for CUDA are in it. */
  cuda: boolean;
  /** Milliseconds since 1970. */
  built: number;
}

/** The shims built for a folder of libtorch, whatever version it had then; the one built last first. */
export function shimsFor(
  libtorchDir: string,
  { cache = cacheFolder(), sources }: { cache?: string; sources?: string } = {},
): Shim[] {
  return namesIn(join(cache, "shim"))
    .map((name) => shimIn(join(cache, "shim", name)))
    .filter((shim) => shim !== undefined)
    .filter((shim) => shim.libtorch.dir === libtorchDir && shim.sources === (sources ?? shim.sources))
    .sort((a, b) => b.built - a.built);
}

/** Whether the file of a shim is byte for byte what was built. */
export function isWhole(shim: Shim): boolean {
  try {
    return sha256(Deno.readFileSync(shim.path)) === shim.sha256;
  } catch {
    return false;
  }
}

/** The file name of a shared library on this platform: `libNAME.so` or `libNAME.dylib`. */
export function libraryName(name: string): string {
  return `lib${name}.${Deno.build.os === "darwin" ? "dylib" : "so"}`;
}

function shimIn(folder: string): Shim | undefined {
  const { libtorch, sha256, sources, compiler, cuda, built } = recordIn(join(folder, "manifest.json")) ?? {};
  const { dir, version } = (libtorch ?? {}) as Record<string, unknown>;
  if (typeof dir !== "string" || typeof version !== "string" || typeof sha256 !== "string") return undefined;
  if (typeof sources !== "string" || typeof compiler !== "string") return undefined;
  if (typeof cuda !== "boolean" || typeof built !== "number") return undefined;
  const path = join(folder, libraryName("latent"));
  return { path, sha256, libtorch: { dir, version }, sources, compiler, cuda, built };
}
