import { isSupported, libraryName, supportedVersions, type Variant } from "../../ffi/mod.ts";
import { LatentError } from "../base/mod.ts";
import { damaged, textOfEntry, type Wheel } from "./wheel.ts";

/** What set-up needs to know of a wheel of PyTorch. */
export interface TorchWheel {
  /** "2.13.0+cpu" */
  version: string;
  /** Whether it was built with CUDA: then its CPU library too wants libraries of `nvidia-*` packages. */
  hasCuda: boolean;
  /** The text of its METADATA. */
  metadata: string;
}

/**
 * Looks whether a wheel is one of PyTorch that can be used here. Throws `file.wheel` for another package or another
 * platform's, `setup.version` for a version that the shim isn't made for.
 */
export async function describeTorch(wheel: Wheel): Promise<TorchWheel> {
  const { entries } = wheel.zip;
  const versionFile = entries.get("torch/version.py");
  if (versionFile === undefined || !entries.has(`torch/lib/${libraryName("torch_cpu")}`)) {
    throw damaged(wheel.path, "it is not PyTorch for this system");
  }
  const version = /^__version__ = '([^']+)'/m.exec(await textOfEntry(wheel.zip, versionFile))?.[1] ?? "unknown";
  if (!isSupported(version)) {
    throw new LatentError("setup.version", {
      what: `${wheel.path} has a libtorch that the shim is not made for`,
      found: version,
      wanted: supportedVersions,
      mend: "Give a wheel of such a version, or none: the pinned one is fetched then.",
    });
  }
  checkPlatform(wheel.path, await wheel.info("WHEEL"));
  const hasCuda = entries.has(`torch/lib/${libraryName("torch_cuda")}`);
  return { version, hasCuda, metadata: await wheel.info("METADATA") };
}

function checkPlatform(path: string, text: string): void {
  const tags = [...text.matchAll(/^Tag: [^-\n]+-[^-\n]+-(\S+)$/mg)].map(([, tag]) => tag!);
  const { arch, os } = Deno.build;
  const names = arch === "aarch64" ? ["aarch64", "arm64", "universal2"] : ["x86_64", "universal2"];
  const system = os === "darwin" ? "macosx" : "linux";
  if (tags.some((tag) => tag.includes(system) && names.some((name) => tag.endsWith(name)))) return;
  throw new LatentError("file.wheel", {
    what: `${path} is made for another machine`,
    found: tags.join(", ") || "no platform",
    wanted: `${system} on ${arch}`,
    mend: "Give the wheel for this one.",
  });
}

/** Which files of a PyTorch wheel are unpacked: its libraries, its headers, its version. */
export function isWantedOfTorch(name: string, variant: Variant): boolean {
  if (variant === "cpu" && /^torch\/lib\/lib(torch_cuda|c10_cuda|torch_nvshmem|caffe2_nvrtc)/.test(name)) return false;
  return name === "torch/version.py" || name.startsWith("torch/include/") ||
    /^torch(\/lib|\.libs)\/[^/]+\.(so|dylib)[.\d]*$/.test(name); // torch.libs: what auditwheel adds on arm64
}

/** Which files of an `nvidia-*` wheel are unpacked: its libraries and the headers of CUDA. */
export function isWantedOfNvidia(name: string): boolean {
  return /^nvidia\/.+\.so[.\d]*$/.test(name) || /^nvidia\/.+\/include\//.test(name);
}

/**
 * The requirements, for pip, of the `nvidia-*` packages that a CUDA build wants: all that the METADATA names for the
 * variant `cuda`; for `cpu` the two that `libtorch_cpu` is linked with.
 */
export function nvidiaRequirements(metadata: string, variant: Variant): string[] {
  const header = metadata.split(/\r?\n\r?\n/, 1)[0]!;
  const all = [...header.matchAll(/^Requires-Dist: (.+?)\r?$/mg)].map(([, requirement]) => requirement!)
    .filter((requirement) => /^(nvidia-|cuda-toolkit\b)/.test(requirement) && !/\bextra\s*==/.test(requirement));
  if (variant === "cuda") return all;
  return all.filter((requirement) => requirement.startsWith("cuda-toolkit"))
    .map((requirement) => requirement.replace(/\[.*?\]/, "[cudart,cupti]"));
}
