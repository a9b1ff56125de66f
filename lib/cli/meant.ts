import { check, override, parseValue, readConfig } from "../base/mod.ts";
import type { Command } from "./command.ts";
import { argumentsOf, type Flag, flagsOf, isText, placeholderOf } from "./flags.ts";
import { userPath } from "./paths.ts";
import type { Typed } from "./typed.ts";

/**
 * The second level: what it means. A preset, over it the config file, over that the flags, over them the assignments,
 * then the schema's checks and defaults.
 *
 * @throws {LatentError} `usage.options` (or `config.options` where a file or assignments took part) with all problems
 */
export async function meant(command: Command, { values, assignments }: Typed): Promise<Record<string, unknown>> {
  const flags = [...flagsOf(command), ...argumentsOf(command)];
  const { config, ...rest } = values;
  const named = command.configurable && typeof config === "string" ? userPath(config) : undefined;
  const file = named ?? command.configOf?.(values);
  const typedValues = Object.entries(command.configurable ? rest : values).map(([key, value]) => {
    return [key, valueOf(flags.find((flag) => flag.key === key)!, value)];
  });
  const base = { ...command.presetOf?.(values), ...file === undefined ? {} : await readConfig(file) };
  const options = override({ ...base, ...Object.fromEntries(typedValues) }, assignments);
  return check(command.options, options, {
    code: file === undefined && assignments.length === 0 ? "usage.options" : "config.options",
    subject: `latent ${command.name}${file === undefined ? "" : ` with ${file}`}`,
    label: (path) => labelOf(path, flags, command, (key) => key in values || !(key in options)),
    mend: `See latent ${command.name} --help.`,
  });
}

/** What was typed, as the value that the schema checks. A list of numbers may be given as `1,2,3`. */
function valueOf({ node }: Flag, value: string | boolean | string[]): unknown {
  if (typeof value === "boolean") return value;
  if (typeof value === "string") return isText(node) ? value : parseValue(value);
  return isText(node) ? value : value.flatMap((text) => text.split(",")).map(parseValue);
}

/** The name of an option to who typed it, or forgot it: `--batch-size`, `FILE`; that of a config: `model.ch`. */
function labelOf(path: string, flags: Flag[], command: Command, wasTyped: (key: string) => boolean): string {
  const [key = ""] = path.split(".", 1);
  const flag = flags.find((flag) => flag.key === key);
  if (flag === undefined || !wasTyped(key)) return path;
  return command.arguments?.includes(key) ? placeholderOf(flag.node) : `--${flag.name}`;
}
