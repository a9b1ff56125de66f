import type { Command } from "./command.ts";
import { completion } from "./commands/completion.ts";
import { version } from "./commands/version.ts";

/** Every command, in the order of the help. */
export const commands: readonly Command[] = [
  completion,
  version,
];
