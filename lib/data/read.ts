import { LatentError } from "../base/mod.ts";
import { composite, decodeImage } from "../image/mod.ts";
import { type Filter, resample, type Rgb } from "./resample.ts";

/** How a picture's file becomes pixels for training, before the crop. */
export interface ReadOptions {
  /** Pixels that the shorter side is resized to. */
  resize: number;
  /** How it is resized. */
  filter: Filter;
  /** The colour (r, g, b of 0 … 255) behind transparent pictures. */
  background: readonly [number, number, number];
  /** Larger files are not read. */
  maxFileBytes: number;
}

/** Reads, decodes, composites and resizes one picture, its proportions kept. Throws what is wrong with the file. */
export async function readPicture(path: string, options: ReadOptions): Promise<Rgb> {
  const { size } = await Deno.stat(path);
  if (size > options.maxFileBytes) {
    throw new LatentError("data.large", {
      what: `${path} is too large`,
      found: `${size} bytes`,
      wanted: `at most ${options.maxFileBytes} bytes`,
    });
  }
  const picture = composite(await decodeImage(await Deno.readFile(path), { name: path }), options.background);
  const scale = options.resize / Math.min(picture.width, picture.height);
  const width = Math.round(picture.width * scale);
  const height = Math.round(picture.height * scale);
  return resample(picture, width, height, options.filter);
}
