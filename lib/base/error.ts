/** One line of a table of differences: a tensor, a key of a config, a file. */
export interface Difference {
  /** What is compared. */
  name: string;
  /** What was there. */
  found: string;
  /** What would have been right. */
  wanted: string;
}

/** What a {@linkcode LatentError} is made of. The text is made from these fields, never parsed back. */
export interface ErrorFields {
  /** One sentence that says what went wrong and in what. */
  what: string;
  /** What was there. */
  found?: string;
  /** What would have been right. */
  wanted?: string;
  /** What to do about it, as a sentence. */
  mend?: string;
  /** All problems of the kind at once. */
  differences?: Difference[];
  /** libtorch's operator, where one failed. */
  operator?: string;
  /** Shapes and dtypes of the tensors among its arguments. */
  operands?: string[];
  /** The error behind this one. */
  cause?: unknown;
}

/**
 * The one error of this library: a code for programs, fields for people.
 *
 * The part of the code before the dot is the kind (`usage`, `config`, `file`, `image`, `tensor`, `operator`, `setup`,
 * `checkpoint`, `training`, …); `usage` and `config` make the command line exit with 2, the others with 1.
 */
export class LatentError extends Error {
  /** Told apart from other errors by this, also across bundles. */
  override readonly name: string = "LatentError";

  /** An error of the class `code` (`kind.detail`), its message made of the fields. */
  constructor(readonly code: `${string}.${string}`, readonly fields: ErrorFields) {
    super(describe(fields), fields.cause === undefined ? undefined : { cause: fields.cause });
  }
}

/** The message: the sentence, then what was found and wanted, then how to mend it. */
function describe({ what, found, wanted, mend, differences = [], operands = [] }: ErrorFields): string {
  const width = Math.max(0, ...differences.map((d) => d.name.length));
  const foundWidth = Math.max(0, ...differences.map((d) => d.found.length));
  return [
    what,
    ...differences.map((d) => `  ${d.name.padEnd(width)}  found ${d.found.padEnd(foundWidth)}  wanted ${d.wanted}`),
    ...operands.map((o) => `  ${o}`),
    found === undefined ? "" : `  found   ${found}`,
    wanted === undefined ? "" : `  wanted  ${wanted}`,
    mend ?? "",
  ].filter((line) => line !== "").join("\n");
}

/** The candidate nearest to a mistyped name (Levenshtein distance at most a third of its length), if there is one. */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Levenshtein's distance in which a swapped pair of neighbours counts once. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? before[j - 2]! + 1 : Infinity;
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1), swapped);
    }
    [before, row] = [row, next];
  }
  return row[b.length]!;
}
