/** A learning-rate schedule: the factor of the base rate at optimiser step 0, 1, 2 … */
export type LearningRate = (step: number) => number;

/** The base rate throughout. */
export const constant: LearningRate = (): number => 1;

/**
 * Rises linearly to 1 over `steps` steps, then stays (LambdaLinearScheduler with one endless cycle, lr_scheduler.py).
 *
 * @param start the factor at step 0
 */
export function warmup(steps: number, start = 1e-6): LearningRate {
  return (step) => step >= steps ? 1 : start + (1 - start) * step / steps;
}

/**
 * Linear warm-up, then half a cosine down to `end` at step `total` (LambdaWarmUpCosineScheduler, lr_scheduler.py).
 */
export function warmupCosine(warmupSteps: number, total: number, start = 0, end = 0): LearningRate {
  return (step) => {
    if (step < warmupSteps) return start + (1 - start) * step / warmupSteps;
    const progress = Math.min(1, (step - warmupSteps) / Math.max(1, total - warmupSteps));
    return end + (1 - end) * (1 + Math.cos(Math.PI * progress)) / 2;
  };
}
