import { LatentError } from "../base/mod.ts";
import { resize } from "../image/mod.ts";
import { cat, Generator, scope, type Tensor } from "../tensor/mod.ts";
import { convolve } from "./blur.ts";
import { chooseDegradation, type Degradation, type DegradationStep } from "./degradation.ts";
import { imresize, interpolate } from "./interpolate.ts";
import { jpegRoundTrip } from "./jpeg_round_trip.ts";
import { normalNoise, poissonNoise, toUint8 } from "./picture_noise.ts";
import { mix } from "./random.ts";

/** Options of {@linkcode degrade}. */
export interface DegradeOptions {
  /** Which. */
  degradation: Degradation;
  /** How many times smaller the sides become. @default {4} */
  factor?: number;
  /** The random bits of each picture, `Batch.cuts[i].draw` of the loader: functions of seed, epoch and item. */
  draws: readonly number[];
}

/**
 * Pictures as a bad camera would have sent them, for super-resolution: uint8 [B, 3, h, w] → uint8 [B, 3, h/f, w/f].
 *
 * What becomes of a picture depends on it and on its draws alone, not on its batch nor, but for rounding, on the device.
 *
 * @throws LatentError `data.size` where the factor doesn't divide both sides
 */
export function degrade(images: Tensor, { degradation, factor = 4, draws }: DegradeOptions): Tensor {
  const [h, w] = images.shape.slice(2) as [number, number];
  if (h % factor !== 0 || w % factor !== 0) {
    throw new LatentError("data.size", {
      what: `images can't be made ${factor} times smaller`,
      found: `${w} × ${h} pixels`,
      wanted: `sides that are multiples of ${factor}`,
      mend: "Choose another size.",
    });
  }
  if (degradation === "bicubic") return resize(images, [h / factor, w / factor]);
  return scope(() => {
    const chains = draws.map((draw) => chooseDegradation(degradation, [h, w], factor, draw));
    const small = chains.map(({ steps }, i) => {
      using generator = Generator.seeded(mix(draws[i]!, 3));
      const picture = images.narrow(0, i, 1).to({ dtype: "float32" }).div(255);
      return steps.reduce((x, step) => applyStep(x, step, generator), picture);
    });
    return jpegRoundTrip(toUint8(cat(small)), chains.map(({ quality }) => quality));
  });
}

/**
 * Pictures [B, 3, h, w] in [0, 1] after one step, clipped again.
 *
 * @param generator of the CPU; only noise draws from it
 */
export function applyStep(x: Tensor, step: DegradationStep, generator: Generator): Tensor {
  return scope(() => stepped(x, step, generator).clamp(0, 1));
}

function stepped(x: Tensor, step: DegradationStep, generator: Generator): Tensor {
  switch (step.kind) {
    case "blur":
      return convolve(x, step.kernel);
    case "decimate":
      return convolve(x, step.kernel).slice(2, 0, null, step.factor).slice(3, 0, null, step.factor);
    case "resize":
      return interpolate(x, step.size, step.how);
    case "imresize":
      return imresize(x, step.scale);
    case "noise":
      return x.add(normalNoise(x, step.noise, generator));
    case "speckle":
      return x.add(x.mul(normalNoise(x, step.noise, generator)));
    case "poisson":
      return poissonNoise(x, step, generator);
    case "jpeg":
      return jpegRoundTrip(toUint8(x), Array(x.shape[0]!).fill(step.quality)).to({ dtype: x.dtype }).div(255);
  }
}
