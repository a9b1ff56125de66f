import type { Batch, Dataset } from "../data/mod.ts";
import { emoji, imageFolder } from "../data/mod.ts";
import { LatentError } from "../base/mod.ts";
import { encodePng, grid, type GridOptions, type Picture } from "../image/mod.ts";
import { type Device, fromBytes, scope, Tensor } from "../tensor/mod.ts";

/** The part of a config that chooses pictures. */
export interface DatasetConfig {
  /** `emoji`, or a folder. */
  data: string;
  /** The share of a folder kept out of training, and the only classes that are taken. */
  images: { validation: number; classes?: string[] | undefined };
}

/** The data set that a config names: `emoji`, or a folder. */
export function openDataset({ data, images: { validation, classes } }: DatasetConfig): Promise<Dataset> {
  const chosen = classes && { classes };
  return data === "emoji" ? emoji({ ...chosen }) : imageFolder(data, { validation, ...chosen });
}

/** A batch as a tensor: [B, 3, S, S] in [−1, 1], channels_last. */
export function imagesOf(batch: Batch, size: number, device: Device = "cpu"): Tensor {
  return scope(() =>
    fromBytes(batch.images, { dtype: "uint8", shape: [batch.items.length, size, size, 3] })
      .to({ device }).permute([0, 3, 1, 2]).to({ dtype: "float32" }).div_(127.5).sub_(1)
  );
}

/**
 * Images [B, 3, H, W], or one [3, H, W], in [−1, 1], clamped and rounded to 8 bits.
 *
 * @throws {LatentError} `image.shape` for a tensor of another shape
 */
export function picturesOf(images: Tensor): Picture[] {
  const [width = 0, height = 0, channels, count = 1, ...rest] = images.shape.toReversed();
  if (channels !== 3 || rest.length > 0) {
    throw new LatentError("image.shape", {
      what: "The tensor holds no images",
      found: images.describe(),
      wanted: "[B, 3, H, W] or [3, H, W], in [−1, 1]",
    });
  }
  const rgb = scope(() => {
    const bytes = images.to({ dtype: "float32" }).clamp(-1, 1).add(1).mul(127.5).round().to({ dtype: "uint8" });
    return bytes.reshape([count, 3, height, width]).permute([0, 2, 3, 1]).bytes();
  });
  return Array.from({ length: count }, (_, i) => {
    const data = new Uint8ClampedArray(4 * width * height).fill(255);
    for (let p = 0, from = 3 * i * width * height; p < width * height; p++, from += 3) {
      data.set(rgb.subarray(from, from + 3), 4 * p);
    }
    return { width, height, data };
  });
}

/** All images as one picture. */
export function gridOf(images: Tensor, columns?: number): Picture {
  return grid(picturesOf(images), columns === undefined ? {} : { columns });
}

/**
 * Images as one PNG file, several in a grid. A Deno notebook shows it where it is the value of a cell.
 *
 * @param images pictures, or a tensor as {@linkcode picturesOf} takes it
 */
export function pngOf(images: Tensor | Picture | readonly Picture[], options: GridOptions = {}): Promise<Uint8Array> {
  const pictures = images instanceof Tensor ? picturesOf(images) : [images].flat();
  return encodePng(pictures.length === 1 ? pictures[0]! : grid(pictures, options));
}
