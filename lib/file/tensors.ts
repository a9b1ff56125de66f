import { readBytes } from "../../ffi/mod.ts";
import { LatentError } from "../base/mod.ts";
import { type Device, type DType, elementBytes, fromFile, noGrad, scope, type Tensor } from "../tensor/mod.ts";
import type { SafeDtype } from "./dtype.ts";
import type { SafetensorsFile } from "./safetensors.ts";
import { quote } from "./scanner.ts";
import type { StateTensor } from "./state.ts";

// What libtorch has no dtype for (elements of 4 and 6 bits) is missing; so is complex128, which the format lacks.
const TO_TENSOR: Partial<Record<SafeDtype, DType>> = {
  BOOL: "bool",
  U8: "uint8",
  I8: "int8",
  F8_E5M2: "float8_e5m2",
  F8_E4M3: "float8_e4m3fn",
  F8_E8M0: "float8_e8m0fnu",
  F8_E4M3FNUZ: "float8_e4m3fnuz",
  F8_E5M2FNUZ: "float8_e5m2fnuz",
  I16: "int16",
  U16: "uint16",
  F16: "float16",
  BF16: "bfloat16",
  I32: "int32",
  U32: "uint32",
  F32: "float32",
  C64: "complex64",
  F64: "float64",
  I64: "int64",
  U64: "uint64",
};
const FROM_TENSOR = new Map(Object.entries(TO_TENSOR).map(([safe, dtype]) => [dtype, safe as SafeDtype]));

const CHUNK_BYTES = 4 << 20;

/** Options of {@linkcode loadTensor}. */
export interface LoadOptions {
  /** Where the tensors go. @default {"cpu"} */
  device?: Device;
  /**
   * Share the file's pages instead of reading them into memory; changes stay private. Only for files that nobody cuts
   * short meanwhile, which would end the process. @default {false}
   */
  mapped?: boolean;
}

/**
 * A tensor of a file, read into libtorch's memory without a second copy, or mapped.
 *
 * @throws LatentError `file.tensor` for an unknown name, `file.dtype` for elements that libtorch has no type for
 */
export function loadTensor(file: SafetensorsFile, name: string, options: LoadOptions = {}): Tensor {
  const { device = "cpu", mapped = false } = options;
  const { dtype: safe, shape, offset } = file.entry(name);
  const dtype = TO_TENSOR[safe];
  if (dtype === undefined) throw unloadable(file.path, name, safe);
  return scope(() => {
    if (dtype !== "bool") return fromFile(file.path, { offset, dtype, shape, mapped }).to({ device });
    return fromFile(file.path, { offset, dtype: "uint8", shape }).ne(0).to({ device }); // C++ wants 0 and 1 in a bool
  });
}

/** All tensors of a file by name, as {@linkcode loadTensor} gives them; when one fails, none is left. */
export function loadTensors(file: SafetensorsFile, options: LoadOptions = {}): Map<string, Tensor> {
  return scope(() => new Map(Array.from(file.entries.keys(), (name) => [name, loadTensor(file, name, options)])));
}

/**
 * Tensors as they are to be written: each goes to the CPU and to row-major order (a copy only where it is not so) when
 * its turn comes. They must live until then.
 *
 * @throws LatentError `file.dtype` for elements that the format has no type for
 */
export function tensorSources(tensors: ReadonlyMap<string, Tensor>): Map<string, StateTensor> {
  return new Map([...tensors].map(([name, tensor]) => [name, source(name, tensor)]));
}

function source(name: string, tensor: Tensor): StateTensor {
  const { dtype, shape } = tensor;
  const safe = FROM_TENSOR.get(dtype);
  if (safe === undefined) throw unwritable(name, dtype);
  return { dtype: safe, shape, chunks: () => chunks(tensor), finite: () => isFinite(tensor) };
}

function* chunks(tensor: Tensor): Generator<Uint8Array> {
  using moved = tensor.to({ device: "cpu" });
  using row = moved.contiguous();
  const bytes = tensor.numel * elementBytes(tensor.dtype);
  const buffer = new Uint8Array(Math.min(bytes, CHUNK_BYTES));
  for (let offset = 0; offset < bytes; offset += buffer.length) {
    const chunk = buffer.subarray(0, bytes - offset);
    readBytes(row, chunk, offset);
    yield chunk;
  }
}

/** By the largest magnitude, which is NaN where an element is: one pass and no copy, but for float8. */
function isFinite(tensor: Tensor): boolean {
  if (!/float|complex/.test(tensor.dtype) || tensor.numel === 0) return true;
  return noGrad(() =>
    scope(() => {
      const wide = tensor.dtype.startsWith("float8") ? tensor.to({ dtype: "float32" }) : tensor;
      return Number.isFinite(wide.linalgVectorNorm(Infinity).item());
    })
  );
}

function unloadable(path: string, name: string, dtype: SafeDtype): LatentError {
  return new LatentError("file.dtype", {
    what: `${path}: tensor ${quote(name)} cannot be loaded`,
    found: dtype,
    wanted: Object.keys(TO_TENSOR).join(", "),
    mend: "convert it with the program that made the file",
  });
}

function unwritable(name: string, dtype: DType): LatentError {
  return new LatentError("file.dtype", {
    what: `tensor ${quote(name)} cannot be written as safetensors`,
    found: dtype,
    wanted: [...FROM_TENSOR.keys()].join(", "),
    mend: "convert it to one of these first",
  });
}
