/**
 * latent: latent diffusion (Rombach et al., 2022) over libtorch.
 *
 * 1. A **first stage** is a pair of functions, `encode: image → latent` and `decode: latent → image`.
 * 2. A **denoiser** is a function `(x, step) → {x0, eps}`: network, condition and parameterization are inside it.
 * 3. A **sampler** is a function `(denoiser, x, plan, noise) → async iterator of steps`; guidance wraps the denoiser.
 * 4. A **task** is data: which condition it takes, how a batch becomes one, which preset it defaults to.
 *
 * @module
 */
export * from "./lib/base/mod.ts";
export * from "./lib/data/mod.ts";
export * from "./lib/diffusion/mod.ts";
export * from "./lib/file/mod.ts";
export * from "./lib/image/mod.ts";
export * from "./lib/model/mod.ts";
export * from "./lib/nn/mod.ts";
export * from "./lib/optim/mod.ts";
export * from "./lib/setup/mod.ts";
export * from "./lib/task/mod.ts";
export * from "./lib/tensor/mod.ts";
export * from "./lib/train/mod.ts";
