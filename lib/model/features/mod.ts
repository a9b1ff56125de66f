/** Networks that see what images look like: for perceptual losses and for metrics. @module */
export { FeatureDistance, type FeatureStack } from "./difference.ts";
export * from "./efficientnet.ts";
export * from "./inception.ts";
export * from "./lpips.ts";
export type { LpipsNet } from "./trunk.ts";
