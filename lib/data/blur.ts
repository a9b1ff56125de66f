import { scope, type Tensor, tensor } from "../tensor/mod.ts";

/** A square of weights: size × size, rows from the top. */
export interface BlurKernel {
  /** Pixels of a side, odd or even. */
  readonly size: number;
  /** Of sum 1, in float64. */
  readonly weights: Float64Array<ArrayBuffer>;
}

/**
 * A Gaussian with the variances l1 along the angle theta (from x towards y, in radians) and l2 across it, both above 0.
 * (`anisotropic_Gaussian` of bsrgan.py; where its densities all underflow, in even sizes, its kernel is 0 / 0: not ours.)
 */
export function anisotropicKernel(size: number, theta: number, l1: number, l2: number): BlurKernel {
  const [cos, sin] = [Math.cos(theta), Math.sin(theta)];
  return gaussian(size, (x, y) => (x * cos + y * sin) ** 2 / l1 + (x * sin - y * cos) ** 2 / l2, 0);
}

/**
 * A Gaussian of standard deviation sigma > 0, in pixels; weights below 2⁻⁵² of the largest are 0 (MATLAB's `fspecial`, as
 * in bsrgan.py, whose kernels of even size are all 0 where sigma is below 0.018: not ours).
 */
export function isotropicKernel(size: number, sigma: number): BlurKernel {
  return gaussian(size, (x, y) => (x * x + y * y) / sigma ** 2, 2 ** -52);
}

/** exp(−form / 2) around the middle, relative to its largest value; below `least` it is 0. */
function gaussian(size: number, form: (x: number, y: number) => number, least: number): BlurKernel {
  const middle = (size - 1) / 2;
  const forms = Float64Array.from(
    { length: size * size },
    (_, i) => form(i % size - middle, Math.floor(i / size) - middle),
  );
  const nearest = forms.reduce((a, b) => Math.min(a, b));
  const weights = forms.map((value) => Math.exp((nearest - value) / 2));
  return normalized({ size, weights: weights.map((weight) => weight < least ? 0 : weight) });
}

function normalized({ size, weights }: BlurKernel): BlurKernel {
  const sum = weights.reduce((a, b) => a + b);
  return { size, weights: weights.map((weight) => weight / sum) };
}

/**
 * The kernel moved up and to the left by `shift` pixels (down and right where it is negative), between pixels by
 * interpolation, and of sum 1 again: taking every f-th pixel after a blur with one that is moved by (f − 1) / 2 keeps
 * pictures where they are (`shift_pixel` of bsrgan.py).
 */
export function shiftedKernel({ size, weights }: BlurKernel, shift: number): BlurKernel {
  const places = Array.from({ length: size }, (_, i) => Math.min(size - 1, Math.max(0, i + shift)));
  const at = (y: number, x: number) => weights[Math.min(size - 1, y) * size + Math.min(size - 1, x)]!;
  const between = (y: number, x: number) => {
    const [top, left] = [Math.floor(y), Math.floor(x)];
    const [down, right] = [y - top, x - left];
    return (1 - down) * ((1 - right) * at(top, left) + right * at(top, left + 1)) +
      down * ((1 - right) * at(top + 1, left) + right * at(top + 1, left + 1));
  };
  return normalized({ size, weights: Float64Array.from(places.flatMap((y) => places.map((x) => between(y, x)))) });
}

/**
 * Pictures [B, C, h, w] convolved with a kernel, mirrored at their borders without repeating the outermost pixels
 * (SciPy's `ndimage.convolve` with mode "mirror").
 */
export function convolve(x: Tensor, { size, weights }: BlurKernel): Tensor {
  const [batch, channels, h, w] = x.shape as [number, number, number, number];
  return scope(() => {
    const before = Math.floor((size - 1) / 2);
    const padded = x.indexSelect(2, mirrored(h, before, size, x)).indexSelect(3, mirrored(w, before, size, x));
    const kernel = tensor(weights.toReversed(), { shape: [1, 1, size, size], dtype: x.dtype, device: x.device });
    const rows = padded.reshape([batch * channels, 1, h + size - 1, w + size - 1]);
    return rows.conv2d(kernel).reshape([batch, channels, h, w]);
  });
}

/** The pixels of a line that is continued by its mirror image on both sides, as often as it takes. */
function mirrored(length: number, before: number, size: number, like: Tensor): Tensor {
  const period = Math.max(1, 2 * (length - 1));
  const indices = Array.from({ length: length + size - 1 }, (_, i) => {
    const place = Math.abs(i - before) % period;
    return Math.min(place, period - place) % length;
  });
  return tensor(indices, { dtype: "int64", device: like.device });
}
