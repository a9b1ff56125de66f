import { checked, native } from "./open.ts";

/** What this libtorch is. */
export interface LibtorchInfo {
  /** As `2.13.0+cpu`. */
  version: string;
  /** Whether it was built with CUDA. */
  cuda: boolean;
  /** The GPUs that it can use. */
  cudaDevices: number;
  /** The instruction set in use, as `AVX512`. */
  cpu: string;
  /** Whether strings and lists are those of C++11. */
  cxx11Abi: boolean;
}

/** The libtorch that is loaded. */
export function libtorchInfo(): LibtorchInfo {
  const { symbols, frame } = native();
  checked(symbols.latent_info(frame.index), "info");
  return JSON.parse(String(frame.begin().take()));
}

/** The CPU allocator's figures, in bytes. */
export interface CpuMemory {
  /** In tensors now. */
  live: number;
  /** The largest `live` since the start or since {@linkcode releaseMemory}. */
  peak: number;
  /** Freed and kept for reuse. */
  kept: number;
  /** How many were made since the start. */
  allocations: number;
  /** 0 for none. */
  limit: number;
}

/** Memory of tensors on the CPU, of the whole process. */
export function cpuMemory(): CpuMemory {
  const { symbols, frame } = native();
  checked(symbols.latent_memory(frame.index), "memory");
  const [live, peak, kept, allocations, limit] = frame.begin().take() as [number, number, number, number, number];
  return { live, peak, kept, allocations, limit };
}

/** Gives kept memory back to the system and starts the peak anew: between phases of different sizes. */
export function releaseMemory(): void {
  const { symbols, frame } = native();
  checked(symbols.latent_memory_release(frame.index), "memory");
}

/** Bytes of live CPU tensors above which an allocation is refused; 0 for no limit. */
export function limitMemory(bytes: number): void {
  const { symbols, frame } = native();
  checked(symbols.latent_memory_limit(frame.index, bytes), "memory");
}

/** Waits until a device has done what it was given. */
export function synchronize(device: string): void {
  const { symbols, frame } = native();
  frame.begin().put(device);
  checked(symbols.latent_synchronize(frame.index), "synchronize");
}

/**
 * From now on the second SIGINT or SIGTERM ends the process at once, even inside a native call.
 * Call it after `Deno.addSignalListener`, whose handler it chains to.
 */
export function armSignals(): void {
  const { symbols, frame } = native();
  checked(symbols.latent_arm_signals(frame.index), "signals");
}

/** Handles alive in the whole process, all isolates together. */
export function liveInProcess(): number {
  return native().symbols.latent_live();
}
