import { join } from "@std/path";
import { findLibtorch, type Libtorch, type Looked, type Shim, shimsFor, supportedVersions } from "../../ffi/mod.ts";
import { bytesBelow, cacheFolder, LatentError } from "../base/mod.ts";
import { type Compiler, findCompiler, findCudaHeaders, noCompiler } from "./compiler.ts";
import { megabytes } from "./failure.ts";
import { findShim, hashSources } from "./shim.ts";
import { nativeSources } from "./sources.ts";

/** The version of Deno that everything is tested with. */
export const pinnedDeno = "2.9.6";

/** Something that is missing or wrong, and what to do about it. */
export interface Complaint {
  /** A sentence. */
  what: string;
  /** What to do about it. */
  mend: string;
}

/** What {@linkcode doctor} found; what is missing is undefined, and stands in `complaints`. */
export interface DoctorReport {
  /** Whether the library can be used as it is. */
  ready: boolean;
  /** The running Deno, and the version that everything is tested with. */
  deno: { version: string; pinned: string; target: string };
  /** The C++ compiler that would be used. */
  compiler: Compiler | undefined;
  /** The libtorch that is used. */
  libtorch: Libtorch | undefined;
  /** Where libtorch was looked for until it was found, in order. */
  looked: Looked[];
  /** The shim that is opened. */
  shim: Shim | undefined;
  /** The folder of CUDA's headers, which the parts for CUDA are compiled with. */
  cudaHeaders: string | undefined;
  /** What the library can compute on; undefined where it can't be opened. */
  devices: string[] | undefined;
  /** What decides on the number of threads. */
  threads: { cores: number; OMP_NUM_THREADS: string | undefined };
  /** The folders of the cache and the bytes in them. */
  cache: { path: string; bytes: number }[];
  /** What keeps it from being ready. */
  complaints: Complaint[];
}

/** What {@linkcode doctor} may be told. */
export interface DoctorOptions {
  /** The folder of the cache. @default {that of the user, {@linkcode cacheFolder}} */
  cache?: string;
  /** Opens the library and names its devices; it may throw. Not called while libtorch or the shim is missing. */
  devices?: () => string[] | Promise<string[]>;
}

/** Looks at everything that the library stands on, and changes nothing. */
export async function doctor({ cache = cacheFolder(), devices }: DoctorOptions = {}): Promise<DoctorReport> {
  const complaints: Complaint[] = [];
  const compiler = findCompiler();
  const search = await attempt(() => findLibtorch({ cache }), complaints) ?? { libtorch: undefined, looked: [] };
  const { libtorch, looked } = search;
  const shim = libtorch && findShim(nativeSources, libtorch, cache);
  if (libtorch === undefined && complaints.length === 0) {
    complaints.push({ what: "libtorch was not found", mend: "Run `latent setup`, which fetches it." });
  }
  if (libtorch !== undefined && shim === undefined) {
    complaints.push({ what: whyNoShim(libtorch, cache), mend: "Run `latent setup`, which compiles it." });
  }
  if (compiler === undefined && shim === undefined) complaints.push(complaintOf(noCompiler()));
  const named = devices && shim && await attempt(devices, complaints);
  return {
    /** The running Deno, and the version that everything is tested with. */
    deno: { version: Deno.version.deno, pinned: pinnedDeno, target: Deno.build.target },
    compiler,
    libtorch,
    looked,
    shim,
    cudaHeaders: libtorch && findCudaHeaders(libtorch),
    devices: named,
    /** What decides on the number of threads. */
    threads: { cores: navigator.hardwareConcurrency, OMP_NUM_THREADS: Deno.env.get("OMP_NUM_THREADS") },
    cache: ["libtorch", "shim"].map((name) => join(cache, name)).map((path) => ({ path, bytes: bytesBelow(path) })),
    ready: complaints.length === 0,
    complaints,
  };
}

async function attempt<T>(look: () => T | Promise<T>, complaints: Complaint[]): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    if (!(error instanceof LatentError)) throw error;
    complaints.push(complaintOf(error));
    return undefined;
  }
}

function complaintOf({ fields }: LatentError): Complaint {
  const { what, found, wanted, mend = "" } = fields;
  const facts = [found && `found ${found}`, wanted && `wanted ${wanted}`].filter(Boolean);
  return { what: facts.length === 0 ? what : `${what} (${facts.join("; ")})`, mend };
}

/** That none was built, or why none of those that were built will do. */
function whyNoShim({ dir, version }: Libtorch, cache: string): string {
  const built = shimsFor(dir, { cache });
  const ours = built.filter(({ sources }) => sources === hashSources(nativeSources));
  if (built.length === 0) return "the shim for this libtorch is not built";
  if (ours.length === 0) return "the shim was built from other sources than those of this version (native/)";
  if (!ours.some(({ libtorch }) => libtorch.version === version)) return "the shim was built for another libtorch";
  return "the shim is damaged, or was built with another compiler or other CUDA headers than are here now";
}

/** The report as lines for people. */
export function renderDoctor(report: DoctorReport): string {
  const { deno, compiler, libtorch, looked, shim, cudaHeaders, devices, threads, cache, complaints } = report;
  const rows: [string, string][] = [
    [
      "Deno",
      `${deno.version} for ${deno.target}${deno.version === deno.pinned ? "" : ` (tested with ${deno.pinned})`}`,
    ],
    ["compiler", compiler === undefined ? "missing" : `${compiler.version} (${compiler.command.join(" ")})`],
    ["libtorch", libtorch === undefined ? "missing" : `${libtorch.version} in ${libtorch.dir}`],
    ["variant", libtorch === undefined ? "unknown" : libtorch.variant],
    ...looked.map(({ place, found }, i): [string, string] => [i === 0 ? "looked at" : "", `${place}: ${found}`]),
    ["shim", shim === undefined ? "missing" : shim.path],
    ["CUDA headers", cudaHeaders ?? "none"],
    ["devices", devices?.join(", ") ?? "unknown"],
    ["threads", `${threads.cores} cores, OMP_NUM_THREADS ${threads.OMP_NUM_THREADS ?? "not set"}`],
    ...cache.map(({ path, bytes }, i): [string, string] => [i === 0 ? "cache" : "", `${path} (${megabytes(bytes)})`]),
  ];
  const lines = rows.map(([name, text]) => `${name.padEnd(14)}${text}`);
  const end = complaints.map(({ what, mend }) => `\n${what}\n  ${mend}`);
  const verdict = report.ready ? `\nready (libtorch ${supportedVersions} will do)` : "\nnot ready:";
  return [...lines, verdict, ...end].join("\n");
}
