import { cat, scope, stack, type Tensor, tensor } from "../tensor/mod.ts";

/** The tables of ITU T.81, annex K, that quality 50 divides by: for brightness and for colour, rows from the top. */
// deno-fmt-ignore
const brightness = [
  16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
  14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
  49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
];
// deno-fmt-ignore
const colour = [
  17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99,
  47, 66, 99, 99, 99, 99, 99, 99, ...Array<number>(32).fill(99),
];

/**
 * libjpeg's cosine transform (jfdctint.c, jidctint.c), times 2¹³ · √8: what its butterflies add up to, left halves of
 * the rows; the right halves are their mirror images, of odd rows with the other sign.
 */
const halves = [
  [8192, 8192, 8192, 8192],
  [11363, 9633, 6437, 2260],
  [10703, 4433, -4433, -10703],
  [9633, -2259, -11362, -6436],
  [8192, -8192, -8192, 8192],
  [6437, -11362, 2261, 9633],
  [4433, -10704, 10704, -4433],
  [2260, -6436, 9633, -11363],
];
const cosines = halves.flatMap((half, k) => [...half, ...half.toReversed().map((value) => k % 2 ? -value : value)]);

/**
 * What a JPEG file makes of pictures: uint8 [B, 3, h, w] → the same, to the bit as libjpeg (Pillow, OpenCV) writes and
 * reads them: colours at half the size (4:2:0), its integer transforms, colours interpolated. Batched, on any device:
 * whole numbers in float64.
 *
 * @param qualities of each picture, 1 … 100
 */
export function jpegRoundTrip(x: Tensor, qualities: readonly number[]): Tensor {
  const [, , h, w] = x.shape as [number, number, number, number];
  return scope(() => {
    const [y, cb, cr] = toYcc(x.to({ dtype: "float64" })) as [Tensor, Tensor, Tensor];
    const bright = padded(y, 8, 8);
    const colours = [cb, cr].map((plane) => padded(halved(padded(plane, 2, 16)), 8, 8));
    const decoded = throughBlocks(bright, tablesOf(brightness, qualities, x)).narrow(1, 0, h).narrow(2, 0, w);
    const table = tablesOf(colour, qualities, x);
    const [blue, red] = colours.map((plane) => {
      const small = throughBlocks(plane, table).narrow(1, 0, Math.ceil(h / 2)).narrow(2, 0, Math.ceil(w / 2));
      return doubled(small).narrow(1, 0, h).narrow(2, 0, w).sub(128);
    }) as [Tensor, Tensor];
    return toRgb(decoded, blue, red).to({ dtype: "uint8" });
  });
}

/** ⌊(x + half) / 2^bits⌋, as integers are shifted. */
const shifted = (x: Tensor, bits: number, half = 2 ** (bits - 1)): Tensor => x.add(half).mul(2 ** -bits).floor();

/** JFIF's factors in libjpeg's 16 bits behind the point. */
const fixed = (factor: number): number => Math.sign(factor) * Math.floor(Math.abs(factor) * 65536 + 0.5);

/** [B, 3, h, w] → brightness, blueness and redness, each [B, h, w] of 0 … 255 (jccolor.c). */
function toYcc(x: Tensor): Tensor[] {
  const [r, g, b] = x.unbind(1) as [Tensor, Tensor, Tensor];
  const sum = (factors: readonly number[], half: number) =>
    shifted(r.mul(fixed(factors[0]!)).add(g.mul(fixed(factors[1]!))).add(b.mul(fixed(factors[2]!))), 16, half);
  const middle = 128 * 65536 + 32767;
  return [
    sum([0.299, 0.587, 0.114], 32768),
    sum([-0.16874, -0.33126, 0.5], middle),
    sum([0.5, -0.41869, -0.08131], middle),
  ];
}

/** Back (jdcolor.c); `blue` and `red` around 0. */
function toRgb(y: Tensor, blue: Tensor, red: Tensor): Tensor {
  const green = shifted(blue.mul(fixed(-0.34414)).add(red.mul(fixed(-0.71414))), 16);
  return stack([
    y.add(shifted(red.mul(fixed(1.402)), 16)),
    y.add(green),
    y.add(shifted(blue.mul(fixed(1.772)), 16)),
  ], 1).clamp(0, 255);
}

/** Rows and columns up to multiples, the last repeated. */
function padded(x: Tensor, rows: number, columns: number): Tensor {
  return [rows, columns].reduce((y, multiple, i) => {
    const size = y.shape[i + 1]!;
    const missing = -size & (multiple - 1);
    return missing === 0 ? y : cat([y, y.narrow(i + 1, size - 1, 1).repeatInterleave(missing, i + 1)], i + 1);
  }, x);
}

/** Means of four, rounded down and up in turn along the rows (jcsample.c, h2v2_downsample). */
function halved(x: Tensor): Tensor {
  const [batch, h, w] = x.shape as [number, number, number];
  const sums = x.reshape([batch, h / 2, 2, w / 2, 2]).sum([2, 4]);
  const bias = tensor(Array.from({ length: w / 2 }, (_, i) => 1 + i % 2), { dtype: x.dtype, device: x.device });
  return sums.add(bias).div(4).floor();
}

/** Twice the size, each pixel 9 : 3 : 3 : 1 of the four around it (jdsample.c, h2v2_fancy_upsample). */
function doubled(x: Tensor): Tensor {
  if (x.shape[2]! <= 2) return x.repeatInterleave(2, 1).repeatInterleave(2, 2); // as libjpeg: too narrow for that
  const [up, down] = neighbours(x, 1);
  const rows = stack([x.mul(3).add(up), x.mul(3).add(down)], 2).flatten(1, 2);
  const [left, right] = neighbours(rows, 2);
  const columns = [shifted(rows.mul(3).add(left), 4, 8), shifted(rows.mul(3).add(right), 4, 7)];
  return stack(columns, 3).flatten(2, 3);
}

/** What stands before each place of a dimension, and what behind; at the ends the place itself. */
function neighbours(x: Tensor, dim: number): [Tensor, Tensor] {
  const size = x.shape[dim]!;
  return [
    cat([x.narrow(dim, 0, 1), x.narrow(dim, 0, size - 1)], dim),
    cat([x.narrow(dim, 1, size - 1), x.narrow(dim, size - 1, 1)], dim),
  ];
}

/** The divisors [B, 1, 1, 8, 8] that a quality makes of a table (jcparam.c). */
function tablesOf(table: readonly number[], qualities: readonly number[], { device }: Tensor): Tensor {
  const values = qualities.flatMap((quality) => {
    const percent = quality < 50 ? Math.floor(5000 / quality) : 200 - 2 * quality;
    return table.map((value) => Math.min(255, Math.max(1, Math.floor((value * percent + 50) / 100))));
  });
  return tensor(values, { shape: [qualities.length, 1, 1, 8, 8], dtype: "float64", device });
}

/** A plane [B, h, w] transformed in blocks of 8 × 8, rounded to multiples of the table, and back. */
function throughBlocks(x: Tensor, table: Tensor): Tensor {
  const [batch, h, w] = x.shape as [number, number, number];
  const transform = tensor(cosines, { shape: [8, 8], dtype: x.dtype, device: x.device });
  const back = transform.transpose(0, 1);
  const blocks = x.sub(128).reshape([batch, h / 8, 8, w / 8, 8]).permute([0, 1, 3, 2, 4]);
  const rows = shifted(blocks.matmul(back), 11);
  const all = shifted(transform.matmul(rows), 15); // 8 times the coefficients
  const counts = all.abs().add(table.mul(4)).div(table.mul(8)).floor().mul(all.sign());
  const columns = shifted(back.matmul(counts.mul(table)), 11);
  const pixels = shifted(columns.matmul(transform), 18).add(128).clamp(0, 255);
  return pixels.permute([0, 1, 3, 2, 4]).reshape([batch, h, w]);
}
