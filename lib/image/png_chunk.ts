import { crc32 } from "node:zlib";
import { damaged, truncated, viewOf } from "./format.ts";

/** The eight bytes that every PNG begins with. */
export const SIGNATURE = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** A chunk of a PNG file: four letters and its content, a view into the file. */
export interface Chunk {
  readonly type: string;
  readonly data: Uint8Array;
}

/** Whether the file begins as a PNG does. */
export function isPng(bytes: Uint8Array): boolean {
  return SIGNATURE.every((byte, i) => bytes[i] === byte);
}

/** All chunks of a PNG from IHDR to IEND, each with its checksum verified. */
export function readChunks(bytes: Uint8Array, name: string): Chunk[] {
  const chunks: Chunk[] = [];
  const view = viewOf(bytes);
  for (let at = SIGNATURE.length; chunks.at(-1)?.type !== "IEND";) {
    if (at + 12 > bytes.length) throw truncated(name, `${bytes.length} bytes, without an IEND chunk`, "a whole PNG");
    const length = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (!/^[A-Za-z]{4}$/.test(type)) throw damaged(name, `no PNG chunk at byte ${at}`);
    const end = at + 12 + length;
    if (end > bytes.length) throw truncated(name, `${bytes.length} bytes`, `${end} for its ${type} chunk`);
    if (crc32(bytes.subarray(at + 4, end - 4)) !== view.getUint32(end - 4)) {
      throw damaged(name, `a wrong checksum in its ${type} chunk at byte ${at}`);
    }
    chunks.push({ type, data: bytes.subarray(at + 8, end - 4) });
    at = end;
  }
  if (chunks[0]!.type !== "IHDR" || chunks[0]!.data.length !== 13) {
    throw damaged(name, "a PNG that doesn't begin with an IHDR chunk of 13 bytes");
  }
  return chunks;
}

/** A PNG file of these chunks; IEND is added. */
export function writeChunks(chunks: readonly Chunk[]): Uint8Array {
  const all = [...chunks, { type: "IEND", data: new Uint8Array(0) }];
  const bytes = new Uint8Array(all.reduce((sum, chunk) => sum + 12 + chunk.data.length, SIGNATURE.length));
  const view = viewOf(bytes);
  bytes.set(SIGNATURE);
  let at = SIGNATURE.length;
  for (const { type, data } of all) {
    const end = at + 8 + data.length;
    view.setUint32(at, data.length);
    for (let i = 0; i < 4; i++) bytes[at + 4 + i] = type.charCodeAt(i);
    bytes.set(data, at + 8);
    view.setUint32(end, crc32(bytes.subarray(at + 4, end)));
    at = end + 4;
  }
  return bytes;
}
