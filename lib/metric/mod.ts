/** How near images and sets of images are to others: for reconstructions, samples and codebooks. @module */
export * from "./average.ts";
export * from "./codes.ts";
export * from "./features.ts";
export * from "./frechet.ts";
export * from "./images.ts";
export * from "./inception_score.ts";
export * from "./kid.ts";
export * from "./precision_recall.ts";
export * from "./statistics.ts";
