import { parseArgs as lex } from "node:util";

/** The options of `@std/cli`'s `parseArgs` that this project uses. */
export interface ParseOptions {
  /** Short names: `{ h: "help" }`. */
  alias?: Record<string, string>;
  /** Flags without a value; absent ones are `false` unless `default` names them. */
  boolean?: readonly string[];
  /** Flags that may be repeated: their values are a list, `[]` when absent. */
  collect?: readonly string[];
  /** What absent flags are. */
  default?: Record<string, unknown>;
  /** Flags that `--no-NAME` sets to `false`. */
  negatable?: readonly string[];
  /** Flags whose value is text; without one it is "". `_` among them keeps numbers among the arguments text. */
  string?: readonly string[];
  /** Called with what no option names; when it returns `false`, that is left out. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/** The flags by name, and in `_` what stood between them. */
export interface Args {
  [flag: string]: unknown;
  _: (string | number)[];
}

/**
 * The part of `@std/cli`'s `parseArgs` that this project uses, by the same rules: a value that starts with `-` is only
 * taken as `--flag=-1`, an empty one is no value, of a repeated flag the last counts, nothing after `--` is a flag.
 */
export function parseArgs(args: string[], options: ParseOptions = {}): Args {
  const { alias = {}, boolean = [], collect = [], default: defaults = {}, negatable = [], string = [] } = options;
  const { tokens } = lex({ args, strict: false, allowPositionals: true, tokens: true });
  const result: Args = { _: [] };
  const end = tokens.findIndex((token) => token.kind === "option-terminator");

  const set = (name: string, value: unknown, arg: string) => {
    const known = boolean.includes(name) || string.includes(name);
    if (!known && options.unknown?.(arg, name, value) === false) return;
    result[name] = collect.includes(name) ? [...(result[name] as unknown[] | undefined ?? []), value] : value;
  };

  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!;
    if (token.kind === "positional") {
      const kept = end >= 0 && i > end || options.unknown?.(token.value) !== false;
      if (kept) result._.push(string.includes("_") || !isNumber(token.value) ? token.value : Number(token.value));
      continue;
    }
    if (token.kind === "option-terminator") continue;

    const name = alias[token.name] ?? token.name;
    const arg = args[token.index]!;
    const next = tokens[i + 1];
    const word = next?.kind === "positional" ? next.value : "";
    if (name.startsWith("no-") && negatable.includes(name.slice(3))) set(name.slice(3), false, arg);
    else if (token.value !== undefined) set(name, boolean.includes(name) ? token.value !== "false" : token.value, arg);
    else if (boolean.includes(name) ? /^(true|false)$/.test(word) : /^[^-]/.test(word)) {
      set(name, boolean.includes(name) ? word === "true" : word, arg);
      i++;
    } else set(name, string.includes(name) ? "" : true, arg);
  }

  const absent = { ...Object.fromEntries(boolean.map((name) => [name, false])), ...defaults };
  return { ...absent, ...Object.fromEntries(collect.map((name) => [name, []])), ...result };
}

function isNumber(text: string): boolean {
  return /^0x[0-9a-f]+$/i.test(text) || /^[-+]?(?:\d+(?:\.\d*)?|\.\d+)(e[-+]?\d+)?$/.test(text);
}
