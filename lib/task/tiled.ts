import { LatentError } from "../base/mod.ts";
import { inTiles, type Tile } from "../diffusion/mod.ts";
import type { FirstStage } from "../model/mod.ts";
import { type Tensor, tensor } from "../tensor/mod.ts";

/** How images are cut into tiles, in pixels, both multiples of f. */
export interface TileOptions {
  /** Side of a tile. Images that are not larger are not cut. */
  tile: number;
  /** What neighbours share at least, over which one fades into the other. @default {a quarter of the tile} */
  overlap?: number | undefined;
}

/**
 * A first stage that works in overlapping tiles: under `inferenceMode` or `noGrad` it needs the memory of one tile and of
 * the result. Neighbours fade linearly into each other, in encodings and in decoded pixels. What fits into one tile has
 * the bits of the first stage itself; of larger images the result is near that of the whole, for norms and attention
 * look further than any tile. A codebook quantises each tile as it is decoded, which changes no code.
 *
 * @throws LatentError `usage.tile` for sizes that no tiles can have
 */
export function tiled(firstStage: FirstStage, { tile, overlap }: TileOptions): FirstStage {
  const { factor, latentChannels } = firstStage;
  const shared = overlap ?? Math.max(factor, Math.round(tile / 4 / factor) * factor);
  wantTiles(tile, shared, factor);
  const cells = { tile: tile / factor, overlap: shared / factor };
  return {
    factor,
    latentChannels,
    encode: (image) => fading(image, { ...cells, from: factor, to: 1 }, (part) => firstStage.encode(part)),
    latent: (encoding, normal) => firstStage.latent(encoding, normal),
    decode: (z) => fading(z, { ...cells, from: 1, to: factor }, (part) => firstStage.decode(part)),
  };
}

/** Tiles in cells of the latent, and how many elements of what is given and of the result a cell's side is. */
interface Tiling {
  tile: number;
  overlap: number;
  from: number;
  to: number;
}

function fading(x: Tensor, tiling: Tiling, map: (part: Tensor) => Tensor): Tensor {
  const { tile, from, to } = tiling;
  const [height = 0, width = 0] = x.shape.slice(2);
  const fits = Math.max(height, width) <= tile * from;
  const odd = x.shape.length !== 4 || height % from !== 0 || width % from !== 0; // which map is to refuse
  if (fits || odd) return map(x);
  const columns = bandsOf(width, tiling);
  const tiles = bandsOf(height, tiling).flatMap((row) =>
    columns.map((column): Tile => ({
      from: [row.from, column.from],
      size: [row.size * from, column.size * from],
      to: [row.to, column.to],
      weights: ({ dtype, device }) =>
        tensor(row.weights, { shape: [row.weights.length, 1], dtype, device })
          .mul(tensor(column.weights, { dtype, device })),
    }))
  );
  return inTiles(x, tiles, [height / from * to, width / from * to], map);
}

/** One tile along one side: where it begins in what is given and in the result, its cells, its weights in the result. */
interface Band {
  from: number;
  to: number;
  size: number;
  weights: Float64Array<ArrayBuffer>;
}

/** Tiles of one size, evenly spread along a side; at each place of the result their weights add up to 1. */
function bandsOf(side: number, { tile, overlap, from, to }: Tiling): Band[] {
  const cells = side / from;
  const size = Math.min(tile, cells);
  const count = Math.max(1, Math.ceil((cells - overlap) / (tile - overlap)));
  const starts = Array.from({ length: count }, (_, i) => Math.round(i * (cells - size) / Math.max(1, count - 1)));
  /** How much of what is left at a place goes to the tiles behind tile i: a ramp in the middle of what they share. */
  const behind = (i: number, place: number) => {
    if (i < 0 || i === count - 1) return i < 0 ? 1 : 0;
    const middle = (starts[i]! + starts[i + 1]! + size) / 2;
    return Math.min(1, Math.max(0, ((place + 0.5) / to - middle) / overlap + 0.5));
  };
  return starts.map((start, i) => ({
    from: start * from,
    to: start * to,
    size,
    weights: Float64Array.from(
      { length: size * to },
      (_, at) => behind(i - 1, start * to + at) - behind(i, start * to + at),
    ),
  }));
}

function wantTiles(tile: number, overlap: number, factor: number): void {
  const whole = (size: number) => Number.isSafeInteger(size / factor) && size > 0;
  if (whole(tile) && whole(overlap) && overlap < tile) return;
  const least = Math.max(2 * factor, Math.round(tile / factor) * factor || 0);
  throw new LatentError("usage.tile", {
    what: "Images cannot be cut into these tiles",
    found: `tiles of ${tile} pixels that share ${overlap}`,
    wanted: `multiples of ${factor}, the first stage's factor, the tile the larger one`,
    mend: `Take tiles of ${least} pixels.`,
  });
}
