import { epochKey, mix, uniform } from "./random.ts";
import type { Rgb } from "./resample.ts";

/** How a training image is cut out of a picture. */
export interface CropOptions {
  /** Side of the square that is cut out, in pixels. */
  size: number;
  /** Where: in the middle, or anywhere. */
  crop: "center" | "random";
  /** Whether every other image, by chance, is mirrored left to right. */
  flip: boolean;
}

/** Which square: its corner, and whether it is mirrored. */
export interface Cut {
  /** Pixels left of it. */
  left: number;
  /** Pixels above it. */
  top: number;
  /** Whether it is mirrored left to right. */
  flip: boolean;
  /** Behind what is transparent: r, g, b of 0 … 255. */
  background: readonly [number, number, number];
  /** 32 random bits of the item's in this epoch, for what else is drawn about it. */
  draw: number;
}

/** A cut, and the sides of the picture that it is out of. */
export interface PlacedCut extends Cut {
  /** Pixels of the picture's rows. */
  width: number;
  /** Its rows. */
  height: number;
}

/**
 * The square for an item in an epoch: a function of (seed, epoch, index) and the options alone, whoever asks.
 *
 * @param picture both of its sides at least `size`
 * @param place the item's index and the epoch
 */
export function chooseCut(
  { width, height }: { width: number; height: number },
  { size, crop, flip }: CropOptions,
  { seed, epoch, index }: { seed: number; epoch: number; index: number },
): Cut {
  const key = epochKey(seed, epoch, 1);
  const along = (room: number, draw: number) =>
    Math.floor(crop === "center" ? room / 2 : uniform(key, index, draw) * (room + 1));
  const colour = (draw: number) => Math.floor(256 * uniform(key, index, draw));
  return {
    left: along(width - size, 0),
    top: along(height - size, 1),
    flip: flip && uniform(key, index, 2) < 0.5,
    background: [colour(3), colour(4), colour(5)],
    draw: mix(key, index, 6),
  };
}

/** Writes the square of a picture to `target` from `offset`: size × size × 3 bytes, rows from the top. */
export function writeCut(
  target: Uint8Array,
  offset: number,
  picture: Rgb,
  { left, top, flip, background }: Omit<Cut, "draw">,
  size: number,
): void {
  for (let y = 0; y < size; y++) {
    const start = (top + y) * picture.width + left;
    const row = rowOf(picture, start, size, background);
    if (flip) writeMirrored(target, offset + y * size * 3, row);
    else target.set(row, offset + y * size * 3);
  }
}

/** A row of pixels from the place `start` on, with the background in place of the white that shines through. */
function rowOf({ data, clear }: Rgb, start: number, size: number, background: Cut["background"]): Uint8ClampedArray {
  const row = data.subarray(3 * start, 3 * (start + size));
  if (clear === undefined) return row;
  return row.map((value, i) => value - (255 - background[i % 3]!) * clear[start + Math.floor(i / 3)]! / 255);
}

function writeMirrored(target: Uint8Array, offset: number, row: Uint8ClampedArray): void {
  for (let from = row.length - 3; from >= 0; from -= 3, offset += 3) {
    target[offset] = row[from]!;
    target[offset + 1] = row[from + 1]!;
    target[offset + 2] = row[from + 2]!;
  }
}
