/** The ground floor: errors of the user, events, config schema helpers, hash, cache folders. @module */
export * from "./error.ts";
export * from "./events.ts";
export * from "./hash.ts";
export * from "./schema.ts";
export * from "./config.ts";
export * from "./cache.ts";
export * from "./unzip.ts";
export * from "./zip.ts";
export * from "./weights.ts";
