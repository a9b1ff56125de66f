import { armSignals } from "../../ffi/mod.ts";
import { LatentError } from "../base/mod.ts";
import type { Command, Context } from "./command.ts";
import { commands as allCommands } from "./commands.ts";
import { failure } from "./failure.ts";
import { help, overview } from "./help.ts";
import { interruptible } from "./interrupt.ts";
import { meant } from "./meant.ts";
import { type Output, processOutput } from "./output.ts";
import { keepOnly } from "./permissions.ts";
import { show } from "./progress.ts";
import { type Typed, typed } from "./typed.ts";

/** What {@linkcode main} works with; a test puts in its own. */
export interface MainOptions {
  /** The table of commands. */
  commands?: readonly Command[];
  /** Where to write. */
  output?: Output;
  /** Makes the second signal end the process even while a native call blocks; called before a command that computes. */
  armSecondSignal?: () => void;
}

/**
 * The program: arguments in, exit code out. 0 done, 1 the work failed, 2 the call or the config was wrong, 130 and 143
 * stopped by SIGINT and SIGTERM. Whoever closes our stdout has seen enough: that is success.
 */
export async function main(args: readonly string[], options: MainOptions = {}): Promise<number> {
  const { output = processOutput } = options;
  try {
    return await run(args, { ...options, output }).catch((error) => fail(error, args, output));
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) return 0;
    throw error;
  }
}

function fail(error: unknown, args: readonly string[], output: Output): number {
  if (error instanceof Deno.errors.BrokenPipe) throw error;
  const { exitCode, text, event } = failure(error, { verbose: args.includes("--verbose") || args.includes("-v") });
  output.err(text + "\n");
  if (args.includes("--json")) output.out(JSON.stringify(event) + "\n");
  return exitCode;
}

async function run(args: readonly string[], options: MainOptions & { output: Output }): Promise<number> {
  const { commands = allCommands, output, armSecondSignal = armSignals } = options;
  // `deno task latent` puts this flag first; it is nobody's to type and no help names it
  const setupFirst = args[0] === "--setup-first";
  const call = typed(setupFirst ? args.slice(1) : args, commands);
  if (call.command === undefined) return listCommands(call, commands, output);
  if (call.help) return (output.out(help(call.command)), 0);

  using interruption = interruptible(() => {
    output.err("\nlatent: stopping as soon as nothing gets lost; once more to stop at once\n");
  });
  const context = { signal: interruption.signal, commands };
  try {
    if (setupFirst && call.command.computes) await setUp(context, output);
    await keepOnly(call.command.permissions);
    const meaning = await meant(call.command, call);
    if (call.command.computes) armSecondSignal();
    const failed = await perform(call.command, meaning, context, output, call.json);
    return interruption.exitCode() ?? (failed ? 1 : 0);
  } catch (error) {
    const stopped = interruption.exitCode();
    if (stopped !== undefined && error instanceof DOMException && error.name === "AbortError") return stopped;
    throw error;
  }
}

/** Runs a command and shows what it gives. Whether that is bad news. */
async function perform(
  command: Command,
  options: Record<string, unknown>,
  context: Context,
  output: Output,
  json: boolean,
): Promise<boolean> {
  const result = command.run(options, context);
  if (Symbol.asyncIterator in result) {
    await show(result, output, { json });
    return false;
  }
  const { text, value, failed = false } = await result;
  output.out(json ? JSON.stringify(value) + "\n" : text.endsWith("\n") ? text : text + "\n");
  return failed;
}

/** What is missing is fetched and built first, without a word where nothing is. */
async function setUp(context: Context, output: Output): Promise<void> {
  const setup = context.commands.find(({ name }) => name === "setup")!;
  await perform(setup, { ...setup.options.parse({}), quietWhenDone: true }, context, output, false);
  context.signal.throwIfAborted();
}

function listCommands({ help }: Typed, commands: readonly Command[], output: Output): number {
  if (help) return (output.out(overview(commands)), 0);
  output.err(overview(commands));
  throw new LatentError("usage.command", {
    what: "No command was given",
    wanted: "latent COMMAND",
    mend: "Choose one of the above.",
  });
}
