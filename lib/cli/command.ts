import type { Schema, WorkEvent } from "../base/mod.ts";

/** What a command that only looks gives back: the text for people, the value for `--json`. */
export interface Answer {
  /** For people. */
  text: string;
  /** For programs: what JSON can hold. */
  value: unknown;
  /** Whether the answer is bad news: the exit code is then 1. */
  failed?: boolean;
}

/** What a command gets beside its options. */
export interface Context {
  /** Aborted at the first SIGINT or SIGTERM: finish the step, write what must not be lost, return. */
  signal: AbortSignal;
  /** The table of commands, for those that speak of the others. */
  commands: readonly Command[];
}

/** A kind of access that Deno grants. */
export type Permission = "read" | "write" | "net" | "run" | "ffi" | "sys";

/**
 * A command as a value. Its schema gives the flags (`batchSize` is `--batch-size`), their types, checks, defaults and
 * help; `.describe()` is the line of help. `.meta()` adds `placeholder: "FILE"` and `complete: "file" | "folder"`.
 */
export interface Command<Options = Record<string, unknown>> {
  /** One word or two: `sample`, `train diffusion`. */
  name: string;
  /** One line for the list of commands. */
  summary: string;
  /** A `z.strictObject`. What isn't a flag (nested objects) is set in the config file or by `key=value`. */
  options: Schema<Options>;
  /** Options that are given by their place instead of by a flag; the last takes the rest if it is a list. */
  arguments?: readonly string[];
  /** Whether it takes `--config FILE` and `key=value`, which set the same options: file, then flags, then assignments. */
  configurable?: true;
  /** A config file that the typed values imply, where none was named. */
  configOf?(typed: Record<string, unknown>): string | undefined;
  /** Values that the typed ones imply; everything else goes over them. */
  presetOf?(typed: Record<string, unknown>): Record<string, unknown> | undefined;
  /** Whether it computes: from a clone, set-up then runs first where it must. */
  computes?: true;
  /** What Deno must grant it; all else is given up before it starts. */
  permissions: readonly Permission[];
  /** Does it: long work as events, a look as an {@linkcode Answer}. */
  run(options: Options, context: Context): AsyncIterable<WorkEvent> | Promise<Answer>;
}

/** The command for the table, its options typed by its schema. */
export function command<Options extends Record<string, unknown>>(
  definition: Command<Options> & { arguments?: readonly (keyof Options & string)[] },
): Command {
  return definition;
}
