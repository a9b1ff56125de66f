/** Networks: the first stage and the denoiser. @module */
export * from "./autoencoder.ts";
export * from "./coder.ts";
export * from "./unet.ts";
