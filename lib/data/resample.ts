import { resizePasses } from "../image/mod.ts";

/** An 8-bit RGB picture: rows from the top, three bytes a pixel. */
export interface Rgb {
  /** Pixels of a row. */
  width: number;
  /** Rows. */
  height: number;
  /** width × height × 3 bytes. */
  data: Uint8ClampedArray<ArrayBuffer>;
  /** How transparent each pixel is, where another background than the white of `data` may be put: width × height bytes. */
  clear?: Uint8ClampedArray<ArrayBuffer>;
  /** The class of each pixel, where a label map is: width × height bytes. */
  map?: Uint8Array<ArrayBuffer>;
}

/** The filters: Pillow's BOX (area), BILINEAR and BICUBIC (a = −0.5). */
export type Filter = "area" | "bilinear" | "bicubic";

/** How far each filter reaches, and its weight at a distance, both in pixels of the smaller picture. */
const filters: Record<Filter, { support: number; weight: (x: number) => number }> = {
  area: { support: 0.5, weight: (x) => x > -0.5 && x <= 0.5 ? 1 : 0 },
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { support: 2, weight: (x) => cubic(Math.abs(x), -0.5) },
};

function cubic(x: number, a: number): number {
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/** Bits behind the point of a weight: 32, less 8 of the pixel and 2 for overshoot. */
const precision = 22;

/**
 * An RGBA picture, its alpha ignored, → an RGB picture of another size, antialiased. Equal to Pillow's `Image.resize`
 * bit for bit (`Resample.c`): along the rows and along the columns, weights in fixed point, rounded to 8 bits in
 * between.
 */
export function resample(
  { width, height, data }: { width: number; height: number; data: Uint8ClampedArray },
  outWidth: number,
  outHeight: number,
  filter: Filter,
): Rgb {
  const [first, last] = resizePasses([height, width], [outHeight, outWidth]).map(([h, w]) => ({ height: h, width: w }));
  const between = pass({ width, height, data }, 4, first!, filter);
  return first!.width === outWidth && first!.height === outHeight ? between : pass(between, 3, last!, filter);
}

/** One of the two passes, from pixels of 4 or 3 bytes: along the columns where the height changes, else along the rows. */
function pass(
  { width, height, data }: { width: number; height: number; data: Uint8ClampedArray },
  bytes: number,
  to: { width: number; height: number },
  filter: Filter,
): Rgb {
  const out = new Uint8ClampedArray(to.width * to.height * 3);
  if (to.height === height) {
    alongLines(data, out, taps(width, to.width, filter), {
      lines: { count: height, from: width * bytes, to: to.width * 3 },
      pixel: { from: bytes, to: 3 },
    });
  } else {
    alongLines(data, out, taps(height, to.height, filter), {
      lines: { count: width, from: bytes, to: 3 },
      pixel: { from: width * bytes, to: width * 3 },
    });
  }
  return { ...to, data: out };
}

/** What each pixel of a line is made of: `count[i]` pixels from `first[i]`, weighted by `weights` from `i · reach`. */
interface Taps {
  first: Int32Array;
  count: Int32Array;
  weights: Int32Array;
  reach: number;
}

function taps(size: number, outSize: number, filter: Filter): Taps {
  const { support, weight } = filters[filter];
  const scale = size / outSize;
  const stretch = Math.max(1, scale);
  const reach = Math.ceil(support * stretch) * 2 + 1;
  const first = new Int32Array(outSize);
  const count = new Int32Array(outSize);
  const weights = new Int32Array(outSize * reach);
  for (let i = 0; i < outSize; i++) {
    const center = (i + 0.5) * scale;
    const start = Math.max(0, Math.trunc(center - support * stretch + 0.5));
    const end = Math.min(size, Math.trunc(center + support * stretch + 0.5));
    const own = Array.from({ length: end - start }, (_, j) => weight((start + j - center + 0.5) * (1 / stretch)));
    const sum = own.reduce((a, b) => a + b, 0);
    first[i] = start;
    count[i] = end - start;
    weights.set(own.map((w) => fixed(w / sum)), i * reach);
  }
  return { first, count, weights, reach };
}

/** In fixed point, rounded half away from zero. */
function fixed(weight: number): number {
  return Math.trunc(weight * 2 ** precision + (weight < 0 ? -0.5 : 0.5));
}

/** Strides in bytes: from line to line and from pixel to pixel, in the source and in the target. */
interface Strides {
  lines: { count: number; from: number; to: number };
  pixel: { from: number; to: number };
}

function alongLines(
  source: Uint8ClampedArray,
  target: Uint8ClampedArray,
  { first, count, weights, reach }: Taps,
  { lines, pixel }: Strides,
): void {
  for (let line = 0; line < lines.count; line++) {
    for (let i = 0; i < first.length; i++) {
      let r = 1 << (precision - 1);
      let g = r;
      let b = r;
      let at = line * lines.from + first[i]! * pixel.from;
      const end = i * reach + count[i]!;
      for (let k = i * reach; k < end; k++, at += pixel.from) {
        const w = weights[k]!;
        r = (r + Math.imul(source[at]!, w)) | 0;
        g = (g + Math.imul(source[at + 1]!, w)) | 0;
        b = (b + Math.imul(source[at + 2]!, w)) | 0;
      }
      const to = line * lines.to + i * pixel.to;
      target[to] = r >> precision;
      target[to + 1] = g >> precision;
      target[to + 2] = b >> precision;
    }
  }
}
