/** Diffusion: schedules, plans of steps, what a network's output means, losses, samplers. It never sees a model. @module */
export * from "./denoiser.ts";
export * from "./loss.ts";
export * from "./parameterization.ts";
export * from "./plan.ts";
export * from "./samplers/ddim.ts";
export * from "./samplers/sampler.ts";
export * from "./schedule.ts";
