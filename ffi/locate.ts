import { join } from "@std/path";
import { cacheFolder, type Difference, LatentError, namesIn, recordIn, textOf } from "../lib/base/mod.ts";
import { isWhole, libraryName, type Shim, shimsFor } from "./shim.ts";

/** The versions of libtorch that the shim is built and tested with, as people read it. */
export const supportedVersions = "2.11 to 2.14";

/** What a libtorch can compute on beside the CPU: `cuda` where its `libtorch_cuda` is there. */
export type Variant = "cpu" | "cuda";

/** A libtorch that was found. */
export interface Libtorch {
  /** The absolute folder with `lib/` and `include/`, links resolved. */
  dir: string;
  /** As it says itself: "2.13.0+cpu". */
  version: string;
  /** Whether CUDA is in it. */
  variant: Variant;
  /** Which place of the search it stood in. */
  source: "option" | "setup" | "cache" | "python";
}

/** A place that was searched. */
export interface Looked {
  /** Which one, for people. */
  place: string;
  /** The version that stood there, or "no libtorch". */
  found: string;
}

/** Where to look, and for what. */
export interface LocateOptions {
  /** A folder that must be used (`--libtorch`). @default {LATENT_LIBTORCH of the environment, if set} */
  libtorch?: string;
  /** Pass over what is of another variant. A folder that must be used is used whatever it is. */
  variant?: Variant;
  /** Pass over shims that were compiled from sources with another hash. */
  sources?: string;
  /** The folder of the cache. @default {that of the user, {@linkcode cacheFolder}} */
  cache?: string;
}

/** What {@linkcode locate} found: ready to be opened. */
export interface Located {
  /** The library. */
  libtorch: Libtorch;
  /** What was built for it. */
  shim: Shim;
}

/**
 * Finds libtorch and the shim built for it, and fetches nothing. Quick where set-up has run: it reads three small files
 * and hashes the shim, and python3 isn't asked.
 *
 * Throws `setup.no_libtorch` or `setup.version` as {@linkcode findLibtorch} does, `setup.no_shim` when none was built
 * for it, `setup.shim_version` when it has another version than the shim was built for, and `setup.shim_changed` when
 * the shim isn't the file that was built.
 */
export function locate(options: LocateOptions = {}): Located {
  const { libtorch, looked } = findLibtorch(options);
  if (libtorch === undefined) throw noLibtorch(looked);
  const shims = shimsFor(libtorch.dir, options);
  const shim = shims.find((candidate) => candidate.libtorch.version === libtorch.version);
  if (shim === undefined) throw noShim(libtorch, shims[0]);
  if (!isWhole(shim)) {
    throw new LatentError("setup.shim_changed", {
      what: `the shim ${shim.path} is not the file that was built`,
      found: "another SHA-256 than its manifest.json has",
      wanted: shim.sha256,
      mend: "Run `latent setup`, which builds it again.",
    });
  }
  return { libtorch, shim };
}

/** The absolute path of the shim to open; throws as {@linkcode locate} does. */
export function locateShim(): string {
  return locate().shim.path;
}

/**
 * Searches libtorch: the folder that must be used; what set-up chose last; the cache; the `torch` package of the
 * `python3` on the path. Tells also each place that it looked at. Throws `setup.no_libtorch` or `setup.version` when the
 * folder that must be used has none that fits.
 */
export function findLibtorch(options: LocateOptions = {}): { libtorch: Libtorch | undefined; looked: Looked[] } {
  const cache = options.cache ?? cacheFolder();
  const wished = options.libtorch ?? Deno.env.get("LATENT_LIBTORCH");
  if (wished) return wishedLibtorch(wished, options.libtorch === undefined ? "LATENT_LIBTORCH" : "--libtorch");
  const looked: Looked[] = [];
  for (const { place, dir, source } of places(cache)) {
    const found = dir === undefined ? undefined : inspect(dir);
    looked.push({ place, found: found === undefined ? "no libtorch" : `${found.version} (${found.variant})` });
    if (found !== undefined && isSupported(found.version) && found.variant === (options.variant ?? found.variant)) {
      return { libtorch: { ...found, source }, looked };
    }
  }
  return { libtorch: undefined, looked };
}

/** A version and variant of the libtorch in a folder (or in its `torch` folder); undefined when there is none. */
export function inspect(folder: string): Pick<Libtorch, "dir" | "version" | "variant"> | undefined {
  for (const path of [folder, join(folder, "torch")]) {
    const libraries = namesIn(join(path, "lib"));
    if (!libraries.includes(libraryName("torch_cpu"))) continue;
    const dir = Deno.realPathSync(path);
    const variant = libraries.includes(libraryName("torch_cuda")) ? "cuda" : "cpu";
    return { dir, version: versionIn(dir) ?? "of an unknown version", variant };
  }
  return undefined;
}

/** Whether a version of libtorch is among those that the shim is built and tested with. */
export function isSupported(version: string): boolean {
  const minor = Number(/^2\.(\d+)\./.exec(version)?.[1]);
  return minor >= 11 && minor <= 14;
}

function wishedLibtorch(dir: string, option: string): { libtorch: Libtorch; looked: Looked[] } {
  const found = inspect(dir);
  if (found === undefined) {
    throw new LatentError("setup.no_libtorch", {
      what: `${option} names a folder without libtorch: ${dir}`,
      found: namesIn(dir).slice(0, 10).join(", ") || "no file",
      wanted: `a folder with include/ and lib/${libraryName("torch_cpu")}`,
      mend: `Name the \`torch\` folder of an installed PyTorch ${supportedVersions}, or leave ${option} out.`,
    });
  }
  if (!isSupported(found.version)) {
    throw new LatentError("setup.version", {
      what: `${option} names a libtorch that the shim is not made for: ${found.dir}`,
      found: found.version,
      wanted: supportedVersions,
      mend: `Name another folder, or leave ${option} out and run \`latent setup\`.`,
    });
  }
  return { libtorch: { ...found, source: "option" }, looked: [{ place: `${option} ${dir}`, found: found.version }] };
}

/** The places to search in their order. A generator, so that python3 is asked only when nothing else was found. */
function* places(cache: string): Generator<{ place: string; dir: string | undefined; source: Libtorch["source"] }> {
  const chosen = recordIn(join(cache, "setup.json"))?.["libtorch"];
  if (typeof chosen === "string") yield { place: `set-up's choice ${chosen}`, dir: chosen, source: "setup" };
  const folder = join(cache, "libtorch");
  const names = namesIn(folder);
  if (names.length === 0) yield { place: `cache ${folder}`, dir: undefined, source: "cache" };
  for (const name of names) yield { place: `cache ${join(folder, name)}`, dir: join(folder, name), source: "cache" };
  const dir = pythonTorch();
  yield { place: `torch of python3${dir === undefined ? "" : ` ${dir}`}`, dir, source: "python" };
}

/** The folder of the `torch` package that `python3` would import. It is not imported, and no file of the current folder is. */
function pythonTorch(): string | undefined {
  const script = "from importlib.util import find_spec as f; s = f('torch'); print(s.submodule_search_locations[0])";
  try {
    const { success, stdout } = new Deno.Command("python3", { args: ["-I", "-c", script], stderr: "null" })
      .outputSync();
    return success ? new TextDecoder().decode(stdout).trim() : undefined;
  } catch {
    return undefined; // no python3
  }
}

/** The version as the Python package says it, as the C++ distribution does, or as the headers do. */
function versionIn(dir: string): string | undefined {
  return /^__version__ = '([^']+)'/m.exec(textOf(join(dir, "version.py")) ?? "")?.[1] ??
    textOf(join(dir, "build-version"))?.trim() ??
    /define TORCH_VERSION\s*\\?\s*"([^"]+)"/.exec(textOf(join(dir, "include/torch/headeronly/version.h")) ?? "")?.[1];
}

function noLibtorch(looked: Looked[]): LatentError {
  return new LatentError("setup.no_libtorch", {
    what: "libtorch was not found",
    differences: looked.map(({ place, found }): Difference => ({ name: place, found, wanted: supportedVersions })),
    mend: "Run `latent setup`, which fetches it; or name its folder with LATENT_LIBTORCH.",
  });
}

function noShim(libtorch: Libtorch, other: Shim | undefined): LatentError {
  const where = `libtorch in ${libtorch.dir}`;
  if (other === undefined) {
    return new LatentError("setup.no_shim", {
      what: `no shim was built for ${where}`,
      found: `libtorch ${libtorch.version}`,
      wanted: "a shim of this version of latent for it",
      mend: "Run `latent setup`, which builds it.",
    });
  }
  return new LatentError("setup.shim_version", {
    what: `${where} has another version than its shim`,
    found: libtorch.version,
    wanted: other.libtorch.version,
    mend: "Run `latent setup`, which builds a shim for it.",
  });
}
