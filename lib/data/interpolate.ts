import { scope, type Tensor, tensor } from "../tensor/mod.ts";

/** OpenCV's ways of resizing: none of them is antialiased but `area` where pictures become smaller. */
export type Interpolation = "bilinear" | "bicubic" | "area";

/** A line of pixels made of another: a matrix [to, from], row by row. */
interface Lines {
  readonly from: number;
  readonly to: number;
  readonly weights: Float64Array<ArrayBuffer>;
}

/**
 * Pictures [B, C, h, w] of a floating dtype in another size, as OpenCV's `resize` does it: `area` averages where both
 * sides become smaller and is a bilinear of its own where one becomes larger; bicubic has a = −0.75 and overshoots.
 *
 * @param size [height, width] of the result
 */
export function interpolate(x: Tensor, [height, width]: readonly [number, number], how: Interpolation): Tensor {
  const [h, w] = x.shape.slice(2) as [number, number];
  const lines = how === "bilinear"
    ? bilinear
    : how === "bicubic"
    ? bicubic
    : height <= h && width <= w
    ? area
    : areaBetween;
  return alongBoth(x, lines(h, height), lines(w, width));
}

/**
 * Pictures [B, C, h, w] of a floating dtype, bicubic with a = −0.5 as MATLAB's `imresize`: antialiased, mirrored at the
 * borders (`imresize_np` of utils_image.py, which leaves out outer columns of weights where one of them is 0).
 *
 * @param scale the result's sides are ⌈scale · h⌉ and ⌈scale · w⌉
 */
export function imresize(x: Tensor, scale: number, antialias = true): Tensor {
  const [h, w] = x.shape.slice(2) as [number, number];
  return alongBoth(x, matlabBicubic(h, scale, antialias), matlabBicubic(w, scale, antialias));
}

function alongBoth(x: Tensor, rows: Lines, columns: Lines): Tensor {
  const matrix = ({ weights, from, to }: Lines) =>
    tensor(weights, { shape: [to, from], dtype: x.dtype, device: x.device });
  return scope(() => matrix(rows).matmul(x).matmul(matrix(columns).transpose(0, 1)));
}

/** Each pixel of the result is Σ weight · pixel; a place beyond the line is `place`d within it. */
function linesOf(
  from: number,
  to: number,
  taps: (i: number) => Iterable<readonly [place: number, weight: number]>,
  placed: (place: number) => number = (place) => Math.min(from - 1, Math.max(0, place)),
): Lines {
  const weights = new Float64Array(to * from);
  for (let i = 0; i < to; i++) for (const [place, weight] of taps(i)) weights[i * from + placed(place)]! += weight;
  return { from, to, weights };
}

function bilinear(from: number, to: number): Lines {
  return linesOf(from, to, (i) => {
    const at = (i + 0.5) * from / to - 0.5;
    const left = Math.floor(at);
    return [[left, 1 - (at - left)], [left + 1, at - left]];
  });
}

function bicubic(from: number, to: number): Lines {
  return linesOf(from, to, (i) => {
    const at = (i + 0.5) * from / to - 0.5;
    const left = Math.floor(at) - 1;
    return [0, 1, 2, 3].map((k) => [left + k, cubic(at - left - k, -0.75)]);
  });
}

/** The mean of what a pixel of the result covers. */
function area(from: number, to: number): Lines {
  const scale = from / to;
  return linesOf(from, to, (i) => {
    const [start, end] = [i * scale, Math.min(from, (i + 1) * scale)];
    const first = Math.floor(start + 1e-9);
    return Array.from({ length: Math.ceil(end - 1e-9) - first }, (_, k) => {
      const place = first + k;
      return [place, (Math.min(end, place + 1) - Math.max(start, place)) / (end - start)];
    });
  });
}

/** OpenCV's `area` for what becomes larger: between two pixels only where the border of both lies in the new one. */
function areaBetween(from: number, to: number): Lines {
  return linesOf(from, to, (i) => {
    const left = Math.floor(i * from / to);
    const over = i + 1 - (left + 1) * to / from;
    const share = over <= 0 ? 0 : over - Math.floor(over);
    return [[left, 1 - share], [left + 1, share]];
  });
}

/** In float32, step by step as the original: where a weight comes out as 0 decides which are left out. */
function matlabBicubic(from: number, scale: number, antialias: boolean): Lines {
  const f = Math.fround;
  const narrow = antialias && scale < 1 ? scale : 1;
  const width = 4 / narrow;
  const rows = Array.from({ length: Math.ceil(from * scale) }, (_, i) => {
    const at = f(f((i + 1) / f(scale)) + f(0.5 * (1 - 1 / scale))); // pixels are counted from 1
    const first = Math.floor(f(at - width / 2));
    const taps = Array.from({ length: Math.ceil(width) + 2 }, (_, k): [number, number] => {
      const distance = f(f(at - first - k) * f(narrow));
      return [first + k - 1, f(f(narrow) * cubic32(distance))];
    });
    const sum = taps.reduce((total, [, weight]) => f(total + weight), 0);
    return taps.map(([place, weight]): [number, number] => [place, f(weight / sum)]);
  });
  const isFree = (k: number) => rows.some((taps) => taps.at(k)![1] === 0);
  const [start, end] = isFree(0) ? [1, -1] : isFree(-1) ? [0, -2] : [0, undefined];
  const mirrored = (place: number) => place < 0 ? -1 - place : place < from ? place : 2 * from - 1 - place;
  return linesOf(from, rows.length, (i) => rows[i]!.slice(start, end), mirrored);
}

/** Keys' cubic with a = −0.5, rounded to float32 after each operation. */
function cubic32(distance: number): number {
  const f = Math.fround;
  const x = Math.abs(distance);
  const [square, cube] = [f(x * x), f(f(x * x) * x)];
  if (x <= 1) return f(f(f(1.5 * cube) - f(2.5 * square)) + 1);
  return x <= 2 ? f(f(f(f(-0.5 * cube) + f(2.5 * square)) - f(4 * x)) + 2) : 0;
}

/** Keys' cubic at a distance. */
function cubic(distance: number, a: number): number {
  const x = Math.abs(distance);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}
