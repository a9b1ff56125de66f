/**
 * The part of JSR's `@std/cli` that this project uses.
 *
 * @module
 */
export * from "./parse_args.ts";
