import type { Handle } from "./handle.ts";
import { checked, native } from "./open.ts";

/** Accumulates gradients of `roots` into the leaves (or into `inputs` alone). */
export function backward(
  roots: readonly Handle[],
  gradients: readonly (Handle | null)[],
  retainGraph: boolean,
  createGraph: boolean,
  inputs: readonly Handle[],
): void {
  const { symbols, frame } = native();
  frame.begin().putTensors(roots).putTensors(gradients).put(retainGraph).put(createGraph).putTensors(inputs);
  checked(symbols.latent_backward(frame.index), "backward", () => roots.map((r) => r.describe()));
}

/** Gradients of `outputs` by `inputs`, accumulated nowhere; 0 where an input was not used. */
export function gradients(
  outputs: readonly Handle[],
  inputs: readonly Handle[],
  weights: readonly (Handle | null)[],
  options: { retainGraph: boolean; createGraph: boolean; allowUnused: boolean },
): number[] {
  const { symbols, frame } = native();
  frame.begin().putTensors(outputs).putTensors(inputs).putTensors(weights)
    .put(options.retainGraph).put(options.createGraph).put(options.allowUnused);
  checked(symbols.latent_gradients(frame.index), "gradients", () => outputs.map((o) => o.describe()));
  return taken();
}

/** What backward has accumulated in each leaf, 0 where there is nothing. */
export function accumulated(leaves: readonly Handle[]): number[] {
  const { symbols, frame } = native();
  frame.begin().putTensors(leaves);
  checked(symbols.latent_grads(frame.index), "grad");
  return taken();
}

/** Replaces what backward has accumulated; null clears. */
export function setAccumulated(leaves: readonly Handle[], values: readonly (Handle | null)[]): void {
  const { symbols, frame } = native();
  frame.begin().putTensors(leaves).putTensors(values);
  checked(symbols.latent_set_grads(frame.index), "grad", () => leaves.map((l) => l.describe()));
}

function taken(): number[] {
  const result = native().frame.begin().take();
  return typeof result === "object" && result !== null && "tensors" in result ? result.tensors : [];
}
