import { setImmediate } from "node:timers/promises";
import { LatentError, type WorkProgress } from "../base/mod.ts";
import { ddim, denoiserOf, makePlan, type Spacing } from "../diffusion/mod.ts";
import type { Picture } from "../image/mod.ts";
import { type Device, inferenceMode, type NoiseKind, noiseOf, scope, type Tensor } from "../tensor/mod.ts";
import type { LatentDiffusion } from "./model.ts";
import { picturesOf } from "./pictures.ts";

/** What {@linkcode sample} makes. */
export interface SampleOptions {
  /** Of the first picture; picture k has seed + k and can be made alone. @default {0} */
  seed?: number;
  /** How many. @default {1} */
  count?: number;
  /** Pictures made at once. @default {16} */
  batchSize?: number;
  /** Denoising steps, 1 to T. @default {50} */
  steps?: number;
  /** 0 is deterministic, 1 as noisy as DDPM. @default {0} */
  eta?: number;
  /** Which of the timesteps. @default {"trailing"} */
  spacing?: Spacing;
  /** Where the noise comes from. @default {"philox"} */
  rng?: NoiseKind;
  /** Where the model is. @default {"cpu"} */
  device?: Device;
  /** Ends the work after the step in hand: the call throws the signal's reason. */
  signal?: AbortSignal;
}

/** A batch of pictures is done. */
export interface SampledBatch {
  /** What tells it from progress. */
  type: "pictures";
  /** In the order of their seeds. */
  pictures: Picture[];
  /** Seed of the first. */
  seed: number;
}

/**
 * Pictures from noise alone: batches as they are done, and progress in denoising steps between them.
 *
 * @throws LatentError `usage.seed`, `usage.steps` before any work; the reason of the signal where that aborts
 */
export async function* sample(
  model: LatentDiffusion,
  options: SampleOptions = {},
): AsyncGenerator<WorkProgress | SampledBatch> {
  const { seed = 0, count = 1, batchSize = 16, steps = 50 } = options;
  wantSeeds(seed, count);
  const total = Math.ceil(count / batchSize) * steps;
  yield progress(0, total);
  for (let first = 0, done = 0; first < count; first += batchSize, done += steps) {
    const seeds = Array.from({ length: Math.min(batchSize, count - first) }, (_, i) => seed + first + i);
    let latents: Tensor | undefined;
    try {
      for await (const step of denoised(model, seeds, options)) {
        latents = step.latents;
        yield progress(done + step.index + 1, total);
      }
      yield { type: "pictures", pictures: decoded(model, latents!), seed: seed + first };
    } finally {
      latents?.dispose();
    }
  }
}

/** @throws LatentError `usage.seed` where JavaScript has no whole number for a picture's seed */
function wantSeeds(seed: number, count: number): void {
  const last = seed + (count - 1);
  if (Number.isSafeInteger(seed) && seed >= 0 && Number.isSafeInteger(last)) return;
  throw new LatentError("usage.seed", {
    what: "Pictures cannot have these seeds",
    found: `${seed} to ${last}`,
    wanted: `whole numbers from 0 to ${Number.MAX_SAFE_INTEGER}`,
  });
}

/** The latents after each step; those of the last are the caller's. */
async function* denoised(
  model: LatentDiffusion,
  seeds: readonly number[],
  { steps = 50, eta = 0, spacing = "trailing", rng = "philox", device = "cpu", signal }: SampleOptions,
): AsyncGenerator<{ index: number; latents: Tensor }> {
  const { unet, firstStage, size, noise: schedule, predict } = model;
  const plan = makePlan(schedule, steps, spacing);
  using noise = noiseOf(seeds, rng);
  const side = size / firstStage.factor;
  using start = noise.normal([seeds.length, firstStage.latentChannels, side, side], device);
  for await (const { step, x } of ddim(denoiserOf(unet, predict), start, plan, noise, { eta })) {
    if (signal?.aborted) {
      x.dispose();
      throw signal.reason;
    }
    yield { index: step.index, latents: x };
    await setImmediate();
  }
}

/** Latents [B, Z, h, w] as a sampler leaves them → pictures: divided by the latent scale, decoded, rounded to 8 bits. */
export function decoded({ firstStage, latentScale }: LatentDiffusion, latents: Tensor): Picture[] {
  return inferenceMode(() => scope(() => picturesOf(firstStage.decode(latents.div(latentScale)))));
}

function progress(done: number, total: number): WorkProgress {
  return { type: "progress", label: "sample", done, total, unit: "step" };
}
