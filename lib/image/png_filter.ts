import type { Picture } from "./picture.ts";

/** The five predictions of PNG: of the byte to the left, above, and above to the left. */
const PREDICTIONS: readonly ((left: number, up: number, corner: number) => number)[] = [
  () => 0,
  (left) => left,
  (_left, up) => up,
  (left, up) => (left + up) >> 1,
  paeth,
];

/**
 * A picture's rows as PNG stores them before packing: each begins with the number of its filter and holds the
 * differences from that filter's prediction. Each row takes the filter whose differences, as signed bytes, have the
 * least sum of magnitudes (libpng's choice).
 *
 * @param channels 3 leaves alpha out
 */
export function filterRows(picture: Picture, channels: 3 | 4): Uint8Array {
  const { width, height, data } = picture;
  const stride = width * channels;
  const rows = new Uint8Array(height * (stride + 1));
  const candidates = PREDICTIONS.map(() => new Uint8Array(stride));
  let above = new Uint8Array(stride);
  let row = new Uint8Array(stride);
  for (let y = 0; y < height; y++) {
    for (let x = 0, i = 0, at = y * width * 4; x < width; x++, at += 4) {
      for (let c = 0; c < channels; c++) row[i++] = data[at + c]!;
    }
    let best = 0;
    let least = Infinity;
    PREDICTIONS.forEach((predict, filter) => {
      const sum = differences(candidates[filter]!, row, above, channels, predict);
      if (sum < least) [best, least] = [filter, sum];
    });
    rows[y * (stride + 1)] = best;
    rows.set(candidates[best]!, y * (stride + 1) + 1);
    [above, row] = [row, above];
  }
  return rows;
}

/** Fills in a row's differences from a prediction; returns the sum of their magnitudes. */
function differences(
  out: Uint8Array,
  row: Uint8Array,
  above: Uint8Array,
  channels: number,
  predict: (left: number, up: number, corner: number) => number,
): number {
  let sum = 0;
  for (let i = 0; i < row.length; i++) {
    const left = i < channels ? 0 : row[i - channels]!;
    const corner = i < channels ? 0 : above[i - channels]!;
    const difference = (row[i]! - predict(left, above[i]!, corner)) & 255;
    out[i] = difference;
    sum += difference < 128 ? difference : 256 - difference;
  }
  return sum;
}

/** Whichever of left, up and corner is nearest to left + up − corner (PNG specification, 9.4). */
function paeth(left: number, up: number, corner: number): number {
  const toLeft = Math.abs(up - corner);
  const toUp = Math.abs(left - corner);
  const toCorner = Math.abs(left + up - 2 * corner);
  if (toLeft <= toUp && toLeft <= toCorner) return left;
  return toUp <= toCorner ? up : corner;
}
