import { gunzipSync } from "node:zlib";
import { LatentError } from "../base/mod.ts";

/** Headers are a block, contents fill blocks. */
export const blockBytes = 512;

/** What a header says of the entry behind it. */
export interface TarHeader {
  path: string;
  /** Bytes of its content; NaN where the header has no number. */
  size: number;
  /** `0` or nothing for a file; others for links, folders and extensions. */
  type: string;
}

/** Reads a header: POSIX ustar, or GNU's with a size in base 256. */
export function readHeader(header: Uint8Array): TarHeader {
  const prefix = text(header, 345, 155);
  return {
    path: (prefix && `${prefix}/`) + text(header, 0, 100),
    size: numberIn(header, 124, 12),
    type: text(header, 156, 1),
  };
}

/** Whether a header's checksum is that of its bytes, its own field counted as spaces. */
export function isHeader(header: Uint8Array): boolean {
  const sum = header.reduce((sum, byte, i) => sum + (i >= 148 && i < 156 ? 32 : byte), 0);
  return numberIn(header, 148, 8) === sum;
}

/** The bytes that a content takes up, its last block filled. */
export function blocksFor(size: number): number {
  return Math.ceil(size / blockBytes) * blockBytes;
}

/**
 * The ordinary files of a gzipped tar archive (POSIX ustar, as npm packs it), in their order; links, folders and
 * extensions are passed over. The contents are views into one buffer.
 *
 * Throws a LatentError `data.archive` when it ends too early or a size is no number.
 */
export function* untar(archive: Uint8Array, name: string): Generator<{ path: string; content: Uint8Array }> {
  const bytes = gunzipSync(archive);
  for (let at = 0; at + blockBytes <= bytes.length && bytes[at] !== 0;) {
    const header = bytes.subarray(at, at + blockBytes);
    const { path, size, type } = readHeader(header);
    const start = at + blockBytes;
    if (!(start + size <= bytes.length)) {
      throw new LatentError("data.archive", {
        what: `${name} is damaged`,
        found: `an entry whose size is written as ${
          JSON.stringify(text(header, 124, 12))
        }, at byte ${at} of ${bytes.length}`,
        mend: "Remove the file and fetch it again.",
      });
    }
    if (type === "0" || type === "") yield { path, content: bytes.subarray(start, start + size) };
    at = start + blocksFor(size);
  }
}

/** A field of a header, up to its first zero. */
function text(header: Uint8Array, from: number, length: number): string {
  const field = header.subarray(from, from + length);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end)).trim();
}

/** A number in octal, or in base 256 where its first bit is set. */
function numberIn(header: Uint8Array, from: number, length: number): number {
  if (header[from] === 0x80) {
    return header.subarray(from + 1, from + length).reduce((value, byte) => value * 256 + byte, 0);
  }
  const octal = text(header, from, length);
  return /^[0-7]+$/.test(octal) ? parseInt(octal, 8) : NaN;
}
