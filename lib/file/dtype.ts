/** An element type of the safetensors format. */
export type SafeDtype =
  | ("BOOL" | "F4" | "F6_E2M3" | "F6_E3M2" | "U8" | "I8")
  | ("F8_E5M2" | "F8_E4M3" | "F8_E8M0" | "F8_E4M3FNUZ" | "F8_E5M2FNUZ")
  | ("I16" | "U16" | "F16" | "BF16" | "I32" | "U32" | "F32" | "C64" | "F64" | "I64" | "U64");

/**
 * Element types of the safetensors format and their sizes in bits, in the order of the reference library's `Dtype`
 * (safetensors/src/tensor.rs), which is also the order in which it writes, last first.
 */
export const BITS: Record<SafeDtype, number> = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
};

/** All element types, in the reference library's order. */
export const SAFE_DTYPES: readonly SafeDtype[] = Object.keys(BITS) as SafeDtype[];

/** Whether a string names an element type of the format. */
export function isSafeDtype(name: string): name is SafeDtype {
  return Object.hasOwn(BITS, name);
}

/**
 * Bytes of a tensor, or what is wrong with its shape: a size that no file can have, or elements of less than a byte that
 * don't fill the last one.
 */
export function byteLength(dtype: SafeDtype, shape: readonly number[]): number | "overflow" | "misaligned" {
  let bits = BITS[dtype];
  for (const size of shape) {
    bits *= size;
    if (!Number.isSafeInteger(bits)) return "overflow";
  }
  return bits % 8 === 0 ? bits / 8 : "misaligned";
}
