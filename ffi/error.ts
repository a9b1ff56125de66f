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
  const sentence = text.split(/\n\s*\n|\nException raised from/)[0]!.trim();
  return new LatentError(code, {
    what: `${operator}: ${sentence}`,
    operator,
    operands,
    ...(mends[code] === undefined ? {} : { mend: mends[code] }),
  });
}
