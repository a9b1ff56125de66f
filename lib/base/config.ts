import { parse, parseDocument, YAMLParseError } from "yaml";
import { LatentError } from "./error.ts";

const maxBytes = 1 << 20;
const maxAliases = 100;

/**
 * The mapping in a YAML or JSON file, unchecked; {@linkcode check} comes next. At most 1 MiB and 100 expanded aliases;
 * a key may stand once.
 *
 * @throws {LatentError} `config.unreadable`, `config.size`, `config.syntax` (with line and column) or `config.mapping`
 */
export async function readConfig(path: string): Promise<Record<string, unknown>> {
  const text = await readLimited(path);
  const value = parseYaml(path, text);
  if (isMapping(value)) return value;
  throw new LatentError("config.mapping", {
    what: `${path} isn't a config file`,
    found: value === null
      ? "nothing"
      : Array.isArray(value)
      ? "a list"
      : `the ${typeof value} ${JSON.stringify(value)}`,
    wanted: "a YAML or JSON mapping, such as\n    batchSize: 8",
    mend: "Give a config file, such as the config.yaml of a run folder.",
  });
}

/** JSON is read as YAML, which it is a part of: one parser, and a repeated key is an error in both. */
function parseYaml(path: string, text: string): unknown {
  try {
    const document = parseDocument(text, { uniqueKeys: true });
    if (document.errors[0]) throw document.errors[0];
    return document.toJS({ maxAliasCount: maxAliases });
  } catch (cause) {
    throw new LatentError("config.syntax", {
      what: `${path} is neither YAML nor JSON that can be read`,
      found: (cause as Error).message,
      mend: "Mend the file at that place.",
      cause,
    });
  }
}

async function readLimited(path: string): Promise<string> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  try {
    using file = await Deno.open(path);
    for await (const piece of file.readable) {
      pieces.push(piece);
      bytes += piece.length;
      if (bytes > maxBytes) break;
    }
  } catch (cause) {
    throw new LatentError("config.unreadable", {
      what: `${path} can't be read`,
      found: (cause as Error).message,
      wanted: "a YAML or JSON file",
      mend: "Check the path and its permissions.",
      cause,
    });
  }
  if (bytes > maxBytes) {
    throw new LatentError("config.size", {
      what: `${path} is too large for a config file`,
      found: `more than ${maxBytes} bytes`,
      wanted: `at most ${maxBytes} bytes`,
      mend: "Give a config file, such as the config.yaml of a run folder.",
    });
  }
  return await new Blob(pieces).text();
}

/** The value that a text on the command line stands for: a YAML scalar, list or mapping (`64`, `1e-4`, `[1, 2]`, `auto`). */
export function parseValue(text: string): unknown {
  try {
    return parse(text, { maxAliasCount: 0 });
  } catch (error) {
    // a text with a colon or a bracket, or with a star, which would be an alias
    if (error instanceof YAMLParseError || error instanceof ReferenceError) return text;
    throw error;
  }
}

/** Whether an argument looks like `key=value` or `model.ch=value`. */
export function isAssignment(text: string): boolean {
  return /^[A-Za-z_]\w*(\.\w+)*=/.test(text);
}

/**
 * A copy of the config with `path.to.key=value` set for each assignment; missing mappings on the way are made.
 *
 * @throws {LatentError} `config.override` where a path leads through something that isn't a mapping
 */
export function override(config: Record<string, unknown>, assignments: readonly string[]): Record<string, unknown> {
  const result = structuredClone(config);
  for (const assignment of assignments) {
    const [path = ""] = assignment.split("=", 1);
    const keys = path.split(".");
    const last = keys.pop()!;
    const parent = keys.reduce((at, key, i) => step(at, key, keys.slice(0, i + 1), assignment), result);
    setOwn(parent, last, parseValue(assignment.slice(path.length + 1)));
  }
  return result;
}

function step(at: Record<string, unknown>, key: string, path: string[], assignment: string): Record<string, unknown> {
  const next = Object.hasOwn(at, key) ? at[key] : undefined;
  if (next === undefined) return setOwn(at, key, {});
  if (isMapping(next)) return next;
  throw new LatentError("config.override", {
    what: `${assignment} can't be set`,
    found: `${path.join(".")} is ${JSON.stringify(next)}`,
    wanted: "a mapping there",
    mend: `Give the whole value: ${path.join(".")}=…`,
  });
}

/** Not by assignment: `__proto__` must become a key like any other, for {@linkcode check} to refuse. */
function setOwn<T>(target: Record<string, unknown>, key: string, value: T): T {
  Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
  return value;
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
