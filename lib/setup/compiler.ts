import { join } from "@std/path";
import type { Libtorch } from "../../ffi/mod.ts";
import { LatentError } from "../base/mod.ts";

/** A C++ compiler that runs. */
export interface Compiler {
  /** The program, and arguments of `CXX` if it has some. */
  command: string[];
  /** The first line that it says about its version. */
  version: string;
}

/** The compiler that `CXX` names, else the first of g++, clang++ and c++ on the PATH; undefined where none runs. */
export function findCompiler(): Compiler | undefined {
  const wished = Deno.env.get("CXX")?.trim();
  for (const command of wished ? [wished.split(/\s+/)] : [["g++"], ["clang++"], ["c++"]]) {
    const [program, ...args] = command as [string, ...string[]];
    try {
      const { success, stdout } = new Deno.Command(program, { args: [...args, "--version"], stderr: "null" })
        .outputSync();
      if (success) return { command, version: new TextDecoder().decode(stdout).split("\n")[0]! };
    } catch {
      // not there: the next one
    }
  }
  return undefined;
}

/** The error for a machine without a C++ compiler: what to install. */
export function noCompiler(): LatentError {
  const wished = Deno.env.get("CXX");
  return new LatentError("setup.no_compiler", {
    what: "the shim must be compiled, and no C++ compiler runs here",
    found: wished ? `CXX=${wished}, which does not run` : "none of g++, clang++ and c++ on the PATH",
    wanted: "a compiler that knows C++20, such as g++ 11 or later",
    mend: "Install one (Debian, Ubuntu: `apt install g++`; Fedora: `dnf install gcc-c++`; macOS: `xcode-select " +
      "--install`), or name one with CXX; then run `latent setup` again.",
  });
}

/** Whatever changes the library that comes out stands here, so that a change of it builds the shim anew. */
export const compileFlags: readonly string[] = [
  "-O2",
  "-std=c++20",
  "-fPIC",
  "-shared",
  "-fvisibility=hidden",
  "-D_GLIBCXX_USE_CXX11_ABI=1",
  "-pthread",
  "-Wall",
  "-Wextra",
];

/** The arguments that compile one unit against a libtorch (and CUDA's headers, if given) and link it into a library. */
export function compileArguments(unit: string, output: string, { dir, variant }: Libtorch, cuda?: string): string[] {
  const include = join(dir, "include");
  const lib = join(dir, "lib");
  const cudaFlags = cuda === undefined ? [] : ["-isystem", cuda, "-DLATENT_CUDA=1"];
  const libraries = variant === "cuda"
    ? ["-ltorch_cpu", "-lc10", "-ltorch_cuda", "-lc10_cuda"]
    : ["-ltorch_cpu", "-lc10"];
  // Without --as-needed, or libtorch_cuda, which registers itself when it is loaded, would be left out; nodelete, since
  // threads and signal handlers outlive a library that is closed; defs, so that what libtorch lacks is told by the linker
  // and not by the first call.
  const linking = Deno.build.os === "darwin"
    ? libraries
    : ["-Wl,--no-as-needed", ...libraries, "-Wl,--as-needed", "-Wl,-z,nodelete", "-Wl,-z,defs"];
  const headers = ["-isystem", include, "-isystem", join(include, "torch/csrc/api/include"), ...cudaFlags];
  return [
    ...compileFlags,
    ...headers,
    unit,
    "-o",
    output,
    `-L${lib}`,
    ...linking,
    "-Xlinker",
    "-rpath",
    "-Xlinker",
    lib,
  ];
}

/** The folder with CUDA's headers: CUDA_HOME's, that of the `nvidia-*` packages beside libtorch, or that of nvcc. */
export function findCudaHeaders({ dir, variant }: Libtorch): string | undefined {
  if (variant !== "cuda") return undefined;
  const home = Deno.env.get("CUDA_HOME");
  const nvcc = (Deno.env.get("PATH") ?? "").split(":").find((folder) => isFile(join(folder, "nvcc")));
  const candidates = [
    ...(home ? [join(home, "include")] : []),
    join(dir, "../nvidia/cu13/include"),
    ...(nvcc ? [join(Deno.realPathSync(join(nvcc, "nvcc")), "../../include")] : []),
  ];
  return candidates.find((folder) => isFile(join(folder, "cuda_runtime_api.h")));
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
