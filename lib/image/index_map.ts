import { promisify } from "node:util";
import { deflate } from "node:zlib";
import { isPng, readChunks, writeChunks } from "./png_chunk.ts";
import { unsupported, viewOf } from "./format.ts";
import { checkSize } from "./picture.ts";
import { png } from "./png.ts";

const pack = promisify(deflate);

/** A picture whose pixels are numbers, such as classes: rows from the top, a byte a pixel. */
export interface IndexMap {
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
  /** width × height numbers of 0 … 255. */
  readonly data: Uint8Array<ArrayBuffer>;
}

/**
 * The numbers in a PNG file: grey values, or the places in its palette, whatever colours stand there.
 *
 * @param options.name how errors call it, best its path
 * @throws {LatentError} `image.unsupported` for colours without a palette, for 16 bits and for what is no PNG; else as
 * `decodeImage`
 */
export async function decodeIndexMap(bytes: Uint8Array, options: { name?: string } = {}): Promise<IndexMap> {
  const { name = "the map" } = options;
  if (!isPng(bytes)) throw noMap(name, "no PNG");
  const chunks = readChunks(bytes, name);
  const { width, height } = png.header(bytes, name);
  checkSize(width, height, name);
  const [bits, color] = [chunks[0]!.data[8]!, chunks[0]!.data[9]!];
  if (bits > 8 || color !== 0 && color !== 3) throw noMap(name, bits > 8 ? "16 bits a pixel" : "colours");
  const header = chunks[0]!.data.slice();
  header[9] = 0; // what was a place in the palette is read as a grey value
  const grey = [{ type: "IHDR", data: header }, ...chunks.filter(({ type }) => type === "IDAT")];
  const { data } = await png.pixels(writeChunks(grey), name, { width, height, orientation: 1 });
  const step = 255 / (2 ** bits - 1);
  return { width, height, data: Uint8Array.from({ length: width * height }, (_, i) => data[4 * i]! / step) };
}

/** A PNG file of numbers: grey, 8 bits. The same map gives the same bytes. */
export async function encodeIndexMap({ width, height, data }: IndexMap): Promise<Uint8Array> {
  const header = new Uint8Array(13);
  viewOf(header).setUint32(0, width);
  viewOf(header).setUint32(4, height);
  header[8] = 8;
  const rows = new Uint8Array(height * (width + 1)); // each after a 0: unfiltered
  for (let y = 0; y < height; y++) rows.set(data.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  return writeChunks([{ type: "IHDR", data: header }, { type: "IDAT", data: await pack(rows) }]);
}

function noMap(name: string, found: string) {
  const mend = "Write the classes' numbers as grey values of 8 bits (in Pillow: mode L or P).";
  return unsupported(name, found, "a PNG of grey values, or with a palette, of 8 bits a pixel at most", mend);
}
