import { inferenceMode, scope, type Tensor } from "../tensor/mod.ts";

/** Arithmetic that nothing is recorded of; only what is returned lives on. */
export function compute<T>(body: () => T): T {
  return inferenceMode(() => scope(body));
}

/** The same, but recorded where x requires gradients, so that guidance by a gradient goes through it. */
export function computeOn<T>(x: Tensor, body: () => T): T {
  return x.requiresGrad ? scope(body) : compute(body);
}
