import * as z from "zod";
import { type Difference, LatentError, nearest } from "./error.ts";

/** A place in a schema, as JSON Schema: its type, bounds, choices, default, description and what `.meta()` added. */
export type SchemaNode = z.core.JSONSchema.BaseSchema;

/** A zod schema whose values are T. */
export interface Schema<out T> {
  /** The value as T; zod throws an error of its own, {@linkcode check} a readable one. */
  parse(value: unknown): T;
}

/** What {@linkcode check} calls things when it complains. */
export interface CheckOptions {
  /** The code of the error; `config.invalid` and `usage.invalid` make the command line exit with 2. */
  code: `${string}.${string}`;
  /** What holds the values: `config.yaml`, `latent sample`. */
  subject: string;
  /** The name of a value to people; its path with dots unless given. */
  label?: (path: string) => string;
  /** Where to look further, as a sentence. */
  mend?: string;
}

/** The schema as JSON Schema, from the side of who writes the values (before transforms and defaults). */
export function describeSchema(schema: Schema<unknown>): SchemaNode {
  return z.toJSONSchema(schema as z.ZodType, { io: "input", unrepresentable: "any" });
}

/**
 * The value with its defaults filled in, as the schema's type. Objects of a schema are `z.strictObject`, so that an
 * unknown key is a problem.
 *
 * @throws {LatentError} with all problems at once: for each the path, what was found and what was wanted; an unknown
 * key names the nearest known one
 */
export function check<T>(schema: Schema<T>, value: unknown, options: CheckOptions): T {
  const parsed = (schema as z.ZodType<T>).safeParse(value);
  if (parsed.success) return parsed.data;
  const { code, subject, label = (path) => path, mend } = options;
  const root = describeSchema(schema);
  const problems = parsed.error.issues.flatMap((issue) => differences(issue, value, root));
  const named = problems.map((problem) => ({ ...problem, name: label(problem.name) }));
  throw new LatentError(code, {
    what: `${subject} has ${problems.length === 1 ? "a problem" : `${problems.length} problems`}`,
    differences: named,
    mend: mend ?? "Change each value to what is wanted.",
  });
}

/** A zod issue as lines of our table. */
function differences(issue: z.core.$ZodIssue, value: unknown, root: SchemaNode): Difference[] {
  const node = nodeAt(root, issue.path);
  if (issue.code === "unrecognized_keys") {
    const known = keysOf(node);
    return issue.keys.map((key) => {
      const guess = nearest(key, known);
      const wanted = guess === undefined ? `one of: ${known.join(", ")}` : dotted([...issue.path, guess]);
      return { name: dotted([...issue.path, key]), found: "an unknown key", wanted };
    });
  }
  const branch = issue.code === "invalid_union" ? nearestBranch(issue, value, root) : undefined;
  if (branch !== undefined) return branch;
  const found = show(
    issue.path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], value),
  );
  const structural = ["invalid_type", "invalid_value", "invalid_union", "too_small", "too_big"].includes(issue.code);
  return [{ name: dotted(issue.path), found, wanted: structural && node ? describeNode(node) : issue.message }];
}

/** Of the mappings that a value may be, the problems with the one that it is nearest to; undefined for other unions. */
function nearestBranch(
  { errors, path }: z.core.$ZodIssueInvalidUnion,
  value: unknown,
  root: SchemaNode,
): Difference[] | undefined {
  const inside = errors.filter((issues) => issues.every((i) => i.path.length > 0 || i.code === "unrecognized_keys"));
  const branches = inside.map((issues) =>
    issues.flatMap((issue) => differences({ ...issue, path: [...path, ...issue.path] }, value, root))
  );
  return branches.sort((a, b) => a.length - b.length)[0];
}

function nodeAt(root: SchemaNode, path: PropertyKey[]): SchemaNode | undefined {
  return path.reduce<SchemaNode | undefined>((node, key) => child(node, key), root);
}

function child(node: SchemaNode | undefined, key: PropertyKey): SchemaNode | undefined {
  if (node === undefined) return undefined;
  const here = typeof key === "number" ? node.items : node.properties?.[String(key)] ?? node.additionalProperties;
  if (isNode(here)) return here;
  const options = alternatives(node).map((option) => child(option, key)).filter((option) => option !== undefined);
  return options.length > 1 ? { anyOf: options } : options[0];
}

function alternatives(node: SchemaNode): SchemaNode[] {
  return [...(node.anyOf ?? []), ...(node.oneOf ?? [])].filter(isNode);
}

/** JSON Schema has `true` and `false`, and lists of schemas for tuples, where we have one schema. */
function isNode(value: unknown): value is SchemaNode {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function keysOf(node: SchemaNode | undefined): string[] {
  if (node === undefined) return [];
  return [...new Set([...Object.keys(node.properties ?? {}), ...alternatives(node).flatMap(keysOf)])];
}

function dotted(path: PropertyKey[]): string {
  return path.length === 0 ? "(all)" : path.map(String).join(".");
}

/** A value as a person would write it, short. */
function show(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = typeof value === "number" ? String(value) : JSON.stringify(value) ?? String(value);
  return text.length > 60 ? text.slice(0, 57) + "..." : text;
}

/** What a place in a schema takes, in words: `an integer from 1 to 8`. */
export function describeNode(node: SchemaNode): string {
  if (node.enum !== undefined) return `one of ${node.enum.join(", ")}`;
  if (node.const !== undefined) return JSON.stringify(node.const);
  const options = alternatives(node);
  if (options.length > 0) return [...new Set(options.map(describeNode))].join(" or ");
  switch (node.type) {
    case "integer":
      return "an integer" + bounds(node);
    case "number":
      return "a number" + bounds(node);
    case "boolean":
      return "true or false";
    case "string":
      return node.minLength === undefined ? "a text" : "a text that isn't empty";
    case "array":
      return `a list${amount(node)}, each ${describeNode(isNode(node.items) ? node.items : {})}`;
    case "object":
      return "a mapping of keys to values";
    case "null":
      return "null";
    default:
      return "a value";
  }
}

/** zod gives every integer the bounds of safe integers; those say nothing. */
function bounds({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: SchemaNode): string {
  const low = minimum === undefined || minimum <= -Number.MAX_SAFE_INTEGER ? undefined : minimum;
  const high = maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER ? undefined : maximum;
  if (low !== undefined && high !== undefined) return ` from ${low} to ${high}`;
  const parts = [
    low === undefined ? "" : `of at least ${low}`,
    exclusiveMinimum === undefined ? "" : `above ${exclusiveMinimum}`,
    high === undefined ? "" : `of at most ${high}`,
    exclusiveMaximum === undefined ? "" : `below ${exclusiveMaximum}`,
  ].filter((part) => part !== "");
  return parts.length === 0 ? "" : ` ${parts.join(" and ")}`;
}

function amount({ minItems, maxItems }: SchemaNode): string {
  if (minItems === undefined) return "";
  return minItems === maxItems ? ` of ${minItems}` : ` of at least ${minItems}`;
}
