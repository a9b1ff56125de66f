/** Optimisers, gradient clipping, moving averages, learning-rate schedules. @module */
export * from "./adam.ts";
export * from "./clip.ts";
export * from "./ema.ts";
export { constant, type LearningRate, warmup, warmupCosine } from "./schedule.ts";
