import { foreachLerp_, keep, noGrad, type Tensor } from "../tensor/mod.ts";

/**
 * Exponential moving average of parameters with warm-up (ldm/modules/ema.py): after update n the decay is
 * min(decay, (1 + n) / (10 + n)).
 */
export class Ema implements Disposable {
  /** Updates so far; part of the state. */
  updates = 0;
  readonly #shadow: ReadonlyMap<string, Tensor>;

  /** Begins with copies of the parameters, which stay the caller's. @param decay the largest that is used */
  constructor(private readonly named: ReadonlyMap<string, Tensor>, private readonly decay = 0.9999) {
    this.#shadow = new Map([...named].map(([name, p]) => [name, keep(noGrad(() => p.clone()))]));
  }

  /** Moves the average towards the parameters: shadow −= (1 − decay)(shadow − parameter), in one native call. */
  update(): void {
    this.updates++;
    const decay = Math.min(this.decay, (1 + this.updates) / (10 + this.updates));
    noGrad(() => foreachLerp_([...this.#shadow.values()], [...this.named.values()], 1 - decay));
  }

  /** The averages by parameter name: the tensors themselves. */
  stateDict(): ReadonlyMap<string, Tensor> {
    return this.#shadow;
  }

  /** Frees the averages; the parameters stay. */
  dispose(): void {
    for (const tensor of this.#shadow.values()) tensor.dispose();
  }

  /** The same, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}
