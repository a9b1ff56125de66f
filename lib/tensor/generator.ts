import { generator, generatorState, Handle, setGeneratorState } from "../../ffi/mod.ts";
import type { Device } from "./dtype.ts";
import { wrap } from "./result.ts";
import type { Tensor } from "./tensor.ts";

/** One of libtorch's random generators as a value: mt19937 on the CPU, Philox on CUDA. */
export class Generator extends Handle {
  /** A generator of its own: two of the same seed and device give the same numbers. @param seed a whole number; beyond 2^53 as a bigint */
  static seeded(seed: number | bigint, device: Device = "cpu"): Generator {
    return new Generator(generator(device, seed));
  }

  /** The device's own generator, from which dropout draws. */
  static default(device: Device = "cpu"): Generator {
    return new Generator(generator(device, null));
  }

  /** What tells it from a tensor. */
  override get kind(): "generator" {
    return "generator";
  }

  /** What it is, for errors. */
  override describe(): string {
    return "generator";
  }

  /** The whole state, a uint8 tensor of the caller's on the CPU: set, it makes a generator go on from there. */
  get state(): Tensor {
    return wrap(generatorState(this));
  }

  set state(state: Tensor) {
    setGeneratorState(this, state);
  }
}
