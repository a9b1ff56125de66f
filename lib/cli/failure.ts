import { LatentError } from "../base/mod.ts";

/** What an error means outside the process. */
export interface Failure {
  /** 1 where the work failed, 2 where the call or the config was wrong. */
  exitCode: 1 | 2;
  /** For people, on stderr. */
  text: string;
  /** For programs, with `--json`. */
  event: { type: "error"; code: string; message: string };
}

/** An error as the command line tells it; the stack only where it is asked for. */
export function failure(error: unknown, { verbose }: { verbose: boolean }): Failure {
  const { code, message } = describe(error);
  const kind = code.split(".", 1)[0]!;
  return {
    exitCode: kind === "usage" || kind === "config" ? 2 : 1,
    text: [`latent: ${message}`, ...verbose ? stacks(error) : []].join("\n"),
    event: { type: "error", code, message },
  };
}

function describe(error: unknown): { code: string; message: string } {
  if (error instanceof LatentError) return error;
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { code: "internal.error", message: `${message}\nThis was not foreseen; --verbose shows where it comes from.` };
}

function stacks(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  return [error.stack ?? String(error), ...error.cause === undefined ? [] : ["caused by", ...stacks(error.cause)]];
}
