import { LatentError } from "../base/mod.ts";
import { byteLength, isSafeDtype, SAFE_DTYPES, type SafeDtype } from "./dtype.ts";
import { quote, Scanner } from "./scanner.ts";

/** Largest header in bytes, the reference library's limit. */
export const MAX_HEADER_BYTES = 100_000_000;

/** Bytes before the header: its length, as an unsigned 64-bit little-endian integer. */
export const LENGTH_BYTES = 8;

const MAX_RANK = 64; // what libtorch's operators and numpy go to
const METADATA = "__metadata__";

/** A tensor in a safetensors file. */
export interface TensorEntry {
  /** Its name. */
  name: string;
  /** Type of its elements. */
  dtype: SafeDtype;
  /** Its sizes, empty for a scalar. */
  shape: number[];
  /** Its first byte, counted from the start of the file. */
  offset: number;
  /** Its length. */
  bytes: number;
}

/** What a header says. */
export interface Header {
  /** The tensors in the order of their data. */
  entries: TensorEntry[];
  /** The texts beside them. */
  metadata: Map<string, string>;
}

/** A tensor to be written: what of it a header holds. */
export interface TensorLayout {
  /** Type of its elements. */
  dtype: SafeDtype;
  /** Its sizes, empty for a scalar. */
  shape: readonly number[];
}

/**
 * Length of the header in bytes, from the first {@linkcode LENGTH_BYTES} bytes of a file of `fileBytes`.
 *
 * @throws LatentError `file.header` beyond {@linkcode MAX_HEADER_BYTES}, `file.truncated` beyond the file's end
 */
export function headerLength(prefix: Uint8Array, fileBytes: number, path: string): number {
  if (prefix.length < LENGTH_BYTES) throw truncated(path, prefix.length, LENGTH_BYTES);
  const length = new DataView(prefix.buffer, prefix.byteOffset, LENGTH_BYTES).getBigUint64(0, true);
  if (length > MAX_HEADER_BYTES) {
    throw malformed(path, `a header length of ${length} bytes`, `at most ${MAX_HEADER_BYTES}`);
  }
  if (LENGTH_BYTES + Number(length) > fileBytes) throw truncated(path, fileBytes, LENGTH_BYTES + Number(length));
  return Number(length);
}

/**
 * Reads a header with the reference library's checks, and two that it leaves out: names given twice are refused, and so
 * are fields that the format doesn't know. The tensors must cover the data without overlap, hole or rest.
 *
 * @param json the bytes of the header, without the length before it
 * @param fileBytes the size of the whole file
 * @param path the file's, for messages
 * @throws LatentError `file.header`, or `file.truncated` where data are missing at the end
 */
export function parseHeader(json: Uint8Array, fileBytes: number, path: string): Header {
  const text = decode(json, path);
  if (text[0] !== "{") throw malformed(path, `a header that starts with ${quote(text.slice(0, 10))}`, "'{'");
  const scanner = new Scanner(text, `the header of ${path}`);
  const metadata = new Map<string, string>();
  const entries: TensorEntry[] = [];
  const start = LENGTH_BYTES + json.length;
  scanner.object((name) => {
    if (name === METADATA) scanner.object((key) => void metadata.set(key, scanner.string()));
    else entries.push(entry(name, start, scanner, path));
  });
  scanner.end();
  entries.sort((a, b) => a.offset - b.offset || a.bytes - b.bytes);
  checkCover(entries, start, fileBytes, path);
  return { entries, metadata };
}

/**
 * Makes the header for tensors, padded with spaces so that the data start at a multiple of 8 bytes. They are laid out as
 * the reference library does, by dtype (larger elements first), then by name: for equal tensors the files are equal.
 *
 * @returns the first bytes of the file, up to its data, and what the header in them says
 * @throws LatentError `file.header` for names, dtypes or shapes that the format cannot hold
 */
export function formatHeader(
  tensors: ReadonlyMap<string, TensorLayout>,
  metadata: ReadonlyMap<string, string>,
  path: string,
): { head: Uint8Array; header: Header } {
  const parts = metadata.size === 0 ? [] : [`"${METADATA}":${JSON.stringify(Object.fromEntries(metadata))}`];
  let begin = 0;
  for (const [name, { dtype, shape }] of [...tensors].sort(inFileOrder)) {
    const end = begin + Number(byteLength(dtype, shape)); // NaN for a wrong shape, which the check below names
    parts.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, end] })}`);
    begin = end;
  }
  const text = new TextEncoder().encode(`{${parts.join(",")}}`);
  const length = Math.ceil(text.length / 8) * 8;
  const head = new Uint8Array(LENGTH_BYTES + length).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(length), true);
  head.set(text, LENGTH_BYTES);
  headerLength(head, head.length, path);
  // Read back, so that what would be refused is never written.
  return { head, header: parseHeader(head.subarray(LENGTH_BYTES), head.length + begin, path) };
}

function inFileOrder([a, left]: [string, TensorLayout], [b, right]: [string, TensorLayout]): number {
  return SAFE_DTYPES.indexOf(right.dtype) - SAFE_DTYPES.indexOf(left.dtype) || (a < b ? -1 : 1);
}

function decode(json: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(json);
  } catch (cause) {
    if (cause instanceof TypeError) throw malformed(path, "a header that is not UTF-8", "UTF-8");
    throw cause;
  }
}

function entry(name: string, start: number, scanner: Scanner, path: string): TensorEntry {
  let dtype = "", shape: number[] | undefined, offsets: number[] | undefined;
  scanner.object((key) => {
    if (key === "dtype") dtype = scanner.string();
    else if (key === "shape") shape = scanner.integers(MAX_RANK);
    else if (key === "data_offsets") offsets = scanner.integers(2);
    else scanner.fail(`the field ${quote(key)}`, "dtype, shape and data_offsets");
  });
  const what = `${path}: tensor ${quote(name)}`;
  if (!isSafeDtype(dtype)) throw malformed(what, dtype ? `the dtype ${quote(dtype)}` : "no dtype", list(SAFE_DTYPES));
  if (shape === undefined) throw malformed(what, "no shape", "a list of sizes");
  if (offsets?.length !== 2) throw malformed(what, `data_offsets ${list(offsets ?? [])}`, "[begin, end]");
  const [begin, end] = offsets as [number, number];
  checkLength(dtype, shape, end - begin, what);
  return { name, dtype, shape, offset: start + begin, bytes: end - begin };
}

function checkLength(dtype: SafeDtype, shape: number[], bytes: number, what: string): void {
  const length = byteLength(dtype, shape);
  const described = `${dtype} of shape ${list(shape)}`;
  if (length === "overflow") throw malformed(what, described, "a size below 2^53 bits");
  if (length === "misaligned") throw malformed(what, described, "elements that fill whole bytes");
  if (bytes !== length) throw malformed(what, `data_offsets ${bytes} bytes apart`, `${length} bytes: ${described}`);
}

/** The entries, in order, follow each other from the header to the end: no byte is hidden and none is used twice. */
function checkCover(entries: TensorEntry[], start: number, fileBytes: number, path: string): void {
  let covered = start;
  for (const { name, offset, bytes } of entries) {
    if (offset !== covered) {
      const kind = offset < covered ? "an overlap with the tensor before" : "a hole before it";
      const found = `${kind}: it begins at ${offset - start}`;
      throw malformed(`${path}: tensor ${quote(name)}`, found, `${covered - start}`);
    }
    covered += bytes;
  }
  if (covered > fileBytes) throw truncated(path, fileBytes, covered);
  if (covered < fileBytes) throw malformed(path, `${fileBytes} bytes`, `${covered}, where its last tensor ends`);
}

function list(values: readonly unknown[]): string {
  return `[${values.join(", ")}]`;
}

function malformed(what: string, found: string, wanted: string): LatentError {
  return new LatentError("file.header", {
    what: `${what} is not valid safetensors`,
    found,
    wanted,
    mend: "the file is damaged or was not made by a safetensors writer: get it again, or convert the original again",
  });
}

function truncated(path: string, found: number, wanted: number): LatentError {
  return new LatentError("file.truncated", {
    what: `${path} is cut short`,
    found: `${found} bytes`,
    wanted: `${wanted} bytes`,
    mend: "copy or download it again",
  });
}
