import { LatentError } from "../lib/base/mod.ts";

/** The class of a native error, `latent_error` of latent.h. */
const codes: Record<number, `${string}.${string}`> = {
  1: "operator.refused",
  2: "operator.argument",
  3: "tensor.freed",
  4: "memory.exhausted",
  5: "file.unreadable",
};

const mends: Record<string, string> = {
  "tensor.freed": "Return it from the scope that made it, or use it before dispose().",
  "memory.exhausted": "Use a smaller batch or size, free what is not needed, or raise the limit.",
};

/** What libtorch says at length of a device that is not there: without CUDA, without a GPU, beyond the last one. */
const noCuda = new RegExp([
  "'aten::empty[^']*' with arguments from the 'CUDA' backend",
  "without ATen_cuda library",
  "not linked with support for cuda",
  "Found no NVIDIA driver",
  "No CUDA GPUs are available",
  "CUDA error: invalid device ordinal",
  "Expected idx >= 0 && idx < num_gpus",
].join("|"));

/**
 * The error of a native call.
 *
 * @param operator the operator or export that failed
 * @param kind the class, `latent_error`
 * @param text the native side's message; of libtorch's long ones only what stands before the first empty line
 * @param operands dtype and shape of each tensor among the arguments
 */
export function nativeError(operator: string, kind: number, text: string, operands: string[]): LatentError {
  const code = codes[kind] ?? "operator.refused";
  const cuda = noCuda.test(text);
  const sentence = cuda
    ? "this libtorch has no such CUDA device"
    : text.split(/\n\s*\n|\nException raised from/)[0]!.trim();
  const mend = cuda
    ? "`latent doctor` lists the devices, and tells what a GPU needs; `cpu` is always there."
    : mends[code];
  return new LatentError(code, {
    what: `${operator}: ${sentence}`,
    operator,
    operands,
    ...(mend === undefined ? {} : { mend }),
  });
}
