import webpDecoder from "@jsquash/webp/codec/dec/webp_dec.js";
import wasm from "@jsquash/webp/codec/dec/webp_dec.wasm" with { type: "bytes" };
import { orientationOf } from "./exif.ts";
import { damaged, type Format, hasAscii, truncated, viewOf } from "./format.ts";
import { blit, checkSize, type Picture } from "./picture.ts";
import { type CodecFactory, wasmDecoder } from "./wasm.ts";

const factory: CodecFactory = webpDecoder;
const decode = wasmDecoder(factory, wasm);

/** A chunk of a RIFF file: four letters, its content, and its bytes with header and padding. */
interface RiffChunk {
  readonly type: string;
  readonly data: Uint8Array;
  readonly whole: Uint8Array;
}

/** Bytes before the chunks of an ANMF chunk: place, size, duration, flags. */
const FRAME_HEADER = 16;

/** WebP (RFC 9649), decoded by libwebp: lossy, lossless, with alpha; of an animation the first frame. */
export const webp: Format = {
  matches: (bytes) => hasAscii(bytes, 0, "RIFF") && hasAscii(bytes, 8, "WEBP"),

  header(bytes, name) {
    const chunks = fileChunks(bytes, name);
    const exif = chunks.find(({ type }) => type === "EXIF")?.data;
    const orientation = exif === undefined ? 1 : orientationOf(hasAscii(exif, 0, "Exif\0\0") ? exif.subarray(6) : exif);
    return { ...sizeOf(chunks[0], name), orientation };
  },

  async pixels(bytes, name, { width, height }) {
    const frame = fileChunks(bytes, name).find(({ type }) => type === "ANMF")?.data;
    if (frame === undefined) return await decodeFile(bytes, name);
    if (frame.length < FRAME_HEADER) throw damaged(name, "an animation whose first frame has no header");
    const size = { width: uint24(frame, 6) + 1, height: uint24(frame, 9) + 1 };
    checkSize(size.width, size.height, name);
    const still = await decodeFile(stillOf(riffChunks(frame, FRAME_HEADER, name), size), name);
    const canvas: Picture = { width, height, data: new Uint8ClampedArray(width * height * 4) };
    blit(canvas, still, 2 * uint24(frame, 0), 2 * uint24(frame, 3));
    return canvas;
  },
};

async function decodeFile(bytes: Uint8Array, name: string): Promise<Picture> {
  const { picture, cause } = await decode(bytes);
  if (picture === null) throw damaged(name, "pixels that libwebp can't decode", cause);
  return picture;
}

/** The chunks of the file, which must be as long as its header says. */
function fileChunks(bytes: Uint8Array, name: string): RiffChunk[] {
  const end = bytes.length < 12 ? 12 : 8 + viewOf(bytes).getUint32(4, true);
  if (bytes.length < end) throw truncated(name, `${bytes.length} bytes`, `${end} bytes, as its header says`);
  return riffChunks(bytes.subarray(0, end), 12, name);
}

function riffChunks(bytes: Uint8Array, start: number, name: string): RiffChunk[] {
  const chunks: RiffChunk[] = [];
  for (let at = start; at + 8 <= bytes.length;) {
    const length = viewOf(bytes).getUint32(at + 4, true);
    const end = at + 8 + length;
    if (end > bytes.length) throw damaged(name, `a WebP chunk that ends at byte ${end} of ${bytes.length}`);
    const type = String.fromCharCode(...bytes.subarray(at, at + 4));
    chunks.push({ type, data: bytes.subarray(at + 8, end), whole: bytes.subarray(at, end + length % 2) });
    at = end + length % 2;
  }
  return chunks;
}

/** The size that the first chunk states: the canvas (VP8X), or the picture itself (VP8, VP8L). */
function sizeOf(chunk: RiffChunk | undefined, name: string): { width: number; height: number } {
  const { type, data } = chunk ?? { type: "", data: new Uint8Array(0) };
  const view = viewOf(data);
  if (type === "VP8X" && data.length >= 10) return { width: uint24(data, 4) + 1, height: uint24(data, 7) + 1 };
  if (type === "VP8 " && data.length >= 10) {
    return { width: view.getUint16(6, true) & 0x3fff, height: view.getUint16(8, true) & 0x3fff };
  }
  if (type === "VP8L" && data.length >= 5) {
    const bits = view.getUint32(1, true);
    return { width: (bits & 0x3fff) + 1, height: (bits >>> 14 & 0x3fff) + 1 };
  }
  throw damaged(name, "a WebP without a header of its size");
}

/** A WebP file of one frame of an animation: its chunks behind an extended header that says "alpha". */
function stillOf(chunks: readonly RiffChunk[], { width, height }: { width: number; height: number }): Uint8Array {
  const pixels = chunks.filter(({ type }) => type === "ALPH" || type === "VP8 " || type === "VP8L");
  const bytes = new Uint8Array(30 + pixels.reduce((sum, { whole }) => sum + whole.length, 0));
  const view = viewOf(bytes);
  bytes.set(new TextEncoder().encode("RIFF    WEBPVP8X"));
  view.setUint32(4, bytes.length - 8, true);
  view.setUint32(16, 10, true);
  bytes[20] = 0x10;
  view.setUint32(24, (width - 1) | ((height - 1) & 0xff) << 24, true);
  view.setUint16(28, (height - 1) >> 8, true);
  let at = 30;
  for (const { whole } of pixels) {
    bytes.set(whole, at);
    at += whole.length;
  }
  return bytes;
}

function uint24(bytes: Uint8Array, at: number): number {
  return bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16;
}
