import { libtorchInfo } from "../../ffi/mod.ts";
import { LatentError } from "../base/mod.ts";
import type { Device } from "./dtype.ts";

/** The devices of this machine that this libtorch can use, the CPU first. */
export function devices(): Device[] {
  const { cudaDevices } = libtorchInfo();
  return ["cpu", ...Array.from({ length: cudaDevices }, (_, i) => `cuda:${i}`)];
}

/** The device by its name; `auto` is the first CUDA device, else the CPU. @throws LatentError `usage.device` if it is not there */
export function device(name: string): Device {
  const found = devices();
  if (name === "auto") return found[1] ?? "cpu";
  if (found.includes(name) || name === "cuda" && found.length > 1 || name === "meta") return name;
  const { version, cuda } = libtorchInfo();
  throw new LatentError("usage.device", {
    what: `There is no device "${name}"`,
    found: `${found.join(", ")} (libtorch ${version}, ${
      cuda ? "with CUDA but no usable driver or GPU" : "a CPU build"
    })`,
    wanted: "one of these, or auto",
    mend: cuda
      ? "Install NVIDIA's driver (`nvidia-smi` must list the GPU), or leave --device out."
      : "For a GPU run `latent setup --variant cuda`; else leave --device out.",
  });
}
