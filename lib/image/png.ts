import { promisify } from "node:util";
import { deflate } from "node:zlib";
import init, { decode } from "@jsquash/png/codec/pkg/squoosh_png.js";
import wasm from "@jsquash/png/codec/pkg/squoosh_png_bg.wasm" with { type: "bytes" };
import { orientationOf } from "./exif.ts";
import { damaged, type Format, viewOf } from "./format.ts";
import type { Picture } from "./picture.ts";
import { type Chunk, isPng, readChunks, writeChunks } from "./png_chunk.ts";
import { filterRows } from "./png_filter.ts";
import { textChunks } from "./png_text.ts";

const pack = promisify(deflate);
let ready: Promise<unknown> | undefined;

/** PNG (ISO 15948) in all its modes; of 16-bit channels the upper 8 bits, as Pillow takes them. */
export const png: Format = {
  matches: isPng,

  header(bytes, name) {
    const chunks = readChunks(bytes, name);
    const sizes = viewOf(chunks[0]!.data);
    const exif = chunks.find(({ type }) => type === "eXIf");
    return {
      width: sizes.getUint32(0),
      height: sizes.getUint32(4),
      orientation: exif === undefined ? 1 : orientationOf(exif.data),
    };
  },

  async pixels(bytes, name) {
    await (ready ??= WebAssembly.compile(wasm).then((module) => init(module)));
    try {
      const { width, height, data } = decode(bytes);
      return { width, height, data: new Uint8ClampedArray(data.buffer) };
    } catch (cause) {
      throw damaged(name, "pixels that can't be unpacked", cause);
    }
  },
};

/**
 * A PNG file: 8 bits, RGB where every pixel is opaque, else RGBA. The same picture and texts give the same bytes.
 *
 * @param text texts by keyword (1 … 79 characters of Latin-1), at most 1 MB each, in this order
 */
export async function encodePng(picture: Picture, text: Record<string, string> = {}): Promise<Uint8Array> {
  const { width, height, data } = picture;
  const channels = data.every((byte, i) => i % 4 !== 3 || byte === 255) ? 3 : 4;
  const header = new Uint8Array(13);
  const view = viewOf(header);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, channels === 3 ? 2 : 6], 8);
  const pixels: Chunk = { type: "IDAT", data: await pack(filterRows(picture, channels)) };
  return writeChunks([{ type: "IHDR", data: header }, ...textChunks(text), pixels]);
}
