import { LatentError } from "../base/mod.ts";
import type { Device } from "./dtype.ts";
import { Generator } from "./generator.ts";
import { cat, randn } from "./methods.ts";
import { philox } from "./philox.ts";
import { scope } from "../../ffi/mod.ts";
import { type Tensor, tensor } from "./tensor.ts";

/** Standard normal numbers for one or more images, drawn one after the other. */
export interface Noise extends Disposable {
  /**
   * The next draw, float32 on `device`.
   *
   * @param shape [B, …] with one row an image
   * @throws LatentError `tensor.shape` where B is not the number of images
   */
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
      wantRows(shape, seeds);
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
    normal(shape, device = "cpu") {
      wantRows(shape, seeds);
      return scope(() =>
        cat(generators.map((g) => randn([1, ...shape.slice(1)], { generator: g, dtype: "float32" }))).to({ device })
      );
    },
    [Symbol.dispose]: () => generators.forEach((g) => g.dispose()),
  };
}

function wantRows(shape: readonly number[], seeds: readonly number[]): void {
  if (shape[0] === seeds.length) return;
  throw new LatentError("tensor.shape", {
    what: "Noise has one row for each image's seed",
    found: `[${shape.join(", ")}]`,
    wanted: `[${[seeds.length, ...shape.slice(1)].join(", ")}] for the seeds ${seeds.join(", ")}`,
  });
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
  const block = new Uint32Array(4);
  for (let i = 0; i < into.length; i++) {
    philox(block, draw, 0, i, 0, low, high);
    const u = Math.fround(Math.fround(block[0]! * inverse) + half);
    const theta = Math.fround(Math.fround(block[1]! * angle) + halfAngle);
    into[i] = Math.sqrt(-2 * Math.log(u)) * Math.sin(theta);
  }
}
