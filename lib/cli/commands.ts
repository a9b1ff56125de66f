import type { Command } from "./command.ts";
import { completion } from "./commands/completion.ts";
import { doctor } from "./commands/doctor.ts";
import { setup } from "./commands/setup.ts";
import { version } from "./commands/version.ts";

/** Every command, in the order of the help. */
export const commands: readonly Command[] = [
  setup,
  doctor,
  completion,
  version,
];
