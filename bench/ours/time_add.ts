/** An operator call: `a + b` of 16 elements, both requiring gradients, the result (its node with it) freed at once. @module */
import { keep, randn, scope } from "../../lib/tensor/mod.ts";
import type { Turns } from "./program.ts";

/** Two small tensors. */
export function setup({ device }: { device: string }): Turns {
  const make = () => keep(randn([16], { device })).requiresGrad_();
  const [a, b] = [make(), make()];
  return (count) => {
    scope(() => {
      for (let i = 0; i < count; i++) a.add(b).dispose();
    });
  };
}
