import { LatentError } from "../base/mod.ts";
import { composite, decodeImage, type Picture } from "../image/mod.ts";
import type { Part } from "./dataset.ts";
import { readLabelMap } from "./label_map.ts";
import { readCell } from "./parquet_cell.ts";
import { readAt } from "./tar_file.ts";
import { type Filter, resample, type Rgb } from "./resample.ts";

/** How a picture's file becomes pixels for training, before the crop. */
export interface ReadOptions {
  /** Pixels that the shorter side is resized to. */
  resize: number;
  /** How it is resized. */
  filter: Filter;
  /** The colour (r, g, b of 0 … 255) behind transparent pictures; `random` is another one each epoch. */
  background: readonly [number, number, number] | "random";
  /** Larger files are not read. */
  maxFileBytes: number;
}

/** Where a picture is: a file, or a part of one. */
export interface Source {
  /** The file, absolute. */
  path: string;
  part?: Part;
  /** The PNG of its label map, absolute. */
  map?: string;
}

/** Reads, decodes, composites and resizes one picture, its proportions kept. Throws what is wrong with the file. */
export async function readPicture({ path, part, map }: Source, options: ReadOptions): Promise<Rgb> {
  const { background, filter, resize } = options;
  const picture = await decodeImage(await bytesOf({ path, ...(part && { part }) }, options.maxFileBytes), {
    name: path,
  });
  const scale = resize / Math.min(picture.width, picture.height);
  const width = Math.round(picture.width * scale);
  const height = Math.round(picture.height * scale);
  const white = [255, 255, 255] as const;
  const resized = resample(composite(picture, background === "random" ? white : background), width, height, filter);
  if (map !== undefined) resized.map = await readLabelMap(map, picture, resized);
  if (background !== "random" || !isClear(picture)) return resized;
  return { ...resized, clear: clearness(resample(transparency(picture), width, height, filter)) };
}

/** A picture's file as it is stored. */
async function bytesOf({ path, part }: Source, maxBytes: number): Promise<Uint8Array> {
  const size = part === undefined ? (await Deno.stat(path)).size : "bytes" in part ? part.bytes : 0;
  if (size > maxBytes) throw tooLarge(path, size, maxBytes);
  if (part === undefined) return await Deno.readFile(path);
  if ("row" in part) return await readCell(path, part, maxBytes);
  using file = await Deno.open(path);
  return readAt(file, part.offset, part.bytes);
}

function tooLarge(path: string, size: number, maxBytes: number): LatentError {
  return new LatentError("data.large", {
    what: `${path} is too large`,
    found: `${size} bytes`,
    wanted: `at most ${maxBytes} bytes`,
  });
}

function isClear({ data }: Picture): boolean {
  return data.some((value, i) => i % 4 === 3 && value < 255);
}

/** A picture whose red is how transparent another is. */
function transparency({ width, height, data }: Picture): Picture {
  const out = new Uint8ClampedArray(data.length);
  for (let i = 0; i < data.length; i += 4) out[i] = 255 - data[i + 3]!;
  return { width, height, data: out };
}

function clearness({ data }: Rgb): Uint8ClampedArray<ArrayBuffer> {
  return data.filter((_, i) => i % 3 === 0);
}
