import type { Handle } from "./handle.ts";
import { raw } from "./handle.ts";
import { checked, native } from "./open.ts";

/** A tensor's dtype number, device, flags and sizes. */
export interface Meta {
  dtype: number;
  deviceType: number;
  deviceIndex: number;
  requiresGrad: boolean;
  isLeaf: boolean;
  shape: number[];
}

/** What a tensor is. */
export function meta(tensor: Handle): Meta {
  const { symbols, frame } = native();
  checked(symbols.latent_meta(frame.index, tensor[raw]), "tensor");
  const [dtype, deviceType, deviceIndex, requiresGrad, isLeaf, ...shape] = frame.begin().take() as [
    number,
    number,
    number,
    number,
    number,
    ...number[],
  ];
  return { dtype, deviceType, deviceIndex, requiresGrad: requiresGrad === 1, isLeaf: isLeaf === 1, shape };
}

/** A CPU tensor with a copy of `bytes`; returns its handle. */
export function fromBytes(bytes: Uint8Array<ArrayBuffer>, dtype: number, shape: readonly number[]): number {
  const { symbols, frame } = native();
  frame.begin().put(dtype).putNumbers(shape);
  checked(symbols.latent_from_bytes(frame.index, bytes, bytes.byteLength), "tensor");
  return frame.takeTensor();
}

/** Copies bytes of a contiguous CPU tensor, from `offset` on, into `into`. */
export function readBytes(tensor: Handle, into: Uint8Array<ArrayBuffer>, offset = 0): void {
  const { symbols, frame } = native();
  checked(symbols.latent_read(frame.index, tensor[raw], into, offset, into.byteLength), "bytes");
}

/** A CPU tensor of a range of a file, mapped (shared pages, private writes) or read; returns its handle. */
export function fromFile(
  path: string,
  offset: number,
  dtype: number,
  shape: readonly number[],
  mapped: boolean,
): number {
  const { symbols, frame } = native();
  frame.begin().put(path).put(offset).put(dtype).putNumbers(shape).put(mapped);
  checked(symbols.latent_from_file(frame.index), "file");
  return frame.takeTensor();
}

/** Another handle of the same tensor. */
export function alias(tensor: Handle): number {
  const { symbols, frame } = native();
  checked(symbols.latent_alias(frame.index, tensor[raw]), "tensor");
  return frame.takeTensor();
}

/** A generator of a device: seeded anew, or with null the device's own; returns its handle. */
export function generator(device: string, seed: number | bigint | null): number {
  const { symbols, frame } = native();
  frame.begin().put(device).put(seed);
  checked(symbols.latent_generator(frame.index), "generator");
  const result = frame.begin().take();
  return typeof result === "object" && result !== null && "generator" in result ? result.generator : 0;
}

/** The state of a generator as a tensor's handle. */
export function generatorState(generator: Handle): number {
  const { symbols, frame } = native();
  checked(symbols.latent_generator_state(frame.index, generator[raw]), "generator");
  return frame.takeTensor();
}

/** Restores what {@linkcode generatorState} gave. */
export function setGeneratorState(generator: Handle, state: Handle): void {
  const { symbols, frame } = native();
  checked(symbols.latent_generator_set_state(frame.index, generator[raw], state[raw]), "generator");
}
