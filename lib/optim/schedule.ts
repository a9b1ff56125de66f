/** A learning-rate schedule: the factor of the base rate at optimiser step 0, 1, 2 … */
export type LearningRate = (step: number) => number;

/** A rise and a fall of the rate, as factors of the base rate. */
export interface RateCycle {
  /** Steps of the linear rise. */
  warmup: number;
  /** Steps of the cycle, the rise included. */
  length: number;
  /** At its first step. */
  start: number;
  /** At the end of the rise. */
  most: number;
  /** At its end. */
  least: number;
}

/** A learning-rate schedule as data: what a config holds, and what the released configurations say. */
export interface RateSettings {
  /** Along what the rate falls: a line, or half a cosine. */
  kind: "linear" | "cosine";
  /** One after the other. */
  cycles: RateCycle[];
}

/** The base rate throughout. */
export const constant: LearningRate = (): number => 1;

/**
 * The schedule of its data (lr_scheduler.py): each cycle rises along a line and falls along another or half a cosine;
 * after the last the rate stays. A line's fall is as steep as if it took the whole cycle, so it begins below `most`.
 */
export function cycledRate({ kind, cycles }: RateSettings): LearningRate {
  const left = { linear: leftOfLine, cosine: leftOfCosine }[kind];
  return (step) => {
    let at = step;
    let i = 0;
    for (; i < cycles.length - 1 && at > cycles[i]!.length; i++) at -= cycles[i]!.length;
    const cycle = cycles[i]!;
    const { warmup, start, most, least } = cycle;
    return at < warmup ? start + (most - start) * at / warmup : least + (most - least) * left(at, cycle);
  };
}

const leftOfLine = (at: number, { length }: RateCycle): number => Math.max(0, 1 - at / length);

const leftOfCosine = (at: number, { warmup, length }: RateCycle): number =>
  (1 + Math.cos(Math.PI * Math.min(1, (at - warmup) / Math.max(1, length - warmup)))) / 2;

/**
 * Rises linearly to 1 over `steps` steps, then stays (LambdaLinearScheduler with one endless cycle, lr_scheduler.py).
 *
 * @param start the factor at step 0
 */
export function warmup(steps: number, start = 1e-6): LearningRate {
  return cycledRate({ kind: "linear", cycles: [{ warmup: steps, length: Infinity, start, most: 1, least: 1 }] });
}

/**
 * Linear warm-up, then half a cosine down to `end` at step `total` (LambdaWarmUpCosineScheduler, lr_scheduler.py).
 */
export function warmupCosine(warmupSteps: number, total: number, start = 0, end = 0): LearningRate {
  return cycledRate({ kind: "cosine", cycles: [{ warmup: warmupSteps, length: total, start, most: 1, least: end }] });
}
