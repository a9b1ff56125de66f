import { join, resolve } from "@std/path";
import { decodeImage, type IndexMap } from "../image/mod.ts";
import { type Device, fromBytes, scope, type Tensor } from "../tensor/mod.ts";
import { listPictures } from "./folder.ts";
import { nearestPixels } from "./label_map.ts";
import { draws, mix } from "./random.ts";

/** Which holes are drawn for inpainting: thick or thin strokes, boxes, or one of the three, each as likely. */
export type MaskKind = "thick" | "thin" | "boxes" | "mixed";

/** All {@linkcode MaskKind}s. */
export const maskKinds: readonly MaskKind[] = ["thick", "thin", "boxes", "mixed"];

/** The least and the largest share of a picture that is hole. */
export const holeShare = { least: 0.05, most: 0.5 } as const;

/** What strokes look like, in shares of the picture's side; of 256 pixels those of LaMa's training (Suvorov et al. 2022). */
const strokes = {
  thick: { width: 100 / 256, length: 200 / 256, turns: 5 },
  thin: { width: 10 / 256, length: 40 / 256, turns: 50 },
} as const;

/** Boxes have sides of these shares of the picture's, and keep a margin. */
const boxes = { least: 30 / 256, most: 150 / 256, margin: 10 / 256 } as const;

type Draw = () => number;

/**
 * The hole of a picture: size × size bytes, 1 in the hole and 0 elsewhere; a function of its arguments alone.
 *
 * Strokes or boxes are drawn one after the other until the hole has a share of the picture that is itself drawn evenly
 * from {@linkcode holeShare}; what would make it larger than the largest is left out and drawn anew, smaller.
 *
 * @param size at least 16 pixels
 * @param draw the picture's random bits, `Cut.draw` of the loader
 */
export function drawMask(kind: MaskKind, size: number, draw: number): Uint8Array<ArrayBuffer> {
  const next = draws(mix(draw, 2), 0);
  const one = kind === "mixed" ? (["thick", "thin", "boxes"] as const)[Math.floor(3 * next())]! : kind;
  const most = Math.floor(holeShare.most * size * size);
  const wanted = Math.floor((holeShare.least + (holeShare.most - holeShare.least) * next()) * size * size);
  let mask = new Uint8Array(size * size);
  for (let area = 0, scale = 1; area < wanted;) {
    const more = mask.slice();
    if (one === "boxes") drawBox(more, size, scale, next);
    else drawStroke(more, size, scale, strokes[one], next);
    const found = more.reduce((sum, value) => sum + value, 0);
    if (found > most) scale *= 0.8;
    else [mask, area] = [more, found];
  }
  return mask;
}

function drawBox(mask: Uint8Array, size: number, scale: number, draw: Draw): void {
  const side = () => Math.max(1, Math.round(size * scale * (boxes.least + (boxes.most - boxes.least) * draw())));
  const margin = Math.round(boxes.margin * size);
  const place = (length: number) => margin + Math.floor(draw() * (size - 2 * margin - length + 1));
  const [width, height] = [side(), side()];
  const [left, top] = [place(width), place(height)];
  for (let y = top; y < top + height; y++) mask.fill(1, y * size + left, y * size + left + width);
}

/** A line of straight pieces, each at an angle of up to 4 radians, in turn to the one side and to the other. */
function drawStroke(
  mask: Uint8Array,
  size: number,
  scale: number,
  { width, length, turns }: { width: number; length: number; turns: number },
  draw: Draw,
): void {
  let [x, y] = [size * draw(), size * draw()];
  const count = 1 + Math.floor(draw() * turns);
  for (let i = 0; i < count; i++) {
    const angle = (i % 2 === 0 ? -1 : 1) * (0.01 + 4 * draw());
    const step = scale * (10 / 256 + draw() * length) * size;
    const thick = Math.max(1, scale * (5 / 256 + draw() * width) * size);
    const within = (value: number) => Math.min(size, Math.max(0, value));
    const [toX, toY] = [within(x + step * Math.sin(angle)), within(y + step * Math.cos(angle))];
    drawLine(mask, size, [x, y], [toX, toY], thick / 2);
    [x, y] = [toX, toY];
  }
}

/** Fills the pixels whose middles are no farther than the radius from a line. */
function drawLine(
  mask: Uint8Array,
  size: number,
  [x0, y0]: readonly [number, number],
  [x1, y1]: readonly [number, number],
  radius: number,
): void {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const square = Math.max(dx * dx + dy * dy, 1e-12);
  const range = (a: number, b: number): [number, number] => [
    Math.max(0, Math.floor(Math.min(a, b) - radius)),
    Math.min(size, Math.ceil(Math.max(a, b) + radius)),
  ];
  const [[left, right], [top, bottom]] = [range(x0, x1), range(y0, y1)];
  for (let row = top; row < bottom; row++) {
    for (let column = left; column < right; column++) {
      const [x, y] = [column + 0.5 - x0, row + 0.5 - y0];
      const along = Math.min(1, Math.max(0, (x * dx + y * dy) / square));
      if ((x - along * dx) ** 2 + (y - along * dy) ** 2 <= radius * radius) mask[row * size + column] = 1;
    }
  }
}

/**
 * A mask from a picture's file: 1 where it is light (grey of 128 … 255, as the original's inpainting script takes it)
 * and so to be filled, 0 where it is dark. Throws as `decodeImage` does.
 */
export async function readMask(path: string): Promise<IndexMap> {
  const { width, height, data } = await decodeImage(await Deno.readFile(path), { name: path });
  const light = (i: number) => (data[i]! * 19595 + data[i + 1]! * 38470 + data[i + 2]! * 7471 + 32768) >> 16; // Pillow's grey
  return { width, height, data: Uint8Array.from({ length: width * height }, (_, i) => light(4 * i) >= 128 ? 1 : 0) };
}

/**
 * The masks of a folder of pictures, in the order of their names, resized to squares by the nearest pixel.
 *
 * @throws LatentError `data.missing`, `data.empty`; as `decodeImage`
 */
export async function readMasks(folder: string, size: number): Promise<Uint8Array<ArrayBuffer>[]> {
  const keys = await listPictures(resolve(folder));
  const masks = keys.map(async (key) => nearestPixels(await readMask(join(resolve(folder), key)), size, size).data);
  return await Promise.all(masks);
}

/**
 * The holes of a batch, uint8 [B, 1, size, size], 1 in the hole: drawn, or each one of some that were read.
 *
 * @param draws the random bits of each picture, `Batch.cuts[i].draw` of the loader
 */
export function masksOf(
  source: MaskKind | readonly Uint8Array<ArrayBuffer>[],
  size: number,
  draws: readonly number[],
  device: Device = "cpu",
): Tensor {
  const bytes = new Uint8Array(draws.length * size * size);
  for (const [i, draw] of draws.entries()) {
    const one = typeof source === "string" ? drawMask(source, size, draw) : source[mix(draw, 2) % source.length]!;
    bytes.set(one, i * size * size);
  }
  return scope(() => fromBytes(bytes, { dtype: "uint8", shape: [draws.length, 1, size, size] }).to({ device }));
}
