import { LatentError } from "../base/mod.ts";
import { bmp } from "./bmp.ts";
import { upright } from "./exif.ts";
import { damaged, type Format, hasAscii } from "./format.ts";
import { gif } from "./gif.ts";
import { jpeg } from "./jpeg.ts";
import { checkSize, type Picture } from "./picture.ts";
import { png } from "./png.ts";
import { webp } from "./webp.ts";

const FORMATS: readonly Format[] = [png, jpeg, webp, gif, bmp];

/** Files that are often found among pictures: what they are, and how they begin (at which byte). */
const STRANGERS: readonly [string, number, string][] = [
  ["a TIFF file", 0, "II*\0"],
  ["a TIFF file", 0, "MM\0*"],
  ["an AVIF or HEIC file", 4, "ftyp"],
  ["a JPEG XL file", 4, "JXL "],
  ["a Photoshop file", 0, "8BPS"],
  ["an SVG drawing", 0, "<svg"],
  ["an XML or SVG file", 0, "<?xml"],
  ["a web page", 0, "<!"],
  ["a pointer to a file in Git LFS (fetch it with `git lfs pull`)", 0, "version https://git-lfs"],
];

/**
 * Decodes a PNG, JPEG, WebP, GIF (first frame) or BMP file to upright RGBA pixels, the same as Pillow's.
 *
 * @param options.name how errors call it, best its path
 * @throws {LatentError} `image.format` (none of these), `image.truncated`, `image.damaged`, `image.unsupported` (CMYK
 * and other rare kinds), `image.too_large` (over 178,956,970 pixels, found before anything is decoded)
 */
export async function decodeImage(bytes: Uint8Array, options: { name?: string } = {}): Promise<Picture> {
  const { name = "the picture" } = options;
  const format = FORMATS.find((candidate) => candidate.matches(bytes));
  if (format === undefined) throw unknown(bytes, name);
  const header = format.header(bytes, name);
  checkSize(header.width, header.height, name);
  const picture = await format.pixels(bytes, name, header);
  if (picture.width !== header.width || picture.height !== header.height) {
    throw damaged(
      name,
      `${picture.width} × ${picture.height} pixels, ${header.width} × ${header.height} in its header`,
    );
  }
  return upright(picture, header.orientation);
}

function unknown(bytes: Uint8Array, name: string): LatentError {
  const beginning = Array.from(bytes.subarray(0, 12), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  const stranger = STRANGERS.find(([, at, ascii]) => hasAscii(bytes, at, ascii))?.[0];
  return new LatentError("image.format", {
    what: `${name} is not a picture that can be read`,
    found: stranger ?? (bytes.length === 0 ? "an empty file" : `${bytes.length} bytes that begin with ${beginning}`),
    wanted: "PNG, JPEG, WebP, GIF or BMP",
    mend: "Convert it to PNG, or leave it out.",
  });
}
