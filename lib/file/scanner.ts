import { LatentError } from "../base/mod.ts";

const SPACE = /[ \t\n\r]*/y;
const INTEGER = /(?:0|[1-9][0-9]*)(?![0-9.eE])/y;

/**
 * A strict scanner for the JSON of untrusted headers: objects, strings and non-negative integers. What `JSON.parse` lets
 * pass is refused: a key given twice, integers beyond 2^53 (it rounds them), fractions, strings that are no Unicode.
 * Its caller says what is expected where, so that nesting and sizes are the caller's.
 */
export class Scanner {
  private at = 0;

  /** @param source what is being read, for messages */
  constructor(private readonly text: string, private readonly source: string) {}

  /** An object: `member` reads the value of each key. */
  object(member: (key: string) => void): void {
    const keys = new Set<string>();
    this.expect("{");
    if (this.accept("}")) return;
    do {
      const start = this.at;
      const key = this.string();
      if (keys.has(key)) this.fail(`the name ${quote(key)} twice`, "each name once", start);
      keys.add(key);
      this.expect(":");
      member(key);
    } while (this.accept(","));
    this.expect("}");
  }

  /** An array of at most `limit` integers from 0 to 2^53 − 1. */
  integers(limit: number): number[] {
    const list: number[] = [];
    this.expect("[");
    if (this.accept("]")) return list;
    do {
      if (list.length === limit) this.fail("more", `at most ${limit} integers`);
      list.push(this.integer());
    } while (this.accept(","));
    this.expect("]");
    return list;
  }

  /** A string, its escapes replaced. */
  string(): string {
    this.expect('"');
    const start = this.at - 1;
    let end = this.at;
    while (end < this.text.length && this.text[end] !== '"') end += this.text[end] === "\\" ? 2 : 1;
    this.at = end + 1;
    const value = this.decoded(this.text.slice(start, this.at));
    return value ?? this.fail("a string that is not valid", "a JSON string of Unicode characters", start);
  }

  /** The end of the text, after which only white space may stand. */
  end(): void {
    this.skip();
    if (this.at < this.text.length) this.fail(this.next(), "the end");
  }

  /** Refuses what stands here, or at `at`. */
  fail(found: string, wanted: string, at: number = this.at): never {
    throw new LatentError("file.header", {
      what: `${this.source} is not valid`,
      found: `${found} at character ${at}`,
      wanted,
      mend: "the file is damaged or was not made by a safetensors writer: get it again, or convert the original again",
    });
  }

  private integer(): number {
    this.skip();
    INTEGER.lastIndex = this.at;
    const digits = INTEGER.exec(this.text)?.[0];
    const value = Number(digits);
    if (digits === undefined || !Number.isSafeInteger(value)) this.fail(this.next(), "an integer from 0 to 2^53 - 1");
    this.at += digits.length;
    return value;
  }

  private decoded(literal: string): string | undefined {
    try {
      const value: string = JSON.parse(literal);
      return value.isWellFormed() ? value : undefined;
    } catch {
      return undefined;
    }
  }

  private expect(character: string): void {
    if (!this.accept(character)) this.fail(this.next(), `'${character}'`);
  }

  private accept(character: string): boolean {
    this.skip();
    if (this.text[this.at] !== character) return false;
    this.at++;
    return true;
  }

  private skip(): void {
    SPACE.lastIndex = this.at;
    SPACE.test(this.text);
    this.at = SPACE.lastIndex;
  }

  private next(): string {
    return this.at < this.text.length ? quote(this.text.slice(this.at, this.at + 20)) : "the end";
  }
}

/** A name as it may stand in a message: no control characters, no more than fits in a line. */
export function quote(name: string): string {
  return JSON.stringify(name.length > 60 ? `${name.slice(0, 60)}…` : name);
}
