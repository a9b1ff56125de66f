/** Networks: the first stage and the denoiser. @module */
export * from "./autoencoder.ts";
export type { CoderOptions } from "./coder.ts";
export * from "./unet.ts";
