import type { Device } from "./dtype.ts";
import { Generator } from "./generator.ts";
import { cat, randn } from "./methods.ts";
import { scope } from "../../ffi/mod.ts";
import { type Tensor, tensor } from "./tensor.ts";

/** Standard normal numbers for one or more images, drawn one after the other. */
export interface Noise extends Disposable {
  /** The next draw. @param shape [B, …] with one row an image @returns float32 on `device` */
  normal(shape: readonly number[], device?: Device): Tensor;
}

/** Which generator a picture's noise comes from: ours on every machine, or PyTorch's CPU generator. */
export type NoiseKind = "philox" | "torch";

/**
 * The noise of a batch of images, one stream an image: what image k gets depends on its seed and the number of the draw
 * alone, not on the batch, the device or the machine.
 *
 * @param seeds one an image, whole numbers from 0 to 2^53
 */
export function noiseOf(seeds: readonly number[], kind: NoiseKind = "philox"): Noise {
  return kind === "philox" ? philoxNoise(seeds) : torchNoise(seeds);
}

function philoxNoise(seeds: readonly number[]): Noise {
  let draw = 0;
  return {
    normal(shape, device = "cpu") {
      const count = shape.slice(1).reduce((product, size) => product * size, 1);
      const values = new Float32Array(seeds.length * count);
      seeds.forEach((seed, i) => philoxNormal(seed, draw, values.subarray(i * count, (i + 1) * count)));
      draw++;
      return tensor(values, { shape, device });
    },
    [Symbol.dispose]: () => {},
  };
}

/** As `torch.randn(1, …, generator=torch.Generator().manual_seed(seed))` on the CPU, one generator an image. */
function torchNoise(seeds: readonly number[]): Noise {
  const generators = seeds.map((seed) => Generator.seeded(seed));
  return {
    normal: (shape, device = "cpu") =>
      scope(() =>
        cat(generators.map((g) => randn([1, ...shape.slice(1)], { generator: g, dtype: "float32" }))).to({ device })
      ),
    [Symbol.dispose]: () => generators.forEach((g) => g.dispose()),
  };
}

const inverse = Math.fround(2 ** -32);
const half = Math.fround(2 ** -33);
const angle = Math.fround(2 ** -32 * 2 * Math.PI);
const halfAngle = Math.fround(2 ** -33 * 2 * Math.PI);

/**
 * Fills `into` with draw number `draw` of a seed: Philox-4x32-10 (Salmon et al. 2011) with the seed as key and the
 * counter (draw, 0, element, 0), then Box and Muller's r·sin θ of the first two words, u and θ rounded to float32 as
 * cuRAND does. Equals `torch.randn` on CUDA within 1e-5 up to as many elements as the GPU has resident threads.
 */
export function philoxNormal(seed: number, draw: number, into: Float32Array): void {
  const low = seed % 2 ** 32 >>> 0;
  const high = Math.floor(seed / 2 ** 32) >>> 0;
  for (let i = 0; i < into.length; i++) {
    philox(draw, i, low, high);
    const u = Math.fround(Math.fround(word0 * inverse) + half);
    const theta = Math.fround(Math.fround(word1 * angle) + halfAngle);
    into[i] = Math.sqrt(-2 * Math.log(u)) * Math.sin(theta);
  }
}

// The first two words of the last block, kept outside so that no array is made for each element.
let word0 = 0;
let word1 = 0;

function philox(c0: number, c2: number, key0: number, key1: number): void {
  let c1 = 0;
  let c3 = 0;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(0xd2511f53, c0);
    const low0 = Math.imul(0xd2511f53, c0);
    const high1 = multiplyHigh(0xcd9e8d57, c2);
    const low1 = Math.imul(0xcd9e8d57, c2);
    c0 = (high1 ^ c1 ^ key0) >>> 0;
    c1 = low1 >>> 0;
    c2 = (high0 ^ c3 ^ key1) >>> 0;
    c3 = low0 >>> 0;
    key0 = (key0 + 0x9e3779b9) >>> 0;
    key1 = (key1 + 0xbb67ae85) >>> 0;
  }
  word0 = c0;
  word1 = c1;
}

/** The upper 32 bits of the product of two 32-bit words. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff, aHigh = a >>> 16, bLow = b & 0xffff, bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const other = aLow * bHigh + (middle & 0xffff);
  return aHigh * bHigh + Math.floor(middle / 65536) + Math.floor(other / 65536);
}
