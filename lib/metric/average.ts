import { LatentError } from "../base/mod.ts";

/** Mean and spread of numbers. */
export interface Spread {
  /** Their mean. */
  mean: number;
  /** Their standard deviation, the root of the mean squared distance from the mean. */
  deviation: number;
}

/** Collects numbers, one an image, for their average: PSNR, SSIM, LPIPS. */
export class Average {
  readonly #values: number[] = [];

  /** Takes more of them in. */
  add(values: Iterable<number>): this {
    for (const value of values) this.#values.push(value);
    return this;
  }

  /** How many there were. */
  get count(): number {
    return this.#values.length;
  }

  /** What they come to. @throws LatentError `metric.empty` before the first */
  result(): Spread {
    if (this.count === 0) throw new LatentError("metric.empty", { what: "The average of no numbers was asked for." });
    const meanOf = (value: (x: number) => number) => this.#values.reduce((sum, x) => sum + value(x), 0) / this.count;
    const mean = meanOf((x) => x);
    return { mean, deviation: Math.sqrt(meanOf((x) => (x - mean) ** 2)) };
  }
}
