import { gunzipSync } from "node:zlib";
import { LatentError } from "../base/mod.ts";

const blockBytes = 512;

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
    const octal = text(header, 124, 12);
    const size = /^[0-7]+$/.test(octal) ? parseInt(octal, 8) : Infinity;
    const start = at + blockBytes;
    if (start + size > bytes.length) {
      throw new LatentError("data.archive", {
        what: `${name} is damaged`,
        found: `an entry whose size is written as ${JSON.stringify(octal)}, at byte ${at} of ${bytes.length}`,
        mend: "Remove the file and fetch it again.",
      });
    }
    const prefix = text(header, 345, 155);
    const path = (prefix && `${prefix}/`) + text(header, 0, 100);
    const type = text(header, 156, 1);
    if (type === "0" || type === "") yield { path, content: bytes.subarray(start, start + size) };
    at = start + Math.ceil(size / blockBytes) * blockBytes;
  }
}

/** A field of a header, up to its first zero. */
function text(header: Uint8Array, from: number, length: number): string {
  const field = header.subarray(from, from + length);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end)).trim();
}
