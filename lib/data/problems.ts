import { type Difference, LatentError } from "../base/mod.ts";

/** Of more problems than these the rest is only counted. */
const maxProblems = 20;

/** The error that lists what is wrong with a file, of very many problems the first. Its code is `data.metadata`. */
export function badEntries(
  path: string,
  problems: readonly Difference[],
  { entries, mend, count = problems.length }: { entries: string; mend: string; count?: number },
): LatentError {
  const first = problems.slice(0, maxProblems);
  const more = count > first.length ? `, of which the first ${first.length}:` : "";
  return new LatentError("data.metadata", {
    what: `${path}: ${count} of its ${entries} can't be used${more}`,
    differences: first,
    mend,
  });
}

/** Collects what is wrong with the entries of a file that may have millions. */
export class Problems {
  readonly #first: Difference[] = [];
  #count = 0;

  /** @param name which entry */
  add(name: string, found: string, wanted: string): void {
    if (this.#count++ < maxProblems) this.#first.push({ name, found, wanted });
  }

  /** Throws a LatentError `data.metadata` if there were any. @param entries what the file's entries are called */
  refuse(path: string, entries: string, mend: string): void {
    if (this.#count > 0) throw badEntries(path, this.#first, { entries, mend, count: this.#count });
  }
}

/** Whether a path, relative to a folder, may lead out of it, on any system. */
export function leavesFolder(path: string): boolean {
  return path.startsWith("/") || path.split(/[\\/]/).includes("..") || /^[a-z]:/i.test(path) || path.includes("\0");
}

/** An object's own property, whatever `__proto__` says. */
export function own(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.getOwnPropertyDescriptor(value, key)?.value;
}
