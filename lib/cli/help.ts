import { describeNode } from "../base/mod.ts";
import type { Command } from "./command.ts";
import {
  argumentsOf,
  choicesOf,
  type Flag,
  flagsOf,
  globalFlags,
  isList,
  isSwitch,
  nestedKeysOf,
  placeholderOf,
} from "./flags.ts";

const width = 100;

/** `latent --help`: the commands. */
export function overview(commands: readonly Command[]): string {
  return [
    "latent: latent diffusion as one program, from training to pictures",
    "",
    "Usage: latent COMMAND [FLAGS]",
    "",
    ...table(commands.map(({ name, summary }) => [name, summary])),
    "",
    "latent COMMAND --help tells more about one.",
    "",
  ].join("\n");
}

/** `latent COMMAND --help`: how it is called, its arguments and flags with their defaults. */
export function help(command: Command): string {
  const places = argumentsOf(command);
  const own = flagsOf(command);
  const usage = [
    `latent ${command.name}`,
    ...places.map((place) => usageOf(place)),
    ...command.configurable ? ["[KEY=VALUE...]"] : [],
    ...own.filter(({ required }) => required).map((flag) => flagUsage(flag)),
    "[FLAGS]",
  ];
  return [
    command.summary,
    "",
    `Usage: ${usage.join(" ")}`,
    ...section("Arguments", places.map((place) => [placeholderOf(place.node), explain(place)])),
    ...section("Flags", own.map((flag) => [flagUsage(flag), explain(flag)])),
    ...section(
      "Keys of the config, also as KEY=VALUE",
      nestedKeysOf(command).map((flag) => [assignmentOf(flag), explain(flag)]),
    ),
    ...section("Flags of every command", globalFlags.map((flag) => [flagUsage(flag), explain(flag)])),
    "",
  ].join("\n");
}

function usageOf(place: Flag): string {
  const name = placeholderOf(place.node) + (isList(place) ? "..." : "");
  return place.required ? name : `[${name}]`;
}

function flagUsage(flag: Flag): string {
  const letter = flag.letter === undefined ? "" : `-${flag.letter}, `;
  if (isSwitch(flag)) return `${letter}--${flag.node.default === true ? "no-" : ""}${flag.name}`;
  return `${letter}--${flag.name} ${placeholderOf(flag.node)}${isList(flag) ? " ..." : ""}`;
}

function assignmentOf(flag: Flag): string {
  const value = placeholderOf(flag.node);
  return `${flag.key}=${isList(flag) ? `[${value},...]` : value}`;
}

/** The description, what values there are where the placeholder doesn't say, and the default. */
function explain(flag: Flag): string {
  const { node, required } = flag;
  const numeric = node.type === "integer" || node.type === "number";
  const bounded = numeric && choicesOf(node).length === 0 && / \d| -\d/.test(describeNode(node));
  const notes = [
    ...bounded ? [describeNode(node)] : [],
    ...isSwitch(flag) || node.default === undefined ? [] : [`default ${defaultOf(node.default)}`],
    ...required ? ["required"] : [],
  ];
  return [node.description ?? [], notes.length === 0 ? [] : `(${notes.join("; ")})`].flat().join(" ");
}

function defaultOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function section(title: string, rows: [string, string][]): string[] {
  return rows.length === 0 ? [] : ["", `${title}:`, ...table(rows)];
}

/** Two columns; the second is wrapped, and begins on a line of its own where the first is long. */
function table(rows: [string, string][]): string[] {
  const left = Math.min(28, Math.max(...rows.map(([name]) => name.length))) + 4;
  return rows.flatMap(([name, text]) => {
    const lines = wrap(text, width - left);
    const head = `  ${name}`;
    const fits = head.length + 2 <= left;
    const indented = lines.map((line) => " ".repeat(left) + line);
    return fits ? [head.padEnd(left) + (lines[0] ?? ""), ...indented.slice(1)] : [head, ...indented];
  });
}

function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > columns) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
