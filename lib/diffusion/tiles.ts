import { LatentError } from "../base/mod.ts";
import { scope, type Tensor, tensor, zeros } from "../tensor/mod.ts";
import { computeOn } from "./compute.ts";
import type { Denoiser, Prediction } from "./parameterization.ts";
import type { Step } from "./plan.ts";

/** Rows and columns: where something begins, or how large it is. */
export type Sides = readonly [rows: number, columns: number];

/** A rectangle that is worked on by itself. */
export interface Tile {
  /** Where it begins in what is given. */
  from: Sides;
  /** How large it is there. */
  size: Sides;
  /** Where it begins in the result. */
  to: Sides;
  /** What its elements weigh in the result, [h, w] of the dtype and device of `like`; over all tiles they add up to 1. */
  weights(like: Tensor): Tensor;
}

/** A tile of x [B, C, H, W]; a view. */
export function cutTile(x: Tensor, { from, size }: Tile): Tensor {
  return scope(() => x.narrow(2, from[0], size[0]).narrow(3, from[1], size[1]));
}

/** Adds what was made of a tile, [B, C, h, w], to the whole of the size [B, C, …sides], which begins as zeros. */
export function addTile(whole: Tensor | undefined, part: Tensor, tile: Tile, sides: Sides): Tensor {
  return scope(() => {
    const { dtype, device, shape: [batch, channels, height, width] } = part;
    const target = whole ?? zeros([batch!, channels!, ...sides], { dtype, device });
    target.narrow(2, tile.to[0], height!).narrow(3, tile.to[1], width!).addcmul_(part, tile.weights(part));
    return target;
  });
}

/** Applies `map` to the tiles of x [B, C, H, W], one after the other, and blends the results to [B, C', …sides]. */
export function inTiles(x: Tensor, tiles: readonly Tile[], sides: Sides, map: (part: Tensor) => Tensor): Tensor {
  return scope(() => {
    let whole: Tensor | undefined;
    for (const tile of tiles) whole = scope(() => addTile(whole, map(cutTile(x, tile)), tile, sides));
    return whole!;
  });
}

/** Overlapping patches, blended as the original's `split_input_params` (get_fold_unfold, ddpm.py). */
export interface PatchOptions {
  /** Of a patch, in cells of the latent (`ks`); smaller where the latent is. */
  size: Sides;
  /** From one patch to the next (`stride`); the last lies at the border. @default {half a patch} */
  stride?: Sides;
  /** The least and the most that an element of a patch weighs (`clip_min_weight`, `clip_max_weight`). @default {[0.01, 0.5]} */
  limits?: readonly [least: number, most: number];
  /** Weighs whole patches as well, by how near the border of the canvas they are, within limits (`tie_braker`). */
  tie?: readonly [least: number, most: number];
}

/** How many elements a cell's side is: 1 and f for decoding, f and 1 for encoding. */
export interface PatchScale {
  /** Of what is given. @default {1} */
  from?: number;
  /** Of the result. @default {1} */
  to?: number;
}

/** A patch and its weights before they are made to add up to 1. */
export interface Patch extends Tile {
  /** Row by row, [h, w] of the result. */
  raw: Float64Array<ArrayBuffer>;
}

/**
 * The patches of a canvas, row by row. An element weighs as much as it is far from the nearest border of its patch, 0 on
 * it and 0.5 in the middle, within limits, over the sum of what all patches weigh there.
 *
 * @param canvas in cells
 * @throws LatentError `usage.tile` for sizes that no patches can have
 */
export function patchesOf(canvas: Sides, options: PatchOptions, { from = 1, to = 1 }: PatchScale = {}): Patch[] {
  const { limits = [0.01, 0.5], tie } = options;
  const size = both((axis) => Math.min(options.size[axis], canvas[axis]));
  const stride = options.stride ?? both((axis) => Math.max(1, Math.floor(size[axis] / 2)));
  wantPatches(size, stride);
  const starts = both((axis) => startsOf(canvas[axis], size[axis], stride[axis]));
  const [height, width] = both((axis) => size[axis] * to);
  const sums = new Float64Array(canvas[0] * canvas[1] * to ** 2);
  const patches = starts[0].flatMap((top, row) =>
    starts[1].map((left, column) => {
      const share = tie === undefined ? 1 : within(tie, edge(row, starts[0].length), edge(column, starts[1].length));
      const raw = new Float64Array(height * width);
      const places = raw.map((_, i) => (top * to + Math.floor(i / width)) * canvas[1] * to + left * to + i % width);
      places.forEach((place, i) => {
        raw[i] = share * within(limits, edge(Math.floor(i / width), height), edge(i % width, width));
        sums[place]! += raw[i]!;
      });
      return { top, left, raw, places };
    })
  );
  return patches.map(({ top, left, raw, places }) => ({
    from: [top * from, left * from],
    size: [size[0] * from, size[1] * from],
    to: [top * to, left * to],
    raw,
    weights: ({ dtype, device }) =>
      tensor(raw.map((weight, i) => weight / sums[places[i]!]!), { shape: [height, width], dtype, device }),
  }));
}

const both = <T>(side: (axis: 0 | 1) => T): readonly [T, T] => [side(0), side(1)];

function startsOf(canvas: number, size: number, stride: number): number[] {
  const count = Math.ceil((canvas - size) / stride) + 1;
  return Array.from({ length: count }, (_, i) => Math.min(i * stride, canvas - size));
}

/** How far an element is from the ends of a side that is 1 long. */
function edge(at: number, count: number): number {
  return count === 1 ? 0.5 : Math.min(at, count - 1 - at) / (count - 1);
}

function within([least, most]: readonly [number, number], ...distances: number[]): number {
  return Math.min(most, Math.max(least, Math.min(...distances)));
}

function wantPatches(size: Sides, stride: Sides): void {
  const whole = [...size, ...stride].every((side) => Number.isSafeInteger(side) && side > 0);
  if (whole && stride[0] <= size[0] && stride[1] <= size[1]) return;
  throw new LatentError("usage.tile", {
    what: "A latent cannot be cut into these patches",
    found: `patches of ${size.join("×")}, one every ${stride.join("×")}`,
    wanted: "whole numbers of cells, the stride not larger than the patch",
  });
}

/** Applies a function to overlapping patches of x [B, C, H, W], such as a decoder, and blends the results. */
export function inPatches(
  x: Tensor,
  options: PatchOptions,
  map: (part: Tensor) => Tensor,
  { from = 1, to = 1 }: PatchScale = {},
): Tensor {
  const canvas = both((axis) => x.shape[2 + axis]! / from);
  return inTiles(x, patchesOf(canvas, options, { from, to }), [canvas[0] * to, canvas[1] * to], map);
}

/**
 * A denoiser of large canvases from one of patches, which is told which patch it sees, so that it can cut its condition
 * alike ({@linkcode cutTile}). It needs the memory of one patch.
 */
export function patchDenoiser(
  denoise: (x: Tensor, step: Step, patch: Patch) => Prediction | Promise<Prediction>,
  options: PatchOptions,
): Denoiser {
  return async (x, step) => {
    const sides = both((axis) => x.shape[2 + axis]!);
    let whole: Prediction | undefined;
    try {
      for (const patch of patchesOf(sides, options)) {
        using part = cutTile(x, patch);
        const seen = await denoise(part, step, patch);
        using x0 = seen.x0;
        using eps = seen.eps;
        whole = computeOn(x, () => ({
          x0: addTile(whole?.x0, x0, patch, sides),
          eps: addTile(whole?.eps, eps, patch, sides),
        }));
      }
      return whole!;
    } catch (error) {
      whole?.x0.dispose();
      whole?.eps.dispose();
      throw error;
    }
  };
}
