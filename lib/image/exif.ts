import type { Picture } from "./picture.ts";

const ORIENTATION = 0x0112;

/**
 * The orientation, 1 … 8, that an EXIF block states (TIFF 6.0, tag 274): how the stored picture must be turned to be
 * seen upright. 1 where the block says nothing, or nothing that can be read.
 */
export function orientationOf(exif: Uint8Array): number {
  const view = new DataView(exif.buffer, exif.byteOffset, exif.byteLength);
  if (exif.length < 14) return 1;
  const mark = view.getUint16(0);
  if (mark !== 0x4949 && mark !== 0x4d4d) return 1;
  const little = mark === 0x4949;
  const directory = view.getUint32(4, little);
  if (directory + 2 > exif.length) return 1;
  const entries = view.getUint16(directory, little);
  for (let i = 0, at = directory + 2; i < entries && at + 12 <= exif.length; i++, at += 12) {
    if (view.getUint16(at, little) !== ORIENTATION) continue;
    const value = view.getUint16(at + 8, little);
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}

/** The picture turned and mirrored so that it is seen upright; orientations of 5 and more swap width and height. */
export function upright(picture: Picture, orientation: number): Picture {
  if (orientation === 1) return picture;
  const swapped = orientation >= 5;
  const flipX = [2, 3, 7, 8].includes(orientation);
  const flipY = [3, 4, 6, 7].includes(orientation);
  const [width, height] = swapped ? [picture.height, picture.width] : [picture.width, picture.height];
  const source = new Uint32Array(picture.data.buffer, picture.data.byteOffset, width * height);
  const target = new Uint32Array(width * height);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const [u, v] = swapped ? [y, x] : [x, y];
      const column = flipX ? picture.width - 1 - u : u;
      const row = flipY ? picture.height - 1 - v : v;
      target[i] = source[row * picture.width + column]!;
    }
  }
  return { width, height, data: new Uint8ClampedArray(target.buffer) };
}
