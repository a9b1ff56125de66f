import { LatentError } from "../base/mod.ts";

/** An 8-bit RGBA picture: rows from the top, four bytes a pixel, colours not multiplied by alpha. */
export interface Picture {
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
  /** width × height × 4 bytes. */
  readonly data: Uint8ClampedArray;
}

/** The most pixels that are decoded: Pillow's limit, a quarter GiB at 24 bits. */
export const MAX_PIXELS = 178_956_970;

/** Refuses sizes that no picture has and those over {@linkcode MAX_PIXELS}; called before anything is allocated. */
export function checkSize(width: number, height: number, name: string): void {
  if (width < 1 || height < 1) {
    throw new LatentError("image.damaged", {
      what: `${name} has no pixels`,
      found: `${width} × ${height} in its header`,
      wanted: "at least 1 × 1",
    });
  }
  if (width * height > MAX_PIXELS) {
    throw new LatentError("image.too_large", {
      what: `${name} is too large to decode`,
      found: `${width} × ${height} = ${width * height} pixels`,
      wanted: `at most ${MAX_PIXELS} pixels`,
      mend: "Make it smaller first, or leave it out.",
    });
  }
}

/**
 * The picture over a colour, opaque and rounded to the nearest value (equal to Pillow's `paste` with a mask).
 *
 * @param color red, green and blue of 0 … 255
 */
export function composite(picture: Picture, color: readonly [number, number, number]): Picture {
  const { width, height, data: source } = picture;
  const data = new Uint8ClampedArray(source.length);
  for (let i = 0; i < data.length; i += 4) {
    const alpha = source[i + 3]!;
    for (let c = 0; c < 3; c++) data[i + c] = (alpha * source[i + c]! + (255 - alpha) * color[c]!) / 255;
    data[i + 3] = 255;
  }
  return { width, height, data };
}

/** Copies a picture into another at (left, top), alpha included; what lies outside is cut off. */
export function blit(target: Picture, picture: Picture, left: number, top: number): void {
  const columns = Math.min(picture.width, target.width - left);
  const rows = Math.min(picture.height, target.height - top);
  for (let y = 0; y < rows && columns > 0; y++) {
    const start = y * picture.width * 4;
    target.data.set(picture.data.subarray(start, start + columns * 4), ((top + y) * target.width + left) * 4);
  }
}
