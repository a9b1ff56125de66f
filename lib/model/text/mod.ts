/** Text encoders that others have trained, frozen: from texts to what a denoiser attends to. @module */
export { ClipText, type ClipTextOptions } from "./clip_text.ts";
export { MiniLm, type MiniLmOptions, sentences } from "./mini_lm.ts";
export * from "./open_clip_text.ts";
export * from "./prompt_encoder.ts";
export { TextNetwork, type TextSizes } from "./text_network.ts";
