import { LatentError, nearest } from "../base/mod.ts";

/** An element type, named as PyTorch's. */
export type DType =
  | ("bool" | "uint8" | "uint16" | "uint32" | "uint64" | "int8" | "int16" | "int32" | "int64")
  | ("float16" | "bfloat16" | "float32" | "float64" | "complex64" | "complex128")
  | ("float8_e5m2" | "float8_e4m3fn" | "float8_e5m2fnuz" | "float8_e4m3fnuz" | "float8_e8m0fnu");

// c10::ScalarType's numbers and the bytes of one element.
const table: Record<DType, readonly [number: number, bytes: number]> = {
  uint8: [0, 1],
  int8: [1, 1],
  int16: [2, 2],
  int32: [3, 4],
  int64: [4, 8],
  float16: [5, 2],
  float32: [6, 4],
  float64: [7, 8],
  complex64: [9, 8],
  complex128: [10, 16],
  bool: [11, 1],
  bfloat16: [15, 2],
  float8_e5m2: [23, 1],
  float8_e4m3fn: [24, 1],
  float8_e5m2fnuz: [25, 1],
  float8_e4m3fnuz: [26, 1],
  uint16: [27, 2],
  uint32: [28, 4],
  uint64: [29, 8],
  float8_e8m0fnu: [44, 1],
};

/** Where a tensor lives: `cpu`, `cuda`, `cuda:1`, or what libtorch has besides. */
export type Device = string;

/** How a tensor is stored: dense; the shim takes no other layout as an argument. */
export type Layout = "strided";

/** The order of the dimensions in memory. */
export type MemoryFormat = "contiguous" | "preserve" | "channels_last" | "channels_last_3d";

const names = new Map<number, DType>(Object.entries(table).map(([name, [number]]) => [number, name as DType]));

/** libtorch's number of a dtype, as {@linkcode call} takes it. @throws LatentError `tensor.dtype` for an unknown name */
export function dtypeNumber(dtype: DType): number;
/** The same where a dtype may be missing: null and undefined stay. */
export function dtypeNumber(dtype: DType | null | undefined): number | null | undefined;
export function dtypeNumber(dtype: DType | null | undefined): number | null | undefined {
  if (dtype === null || dtype === undefined) return dtype;
  const row = Object.hasOwn(table, dtype) ? table[dtype] : undefined;
  if (row === undefined) {
    const near = nearest(dtype, Object.keys(table));
    throw new LatentError("tensor.dtype", {
      what: `There is no dtype "${dtype}"`,
      wanted: Object.keys(table).join(", "),
      ...(near === undefined ? {} : { mend: `Did you mean "${near}"?` }),
    });
  }
  return row[0];
}

/** The dtype of libtorch's number. @throws LatentError `tensor.dtype` for one that has no name here, as quantised ones */
export function dtypeName(number: number): DType {
  const name = names.get(number);
  if (name === undefined) {
    throw new LatentError("tensor.dtype", { what: `libtorch's dtype number ${number} has no name here` });
  }
  return name;
}

/** What an error calls the dtype of libtorch's number, also where it has no name here. */
export function dtypeLabel(number: number): string {
  return names.get(number) ?? `dtype number ${number}`;
}

/** Bytes of one element. */
export function elementBytes(dtype: DType): number {
  return table[dtype][1];
}

/** c10::Layout's number. */
export function layoutNumber(layout: Layout | null | undefined): number | null | undefined {
  return layout && { strided: 0 }[layout];
}

/** c10::MemoryFormat's number. */
export function formatNumber(format: MemoryFormat | null | undefined): number | null | undefined {
  return format && { contiguous: 0, preserve: 1, channels_last: 2, channels_last_3d: 3 }[format];
}
