import { join, resolve } from "@std/path";
import { type Difference, LatentError } from "../base/mod.ts";
import { decodeIndexMap, type IndexMap } from "../image/mod.ts";
import { arange, type Device, fromBytes, scope, type Tensor } from "../tensor/mod.ts";
import type { Cut } from "./crop.ts";
import type { Dataset, Item } from "./dataset.ts";

/** What stands in a label map where no class is known. */
export const UNLABELLED = 255;

/** Of more missing files than these the rest is only counted. */
const maxMissing = 20;

/**
 * A data set with a label map beside each picture: of `images/a/1.jpg` it is `folder/a/1.png`, whose pixels are the
 * numbers of classes (grey values or places in a palette), of the picture's size.
 *
 * @throws LatentError `data.map` that lists pictures without one
 */
export async function withLabelMaps<I extends Item>(dataset: Dataset<I>, folder: string): Promise<Dataset<I>> {
  const root = resolve(folder);
  const missing: Difference[] = [];
  const add = (items: I[]) =>
    Promise.all(items.map(async (item) => {
      const map = join(root, item.key.replace(/\.[^./]*$/, "") + ".png");
      const there = await Deno.stat(map).then(({ isFile }) => isFile, () => false);
      if (!there) missing.push({ name: item.key, found: "nothing", wanted: map });
      return { ...item, map };
    }));
  const [train, validation] = [await add(dataset.train), await add(dataset.validation)];
  if (missing.length > 0) {
    throw new LatentError("data.map", {
      what: `${missing.length} pictures have no label map in ${root}`,
      differences: missing.slice(0, maxMissing),
      mend: "Give the folder whose paths are those of the pictures, with .png at their end.",
    });
  }
  return { ...dataset, train, validation };
}

/** Reads the label map of a picture and resizes it as that was, to the nearest pixel. @throws LatentError `data.map` for another size */
export async function readLabelMap(
  path: string,
  picture: { width: number; height: number },
  resized: { width: number; height: number },
): Promise<Uint8Array<ArrayBuffer>> {
  const map = await decodeIndexMap(await Deno.readFile(path), { name: path });
  if (map.width !== picture.width || map.height !== picture.height) {
    throw new LatentError("data.map", {
      what: `${path} is not of the size of its picture`,
      found: `${map.width} × ${map.height}`,
      wanted: `${picture.width} × ${picture.height}`,
    });
  }
  return nearestPixels(map, resized.width, resized.height).data;
}

/** A map in another size: each pixel is the one in whose area its middle lies (Pillow's NEAREST). */
export function nearestPixels({ width: w, height: h, data }: IndexMap, width: number, height: number): IndexMap {
  const columns = Array.from({ length: width }, (_, x) => Math.floor((x + 0.5) * w / width));
  const out = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const row = Math.floor((y + 0.5) * h / height) * w;
    for (let x = 0; x < width; x++) out[y * width + x] = data[row + columns[x]!]!;
  }
  return { width, height, data: out };
}

/** Writes the square of a map to `target` from `offset`, as `writeCut` does of its picture: size × size bytes. */
export function writeMapCut(
  target: Uint8Array,
  offset: number,
  { width, map }: { width: number; map: Uint8Array },
  { left, top, flip }: Pick<Cut, "left" | "top" | "flip">,
  size: number,
): void {
  for (let y = 0; y < size; y++) {
    const start = (top + y) * width + left;
    const row = map.slice(start, start + size);
    target.set(flip ? row.reverse() : row, offset + y * size);
  }
}

/**
 * Label maps as channels: 1 where a pixel is of the channel's class, else 0; of {@linkcode UNLABELLED} pixels all are 0.
 *
 * @param maps numbers of classes, the bytes of [B, h, w]
 * @returns float32 [B, C, h, w]
 * @throws LatentError `data.map` for a number that no class has
 */
export function labelChannels(
  maps: Uint8Array<ArrayBuffer>,
  shape: readonly [batch: number, height: number, width: number],
  { classes, device = "cpu" }: { classes: number; device?: Device },
): Tensor {
  const wrong = new Set(maps.filter((number) => number >= classes && number !== UNLABELLED));
  if (wrong.size > 0) {
    throw new LatentError("data.map", {
      what: "a label map has numbers that no class has",
      found: [...wrong].sort((a, b) => a - b).join(", "),
      wanted: `0 … ${classes - 1}, or ${UNLABELLED} where no class is known`,
      mend: "Give the number of classes that the maps were made with.",
    });
  }
  return scope(() => {
    const numbers = fromBytes(maps, { dtype: "uint8", shape: [...shape] }).to({ device }).unsqueeze(1);
    const channels = arange(0, classes, 1, { dtype: "uint8", device }).reshape([1, classes, 1, 1]);
    return numbers.eq(channels).to({ dtype: "float32" });
  });
}
