/** What our timing programs share: each is a file with `setup`, as its namesake under bench/peer/. @module */
import { type AnyModule, onDevice } from "../../lib/nn/mod.ts";
import { Generator, keep, randn, scope, type Tensor } from "../../lib/tensor/mod.ts";

/** Runs the work so many times. */
export type Turns = (count: number) => void;

/** What every program is told. */
export interface Setup<Network> {
  /** Options of the network. */
  network: Network;
  /** Images or latents of one pass. */
  batch: number;
  /** Their side, pixels. */
  size: number;
  /** Where it runs. */
  device: string;
}

/** A network on a device, with the same random weights in every run. */
export function built<T extends AnyModule>(device: string, network: () => T): T {
  using generator = Generator.seeded(0, device);
  return onDevice(device, network).initialise(generator);
}

/** Standard-normal data in channels_last, the same in every run. */
export function input(shape: number[], device: string, generator = Generator.seeded(0, device)): Tensor {
  return keep(scope(() => randn(shape, { device, generator }).contiguous({ memoryFormat: "channels_last" })));
}

/** Turns in a scope each. */
export function repeated(turn: () => void): Turns {
  return (count) => {
    for (let i = 0; i < count; i++) scope(turn);
  };
}
