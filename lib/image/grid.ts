import { LatentError } from "../base/mod.ts";
import { blit, checkSize, composite, type Picture } from "./picture.ts";

/** Options of {@linkcode grid}. */
export interface GridOptions {
  /** Pictures in a row. @default {as many as make the grid a square} */
  columns?: number;
  /** Pixels between the pictures and around them. @default {2} */
  padding?: number;
  /** Red, green and blue, 0 … 255, of the padding and behind transparent pixels. @default {[255, 255, 255]} */
  color?: readonly [number, number, number];
}

/**
 * One opaque picture of many, row by row from the top left. Cells are as large as the largest picture; a smaller one
 * stands in the middle of its cell.
 *
 * @throws {LatentError} `image.grid` without pictures, `image.too_large` over 178,956,970 pixels
 */
export function grid(pictures: readonly Picture[], options: GridOptions = {}): Picture {
  const { columns = Math.ceil(Math.sqrt(pictures.length)), padding = 2, color = [255, 255, 255] } = options;
  if (pictures.length === 0 || !(columns >= 1) || !(padding >= 0)) {
    throw new LatentError("image.grid", {
      what: "a grid can't be made of these",
      found: `${pictures.length} pictures, ${columns} columns, padding ${padding}`,
      wanted: "at least one picture and one column, and a padding of 0 or more",
    });
  }
  const cellWidth = Math.max(...pictures.map((picture) => picture.width)) + padding;
  const cellHeight = Math.max(...pictures.map((picture) => picture.height)) + padding;
  const width = Math.min(columns, pictures.length) * cellWidth + padding;
  const height = Math.ceil(pictures.length / columns) * cellHeight + padding;
  checkSize(width, height, "the grid");
  const canvas = composite({ width, height, data: new Uint8ClampedArray(width * height * 4) }, color);
  pictures.forEach((picture, i) => {
    const left = padding + i % columns * cellWidth + Math.floor((cellWidth - padding - picture.width) / 2);
    const top = padding + Math.floor(i / columns) * cellHeight +
      Math.floor((cellHeight - padding - picture.height) / 2);
    blit(canvas, composite(picture, color), left, top);
  });
  return canvas;
}
