/** Arrays for the peer and from it, and how near two of them are. @module */
import assert from "node:assert/strict";
import { type DType, fromBytes, type Tensor } from "../../lib/tensor/mod.ts";
import type { PeerArray } from "./runner.ts";

/** A float32 array for the peer. */
export function float32(values: Iterable<number>, shape: readonly number[]): PeerArray {
  return { dtype: "float32", shape, bytes: new Uint8Array(new Float32Array([...values]).buffer) };
}

/** An array of 8-bit values (pixels, a file) for the peer. */
export function uint8(values: Uint8Array, shape: readonly number[] = [values.length]): PeerArray {
  return { dtype: "uint8", shape, bytes: values };
}

/** An int64 array (indices, timesteps) for the peer. */
export function int64(values: Iterable<number>, shape: readonly number[]): PeerArray {
  return { dtype: "int64", shape, bytes: new Uint8Array(BigInt64Array.from([...values].map(BigInt)).buffer) };
}

/** The values of an array of the peer: float32, float64, int64 or uint8. */
export function numbers({ dtype, bytes }: PeerArray): number[] {
  const { buffer } = new Uint8Array(bytes);
  switch (dtype) {
    case "float32":
      return [...new Float32Array(buffer)];
    case "float64":
      return [...new Float64Array(buffer)];
    case "int64":
      return [...new BigInt64Array(buffer)].map(Number);
    case "uint8":
      return [...bytes];
    default:
      throw new TypeError(`numbers() does not read ${dtype}`);
  }
}

/** A tensor's values for the peer. */
export function toPeer(x: Tensor): PeerArray {
  return { dtype: x.dtype, shape: x.shape, bytes: x.bytes() };
}

/** A tensor of the peer's values. */
export function fromPeer({ dtype, shape, bytes }: PeerArray): Tensor {
  return fromBytes(new Uint8Array(bytes), { dtype: dtype as DType, shape });
}

/** Asserts the same shape and dtype, and values that differ by at most `tolerance` times the largest magnitude wanted. */
export function assertNear(
  got: PeerArray | undefined,
  wanted: PeerArray | undefined,
  tolerance: number,
  what = "",
): void {
  assert.ok(got !== undefined && wanted !== undefined, `${what} is missing`);
  assert.deepEqual([got.dtype, got.shape], [wanted.dtype, wanted.shape], what);
  const [a, b] = [numbers(got), numbers(wanted)];
  const magnitude = b.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const error = a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0); // NaN stays NaN
  assert.ok(error <= tolerance * magnitude, `${what}: ${error / magnitude} of the largest magnitude apart`);
}
