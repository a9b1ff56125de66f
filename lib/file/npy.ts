import { LatentError } from "../base/mod.ts";
import { type DType, elementBytes } from "../tensor/mod.ts";

/** An array as its header describes it. */
export interface NpyLayout {
  /** The type of its elements. */
  dtype: DType;
  /** The size of each dimension. */
  shape: readonly number[];
  /** Whether elements along the first dimension follow each other, not those along the last. */
  fortran: boolean;
}

const DTYPES: Record<string, DType> = {
  "|b1": "bool",
  "|u1": "uint8",
  "|i1": "int8",
  "<i2": "int16",
  "<i4": "int32",
  "<i8": "int64",
  "<f2": "float16",
  "<f4": "float32",
  "<f8": "float64",
};

const headerLimit = 1 << 16; // bytes

/**
 * Reads the header of an `.npy` (NumPy's format, versions 1 to 3) and leaves the elements to be read.
 *
 * @param size bytes of all of it
 * @param what names it in errors
 * @throws LatentError `file.npy` for what is none, for Python objects and other types, and for a size that is not the shape's
 */
export async function readNpyHeader(pieces: Pieces, size: number, what: string): Promise<NpyLayout> {
  const head = size < 12 ? new Uint8Array(12) : await pieces.take(12); // the least that there is: two bytes of text
  const version = head[0] === 0x93 && latin1(head.subarray(1, 6)) === "NUMPY" ? head[6]! : 0;
  if (version < 1 || version > 3) throw badNpy(what, "another beginning", "NumPy's format 1 to 3");
  const view = new DataView(head.buffer);
  const [start, length] = version === 1 ? [10, view.getUint16(8, true)] : [12, view.getUint32(8, true)];
  const end = start + length;
  if (length < 2 || length > headerLimit || end > size) {
    throw badNpy(what, `a header of ${length} bytes`, "a whole one");
  }
  const layout = parse(latin1(head.subarray(start)) + latin1(await pieces.take(end - head.length)), what);
  const wanted = npyBytes(layout);
  if (end + wanted !== size) {
    const shape = `${layout.dtype} [${layout.shape.join(", ")}]`;
    throw badNpy(what, `${size - end} bytes of elements`, `${wanted} for ${shape}`);
  }
  return layout;
}

/** Bytes of an array's elements. */
export function npyBytes({ dtype, shape }: Pick<NpyLayout, "dtype" | "shape">): number {
  return shape.reduce((product, size) => product * size, elementBytes(dtype));
}

/** The error for an array that can't be read. */
export function badNpy(what: string, found: string, wanted: string, mend?: string): LatentError {
  const fields = { what: `${what} can't be read.`, found, wanted };
  return new LatentError("file.npy", mend === undefined ? fields : { ...fields, mend });
}

/** The text of a Python dict with three entries. */
function parse(text: string, what: string): NpyLayout {
  const [, descr = ""] = /'descr'\s*:\s*'([^']*)'/.exec(text) ?? [];
  const [, fortran] = /'fortran_order'\s*:\s*(True|False)/.exec(text) ?? [];
  const [, shape] = /'shape'\s*:\s*\(([\d\s,]*)\)/.exec(text) ?? [];
  const dtype = Object.hasOwn(DTYPES, descr) ? DTYPES[descr] : undefined;
  if (dtype === undefined || fortran === undefined || shape === undefined) {
    throw badNpy(what, text.trim(), `an array of ${Object.keys(DTYPES).join(", ")}`);
  }
  const sizes = shape.split(",").map((size) => size.trim()).filter((size) => size !== "").map(Number);
  return { dtype, shape: sizes, fortran: fortran === "True" };
}

function latin1(bytes: Uint8Array): string {
  return new TextDecoder("latin1").decode(bytes);
}

/** So many bytes at a time out of pieces of any size. */
export class Pieces {
  #rest = new Uint8Array();

  /** @param pieces which throw where there are fewer bytes than are asked for */
  constructor(private readonly pieces: AsyncGenerator<Uint8Array<ArrayBuffer>>) {}

  /** The next bytes. */
  async take(length: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length;) {
      if (this.#rest.length === 0) this.#rest = (await this.pieces.next()).value ?? new Uint8Array();
      const part = this.#rest.subarray(0, length - at);
      bytes.set(part, at);
      at += part.length;
      this.#rest = this.#rest.subarray(part.length);
    }
    return bytes;
  }

  /** Reads to the end, where the pieces' own checks are. */
  async end(): Promise<void> {
    for await (const _ of this.pieces);
  }

  /** Ends it before. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.pieces.return(undefined);
  }
}
