import type { Command } from "./command.ts";
import { completion } from "./commands/completion.ts";
import { decode } from "./commands/decode.ts";
import { demo } from "./commands/demo.ts";
import { doctor } from "./commands/doctor.ts";
import { evaluate } from "./commands/evaluate.ts";
import { encode } from "./commands/encode.ts";
import { exported } from "./commands/export.ts";
import { pull } from "./commands/pull.ts";
import { reconstruct } from "./commands/reconstruct.ts";
import { sample } from "./commands/sample.ts";
import { setup } from "./commands/setup.ts";
import { trainDenoiser, trainFirstStage } from "./commands/train.ts";
import { version } from "./commands/version.ts";

/** Every command, in the order of the help. */
export const commands: readonly Command[] = [
  demo,
  trainFirstStage,
  trainDenoiser,
  sample,
  reconstruct,
  encode,
  decode,
  evaluate,
  exported,
  pull,
  setup,
  doctor,
  completion,
  version,
];
