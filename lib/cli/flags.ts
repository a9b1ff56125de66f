import * as z from "zod";
import { describeSchema, type SchemaNode } from "../base/mod.ts";
import type { Command } from "./command.ts";

/** A flag, derived from one key of a command's schema. */
export interface Flag {
  /** The key: `batchSize`. */
  key: string;
  /** What is typed after `--`: `batch-size`. */
  name: string;
  /** What is typed after `-`, where there is a letter. */
  letter?: string;
  /** The key's place in the schema: type, bounds, default, description. */
  node: SchemaNode;
  required: boolean;
}

const globals = z.strictObject({
  help: z.boolean().default(false).describe("Print this help."),
  json: z.boolean().default(false).describe("Print JSON, for long work one event a line."),
  verbose: z.boolean().default(false).describe("Show where an error comes from."),
});

const config = z.strictObject({
  config: z.string().optional().describe("Read options from a YAML or JSON file.")
    .meta({ placeholder: "FILE", complete: "file" }),
});

const letters: Record<string, string> = { help: "h", verbose: "v" };

/** What every command takes. */
export const globalFlags: readonly Flag[] = keys(describeSchema(globals));

/** The flags of a command: the keys of its schema that are neither objects nor given by their place. */
export function flagsOf(command: Command): Flag[] {
  const own = keys(describeSchema(command.options));
  return [
    ...command.configurable ? keys(describeSchema(config)) : [],
    ...own.filter(({ key, node }) => !isNested(node) && !command.arguments?.includes(key)),
  ];
}

/** What only a config or KEY=VALUE reaches: the keys of the schema's objects, named by their path, `model.channels`. */
export function nestedKeysOf(command: Command): Flag[] {
  const leaves = (flag: Flag): Flag[] => isNested(flag.node) ? inside(flag) : [flag];
  const inside = ({ key, node }: Flag): Flag[] =>
    keys(node).flatMap((inner) => leaves({ ...inner, key: `${key}.${inner.key}` }));
  return keys(describeSchema(command.options)).filter(({ node }) => isNested(node)).flatMap(inside);
}

/** The options of a command that are given by their place. */
export function argumentsOf(command: Command): Flag[] {
  const own = keys(describeSchema(command.options));
  return (command.arguments ?? []).map((key) => own.find((flag) => flag.key === key)!);
}

function keys(root: SchemaNode): Flag[] {
  return Object.entries(root.properties ?? {}).map(([key, node]) => ({
    key,
    name: key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`).replaceAll("_", "-"),
    ...letters[key] === undefined ? {} : { letter: letters[key] },
    node: node as SchemaNode,
    required: root.required?.includes(key) ?? false,
  }));
}

/** Whether the flag stands alone, without a value. */
export function isSwitch({ node }: Flag): boolean {
  return node.type === "boolean";
}

/** Whether the flag may be repeated. */
export function isList({ node }: Flag): boolean {
  return node.type === "array";
}

/** The values that a flag can have, where they are few: those of an enum or of literals. */
export function choicesOf(node: SchemaNode): string[] {
  if (node.type === "array") return choicesOf(items(node));
  if (node.const !== undefined) return [String(node.const)];
  return node.enum?.map(String) ?? alternatives(node).flatMap(choicesOf);
}

/** What stands for the value in help: `FILE`, `cpu|cuda`, `N`. */
export function placeholderOf(node: SchemaNode): string {
  const own = node["placeholder"];
  if (typeof own === "string") return own;
  if (node.type === "array") return placeholderOf(items(node));
  const choices = choicesOf(node);
  const others = choices.length > 0 && alternatives(node).some(({ type }) => type === "number") ? ["N"] : [];
  if (choices.length > 0) return [...choices, ...others].join("|");
  if (node.type === "boolean") return "true|false";
  return node.type === "string" ? "TEXT" : "N";
}

/** Whether what is typed is meant as it is, not as a number, list or mapping. */
export function isText(node: SchemaNode): boolean {
  if (node.type === "array") return isText(items(node));
  const options = alternatives(node);
  if (options.length > 0) return options.every(isText);
  return node.type === "string" || typeof node.const === "string";
}

function isNested(node: SchemaNode): boolean {
  return node.type === "object" || alternatives(node).some(isNested);
}

function items(node: SchemaNode): SchemaNode {
  return typeof node.items === "object" && !Array.isArray(node.items) ? node.items : {};
}

function alternatives(node: SchemaNode): SchemaNode[] {
  return [...node.anyOf ?? [], ...node.oneOf ?? []].filter((option) => typeof option === "object");
}
