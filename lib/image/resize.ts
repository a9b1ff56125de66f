import { scope, type Tensor } from "../tensor/mod.ts";

/** How {@linkcode resize} weighs pixels: Pillow's BICUBIC (a = −0.5) or BILINEAR. */
export type ResizeFilter = "bicubic" | "bilinear";

/**
 * Pictures [B, C, h, w] in another size, antialiased: uint8 equals Pillow 13's `Image.resize` to ±1 on every device;
 * other dtypes are neither rounded nor clipped, so bicubic overshoots at edges.
 *
 * (libtorch's own uint8 kernel is 25 times as fast, but exists on the CPU alone and is off by 2 now and then.)
 *
 * @param size [height, width] of the result
 * @throws {LatentError} libtorch's sentence where x has not four dimensions or a size is below 1
 */
export function resize(x: Tensor, size: readonly [number, number], filter: ResizeFilter = "bicubic"): Tensor {
  const method = filter === "bicubic" ? "upsampleBicubic2dAa" : "upsampleBilinear2dAa";
  if (x.dtype !== "uint8") return x[method](size, false);
  return scope(() => {
    const pixels = resizePasses(x.shape.slice(-2) as [number, number], size).reduce(
      (y, to) => y[method](to, false).add(0.5).floor().clamp(0, 255),
      x.to({ dtype: "float32" }),
    );
    return pixels.to({ dtype: "uint8" });
  });
}

/**
 * The sizes [height, width] after each of the two passes of a resizing, of which the first changes one of them at most.
 * Pillow (Resample.c) rounds and clips in between, so the order can be seen: along the rows first, unless the height
 * loses more than twice what the width does.
 */
export function resizePasses(
  [h, w]: readonly [number, number],
  [height, width]: readonly [number, number],
): (readonly [number, number])[] {
  const columnsFirst = h > height && h - height > 2 * (w - width);
  return [columnsFirst ? [height, w] : [h, width], [height, width]];
}
