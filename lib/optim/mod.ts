/** Optimisers, gradient clipping, moving averages, learning-rate schedules. @module */
export * from "./adam.ts";
export * from "./clip.ts";
export * from "./ema.ts";
export {
  constant,
  cycledRate,
  type LearningRate,
  type RateCycle,
  type RateSettings,
  warmup,
  warmupCosine,
} from "./schedule.ts";
