import { LatentError } from "../lib/base/mod.ts";
import { frameCells, Kind } from "./symbols.ts";
import { Handle, raw } from "./handle.ts";

/** What an operator takes: `null` is "none", `undefined` the schema's default. */
export type Argument =
  | Handle
  | number
  | bigint
  | boolean
  | string
  | null
  | undefined
  | readonly number[]
  | readonly boolean[]
  | readonly (Handle | null)[];

/** What a native function gives: handles as numbers (0 is none), wrapped by the caller. */
export type Result = { tensor: number } | { tensors: number[] } | { generator: number } | Plain;

/** A result that is no handle. */
export type Plain = number | bigint | boolean | string | null | number[];

/** The argument buffer of this isolate: items of 8-byte cells, see native/latent.h. */
export class Frame {
  readonly cells: Float64Array;
  readonly #headers: Int32Array;
  readonly #longs: BigInt64Array;
  readonly #bytes: Uint8Array;
  #at = 0;
  /** Items written since {@linkcode begin}. */
  items = 0;

  constructor(readonly index: number, memory: ArrayBuffer) {
    this.cells = new Float64Array(memory);
    this.#headers = new Int32Array(memory);
    this.#longs = new BigInt64Array(memory);
    this.#bytes = new Uint8Array(memory);
  }

  /** Starts a new list of items. */
  begin(): this {
    this.#at = 0;
    this.items = 0;
    return this;
  }

  /** Writes one argument. */
  put(argument: Argument): this {
    if (argument instanceof Handle) return this.#handle(argument);
    switch (typeof argument) {
      case "number":
        return this.#cell(Kind.number, argument);
      case "undefined":
        return this.#header(Kind.default, 0, 0);
      case "boolean":
        return this.#header(Kind.boolean, argument ? 1 : 0, 0);
      case "string":
        return this.#text(argument);
      case "bigint":
        return this.#long(argument);
      default:
        return argument === null ? this.#header(Kind.none, 0, 0) : this.#list(argument);
    }
  }

  /** Writes a list of handles, also an empty one. */
  putTensors(handles: readonly (Handle | null)[]): this {
    this.#header(Kind.tensors, handles.length, handles.length);
    let at = this.#at - handles.length;
    for (const handle of handles) this.cells[at++] = handle === null ? 0 : aliveValue(handle);
    return this;
  }

  /** Writes a list of numbers, also an empty one. */
  putNumbers(values: readonly (number | boolean)[]): this {
    this.#header(Kind.numbers, values.length, values.length);
    let at = this.#at - values.length;
    for (const value of values) this.cells[at++] = Number(value);
    return this;
  }

  /** Reads the next result; call {@linkcode begin} before the first. */
  take(): Result {
    const kind = this.#headers[2 * this.#at]!;
    const count = this.#headers[2 * this.#at + 1]!;
    const start = this.#at + 1;
    this.#at = start +
      (kind === Kind.string ? (count + 7) >> 3 : kind === Kind.none || kind === Kind.boolean ? 0 : count);
    switch (kind) {
      case Kind.tensor:
        return { tensor: this.cells[start]! };
      case Kind.tensors:
        return { tensors: Array.from(this.cells.subarray(start, start + count)) };
      case Kind.generator:
        return { generator: this.cells[start]! };
      case Kind.number:
        return this.cells[start]!;
      case Kind.numbers:
        return Array.from(this.cells.subarray(start, start + count));
      case Kind.boolean:
        return count !== 0;
      case Kind.string:
        return decoder.decode(this.#bytes.subarray(8 * start, 8 * start + count));
      case Kind.int64:
        return this.#longs[start]!;
      default:
        return null;
    }
  }

  /** The handle of a call with one tensor as its result, or 0: the fast path of {@linkcode take}. */
  takeTensor(): number {
    return this.#headers[0] === Kind.tensor ? this.cells[1]! : 0;
  }

  #header(kind: number, count: number, cells: number): this {
    if (!(this.#at + 1 + cells <= frameCells)) {
      throw new LatentError("operator.argument", {
        what: "The arguments of one native call do not fit its frame",
        found: `${this.#at + 1 + cells} cells`,
        wanted: `at most ${frameCells}: one a number or tensor, one for 8 bytes of text`,
      });
    }
    this.#headers[2 * this.#at] = kind;
    this.#headers[2 * this.#at + 1] = count;
    this.#at += 1 + cells;
    this.items++;
    return this;
  }

  #cell(kind: number, value: number): this {
    this.#header(kind, 1, 1);
    this.cells[this.#at - 1] = value;
    return this;
  }

  #long(value: bigint): this {
    if (value < -(2n ** 63n) || value >= 2n ** 64n) {
      throw new LatentError("operator.argument", {
        what: "An integer does not fit 64 bits",
        found: String(value),
        wanted: "from -2^63 to 2^64 - 1",
      });
    }
    this.#header(Kind.int64, 1, 1);
    this.#longs[this.#at - 1] = value;
    return this;
  }

  #handle(handle: Handle): this {
    return this.#cell(handle.kind === "tensor" ? Kind.tensor : Kind.generator, aliveValue(handle));
  }

  #list(list: readonly number[] | readonly boolean[] | readonly (Handle | null)[]): this {
    const first = list[0];
    return first === null || first instanceof Handle
      ? this.putTensors(list as readonly (Handle | null)[])
      : this.putNumbers(list as readonly (number | boolean)[]);
  }

  #text(text: string): this {
    const bytes = encoder.encode(text);
    const cells = (bytes.length + 7) >> 3;
    this.#header(Kind.string, bytes.length, cells);
    this.#bytes.set(bytes, 8 * (this.#at - cells));
    return this;
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

// A freed handle goes over as the value that no table knows, so that the native side refuses it by name.
function aliveValue(handle: Handle): number {
  return handle[raw] === 0 ? -1 : handle[raw];
}
