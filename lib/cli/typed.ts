import { parseArgs } from "@std/cli";
import { type Difference, isAssignment, LatentError, nearest } from "../base/mod.ts";
import type { Command } from "./command.ts";
import { argumentsOf, type Flag, flagsOf, globalFlags, isList, isSwitch } from "./flags.ts";

/** The first level: what was typed. */
export interface Typed {
  /** The command; without one the whole program is meant. */
  command?: Command;
  help: boolean;
  json: boolean;
  verbose: boolean;
  /** What was typed for each flag, by key, and for each option that is given by its place. */
  values: Record<string, string | boolean | string[]>;
  /** `key=value`, in order. */
  assignments: string[];
}

/**
 * What was typed: the command, its flags by name, nothing of their meaning yet.
 *
 * @throws {LatentError} `usage.command` for an unknown command; `usage.flags` for all unknown flags, flags without
 * their value and surplus arguments at once; none where `--help` was asked for
 */
export function typed(args: readonly string[], commands: readonly Command[]): Typed {
  const { command, rest } = findCommand(args[0] === "--version" ? ["version", ...args.slice(1)] : args, commands);
  const flags = [...command === undefined ? [] : flagsOf(command), ...globalFlags];
  const { given, positionals, problems } = lex(rest, flags);
  const { help = false, json = false, verbose = false, ...values } = given;
  const common = { help: help === true, json: json === true, verbose: verbose === true };
  if (common.help || command === undefined) return { ...common, ...command && { command }, values, assignments: [] };

  const assignments = command.configurable ? positionals.filter(isAssignment) : [];
  const places = place(command, positionals.filter((text) => !assignments.includes(text)));
  if (problems.length + places.problems.length > 0) throw badFlags(command, [...problems, ...places.problems]);
  return { ...common, command, values: { ...values, ...places.values }, assignments };
}

/** The command that the leading words name, and all other arguments; global flags may stand before it. */
function findCommand(args: readonly string[], commands: readonly Command[]): { command?: Command; rest: string[] } {
  const start = args.findIndex((arg) => !arg.startsWith("-"));
  if (start < 0) return { rest: [...args] };
  for (const words of [2, 1]) {
    const command = commands.find(({ name }) => name === args.slice(start, start + words).join(" "));
    if (command !== undefined) return { command, rest: [...args.slice(0, start), ...args.slice(start + words)] };
  }
  if (args.includes("--help") || args.includes("-h")) return { rest: [...args] };
  throw unknownCommand(args.slice(start, start + 2), commands.map(({ name }) => name));
}

function unknownCommand([first = "", second = ""]: string[], names: string[]): LatentError {
  const group = names.filter((name) => name.startsWith(`${first} `));
  const given = group.length > 0 ? `${first} ${second}`.trim() : first;
  const guess = closest(`${first} ${second}`.trim(), names) ?? closest(first, names.map((name) => name.split(" ")[0]!));
  return new LatentError("usage.command", {
    what: `There is no command "${given}"`,
    wanted: `one of: ${(group.length > 0 ? group : names).join(", ")}`,
    mend: guess === undefined ? "See latent --help." : `Did you mean latent ${guess}?`,
  });
}

/** The candidate that a mistyped or cut-off name means. */
function closest(name: string, candidates: string[]): string | undefined {
  return nearest(name, candidates) ?? (name === "" ? undefined : candidates.find((one) => one.startsWith(name)));
}

interface Lexed {
  given: Record<string, string | boolean | string[]>;
  positionals: string[];
  problems: Difference[];
}

/** Flags and arguments told apart, by the rules of `@std/cli`; nothing after `--` is a flag. */
function lex(args: readonly string[], flags: readonly Flag[]): Lexed {
  const end = args.includes("--") ? args.indexOf("--") : args.length;
  const words = splitEmpty(args.slice(0, end));
  const problems = withoutValue(words, flags);
  const switches = flags.filter(isSwitch).map(({ name }) => name);
  const parsed = parseArgs(words, {
    alias: Object.fromEntries(flags.flatMap(({ letter, name }) => letter === undefined ? [] : [[letter, name]])),
    boolean: switches,
    collect: flags.filter(isList).map(({ name }) => name),
    default: Object.fromEntries(switches.map((name) => [name, undefined])),
    negatable: switches,
    string: ["_", ...flags.filter((flag) => !isSwitch(flag)).map(({ name }) => name)],
    unknown: (arg, key) => key === undefined || (problems.push(unknownFlag(arg, flags)), false),
  });
  const given = flags.map(({ key, name }) => [key, parsed[name]] as const)
    .filter(([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0));
  return {
    given: Object.fromEntries(given) as Lexed["given"],
    positionals: [...parsed._.map(String).filter((text) => text !== ""), ...args.slice(end + 1)],
    problems,
  };
}

/** `--prompt=` as `--prompt ""`: `@std/cli` takes the first for another flag. */
function splitEmpty(args: string[]): string[] {
  return args.flatMap((arg) => /^--[\w-]+=$/.test(arg) ? [arg.slice(0, -1), ""] : [arg]);
}

/** Flags that want a value and are followed by none; `@std/cli` would give them "". */
function withoutValue(words: string[], flags: readonly Flag[]): Difference[] {
  return words.flatMap((word, i) => {
    const flag = flags.find((flag) => !isSwitch(flag) && `--${flag.name}` === word);
    const next = words[i + 1];
    if (flag === undefined || next !== undefined && !next.startsWith("-")) return [];
    const wanted = next !== undefined && /^-[\d.]/.test(next) ? `${word}=${next}` : `${word} VALUE`;
    return [{ name: word, found: "no value", wanted }];
  });
}

function unknownFlag(arg: string, flags: readonly Flag[]): Difference {
  const name = arg.split("=", 1)[0]!;
  const known = flags.flatMap((flag) => isSwitch(flag) ? [flag.name, `no-${flag.name}`] : [flag.name]);
  const guess = closest(name.replace(/^-+/, ""), known);
  return { name, found: "an unknown flag", wanted: guess === undefined ? "a flag that --help lists" : `--${guess}` };
}

/** The arguments put on the options that are given by their place. */
function place(command: Command, positionals: string[]): { values: Typed["values"]; problems: Difference[] } {
  const places = argumentsOf(command);
  const last = places.at(-1);
  const rest = last !== undefined && isList(last) ? last : undefined;
  const single = rest === undefined ? places : places.slice(0, -1);
  const values: Typed["values"] = {};
  single.slice(0, positionals.length).forEach(({ key }, i) => values[key] = positionals[i]!);
  const left = positionals.slice(single.length);
  if (rest !== undefined && left.length > 0) values[rest.key] = left;
  const wanted = places.length === 0 ? "no argument" : `at most ${places.length}`;
  const problems = left.map((text) => ({ name: JSON.stringify(text), found: "an argument too many", wanted }));
  return { values, problems: rest === undefined ? problems : [] };
}

function badFlags(command: Command, differences: Difference[]): LatentError {
  return new LatentError("usage.flags", {
    what: `latent ${command.name} can't be called so`,
    differences,
    mend: `See latent ${command.name} --help.`,
  });
}
