import { LatentError } from "../base/mod.ts";

const chunkBytes = 2 ** 20;
/** A longer element of an array is refused: elements are parsed one at a time. */
const maxElementBytes = 64 * 2 ** 20;

const [quote, backslash, comma, open, close, openList, closeList] = new TextEncoder().encode('"\\,{}[]') as Iterable<
  number
> as [number, number, number, number, number, number, number];

/**
 * The elements of the arrays in a JSON file that is one object of arrays, such as COCO's of 450 MB: read piece by
 * piece, so that no more than one element is ever in memory. What stands under other keys is passed over unread.
 *
 * Throws LatentErrors `data.metadata`: the file ends too early, is no object, an element is no JSON or over 64 MB.
 *
 * @param keys which arrays
 */
export async function* jsonElements<K extends string>(
  path: string,
  keys: readonly K[],
): AsyncGenerator<[key: K, value: unknown], void, undefined> {
  using file = await Deno.open(path);
  const scanner = new Scanner(path);
  const chunk = new Uint8Array(chunkBytes);
  for (let count = await file.read(chunk); count !== null; count = await file.read(chunk)) {
    for (const [key, text] of scanner.feed(chunk.subarray(0, count))) {
      const wanted = keys.find((one) => one === key);
      if (wanted !== undefined) yield [wanted, parsed(path, key, text)];
    }
  }
  scanner.end();
}

/** Finds where elements begin and end; what is between is for JSON.parse. */
class Scanner {
  #bytes = new Uint8Array(0);
  #depth = 0;
  #inText = false;
  #escaped = false;
  #textFrom = 0;
  /** The array that it is in, and where the present element of it began. */
  #array: { key: string; from: number } | undefined;
  #key = "";
  #begun = false;

  constructor(private readonly path: string) {}

  *feed(chunk: Uint8Array): Generator<[key: string, text: string]> {
    const keepFrom = this.#array?.from ?? (this.#inText ? this.#textFrom : this.#bytes.length);
    const at = this.#bytes.length - keepFrom;
    if (at > maxElementBytes) throw bad(this.path, `an element of more than ${maxElementBytes} bytes`);
    const bytes = new Uint8Array(at + chunk.length);
    bytes.set(this.#bytes.subarray(keepFrom));
    bytes.set(chunk, at);
    this.#bytes = bytes;
    this.#textFrom -= keepFrom;
    if (this.#array !== undefined) this.#array.from = 0;
    yield* this.#scan(at);
  }

  *#scan(start: number): Generator<[key: string, text: string]> {
    const bytes = this.#bytes;
    for (let i = start; i < bytes.length; i++) {
      const byte = bytes[i]!;
      if (this.#inText) {
        if (this.#escaped) this.#escaped = false;
        else if (byte === backslash) this.#escaped = true;
        else if (byte === quote) this.#closeText(i);
      } else if (byte === quote) {
        this.#inText = true;
        this.#textFrom = i + 1;
      } else if (byte === open || byte === openList) this.#enter(byte, i);
      else if (byte === close || byte === closeList) {
        if (this.#depth === 2) yield* this.#element(i);
        this.#leave();
      } else if (byte === comma && this.#depth === 2) yield* this.#element(i);
    }
  }

  /** A text of the outermost object may be the key of what comes next. */
  #closeText(at: number): void {
    this.#inText = false;
    if (this.#depth === 1) this.#key = new TextDecoder().decode(this.#bytes.subarray(this.#textFrom, at));
  }

  #enter(byte: number, at: number): void {
    if (this.#depth === 0 && (byte !== open || this.#begun)) throw bad(this.path, "something other than one object");
    this.#begun = true;
    this.#depth++;
    if (this.#depth === 2 && byte === openList) this.#array = { key: this.#key, from: at + 1 };
  }

  #leave(): void {
    this.#depth--;
    if (this.#depth === 1) this.#array = undefined;
    if (this.#depth < 0) throw bad(this.path, "a bracket too many");
  }

  *#element(end: number): Generator<[key: string, text: string]> {
    if (this.#array === undefined) return;
    const text = new TextDecoder().decode(this.#bytes.subarray(this.#array.from, end));
    this.#array.from = end + 1;
    if (text.trim() !== "") yield [this.#array.key, text];
  }

  end(): void {
    if (!this.#begun) throw bad(this.path, "no object");
    if (this.#depth > 0) throw bad(this.path, "the end of the file in the middle");
  }
}

function parsed(path: string, key: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw bad(path, `no JSON in ${key}: ${JSON.stringify(text.trim().slice(0, 60))}`, cause);
  }
}

function bad(path: string, found: string, cause?: unknown): LatentError {
  return new LatentError("data.metadata", {
    what: `${path} can't be read`,
    found,
    wanted: "a whole JSON object with arrays of objects",
    mend: "Fetch the file again.",
    ...(cause === undefined ? {} : { cause }),
  });
}
