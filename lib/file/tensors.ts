import { readBytes } from "../../ffi/mod.ts";
import { LatentError } from "../base/mod.ts";
import {
  call,
  type Device,
  type DType,
  elementBytes,
  type FileRange,
  fromFile,
  noGrad,
  scope,
  type Tensor,
} from "../tensor/mod.ts";
import type { SafeDtype } from "./dtype.ts";
import { quote } from "./scanner.ts";
import type { StateTensor } from "./state.ts";
import type { TensorFile } from "./tensor_file.ts";

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

/** The element type of files for a tensor's; undefined where they have none. */
export function safeDtype(dtype: DType): SafeDtype | undefined {
  return FROM_TENSOR.get(dtype);
}

/**
 * A tensor of a file, read into libtorch's memory without a second copy, or mapped.
 *
 * @throws LatentError `file.tensor` for an unknown name, `file.dtype` for elements that libtorch has no type for,
 * `file.damaged` where a checksum is wrong
 */
export function loadTensor(file: TensorFile, name: string, options: LoadOptions = {}): Tensor {
  return scope(() => load(file, name, options, new Map()));
}

/**
 * All tensors of a file by name, as {@linkcode loadTensor} gives them; when one fails, none is left. Those that share
 * their memory in the file share it here.
 */
export function loadTensors(file: TensorFile, options: LoadOptions = {}): Map<string, Tensor> {
  return scope(() => {
    const memories = new Map<string, Tensor>();
    return new Map(Array.from(file.entries.keys(), (name) => [name, load(file, name, options, memories)]));
  });
}

/** @param memories what was read of the file for views, by place and dtype: it goes with the caller's scope */
function load(file: TensorFile, name: string, options: LoadOptions, memories: Map<string, Tensor>): Tensor {
  const { dtype: safe, shape, offset, view } = file.entry(name);
  const dtype = TO_TENSOR[safe];
  if (dtype === undefined) throw unloadable(file.path, name, safe);
  file.verify?.(name);
  if (view === undefined) return read(file.path, { offset, dtype, shape }, options);
  const { memory, strides, start } = view;
  const key = `${dtype} ${memory.offset} ${memory.elements}`;
  const whole = memories.get(key) ??
    read(file.path, { offset: memory.offset, dtype, shape: [memory.elements] }, options);
  memories.set(key, whole);
  return call("aten::as_strided", whole, [...shape], [...strides], start)[0] as Tensor;
}

function read(path: string, range: FileRange, { device = "cpu", mapped = false }: LoadOptions): Tensor {
  return scope(() => {
    if (range.dtype !== "bool") return fromFile(path, { ...range, mapped }).to({ device });
    return fromFile(path, { ...range, dtype: "uint8" }).ne(0).to({ device }); // C++ wants 0 and 1 in a bool
  });
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
