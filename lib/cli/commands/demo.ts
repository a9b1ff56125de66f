import { join } from "@std/path";
import * as z from "zod";
import type { WorkEvent } from "../../base/mod.ts";
import { fetchEmoji } from "../../data/mod.ts";
import {
  type AutoencoderSettings,
  type DiffusionSettings,
  trainAutoencoder,
  trainDiffusion,
  type TrainOptions,
} from "../../train/mod.ts";
import { command } from "../command.ts";
import { pathOption, userPath } from "../paths.ts";
import { sample } from "./sample.ts";

/** One group of the emoji, 147 pictures: few enough to be learnt in minutes on two cores. */
const pictures = { data: "emoji", size: 64, images: { classes: ["smileys-emotion"] } };

const every = { validate: 1000, sample: 100_000, checkpoint: 500 };

/** How the demo trains its first stage; `task bench` times a step. */
export const firstStage = {
  ...pictures,
  model: { f: 4, channels: 32, multipliers: [1, 1, 2], residualBlocks: 0, latentChannels: 4, resolution: 64 },
  batchSize: 8,
  learningRate: 2e-3,
  optimizer: { warmup: 50, emaDecay: 0.99 },
  every,
} satisfies AutoencoderSettings;

/** It predicts v: a network that predicts ε must be far more exact at the highest noise, and is so only much later. */
export const denoiser = {
  ...pictures,
  model: { channels: 64, multipliers: [1, 2, 3], residualBlocks: 1, attentionFactors: [2, 4], headChannels: 32 },
  objective: { predict: "v" },
  batchSize: 32,
  learningRate: 1e-3,
  optimizer: { warmup: 50 },
  every,
} satisfies Omit<DiffusionSettings, "firstStage">;

/** `latent demo`: both trainings on emoji in a few minutes, then pictures. */
export const demo = command({
  name: "demo",
  summary: "Train a small latent diffusion model on emoji and make 16 new ones, in 9 minutes.",
  options: z.strictObject({
    minutes: z.number().positive().default(8).describe("Of training, both stages together."),
    seed: z.int().min(0).default(0).describe("Of weights, order, noise and pictures."),
    out: pathOption("folder", "Where both runs and the pictures go.").default(userPath("runs/demo")),
  }),
  computes: true,
  permissions: ["read", "write", "net", "run", "ffi", "sys"],
  async *run({ minutes, seed, out }, context): AsyncGenerator<WorkEvent> {
    const { signal } = context;
    const [first, second] = [join(out, "autoencoder"), join(out, "diffusion")];
    yield* fetchEmoji({ signal });
    yield { type: "step", text: "train the first stage: images of 64×64 to latents of 16×16 and back" };
    yield* stage(trainAutoencoder({ ...firstStage, seed, minutes: 0.21 * minutes }, run(first, signal)));
    if (signal.aborted) return;
    yield { type: "step", text: "train the diffusion model on the latents" };
    yield* stage(
      trainDiffusion({ ...denoiser, seed, minutes: 0.79 * minutes, firstStage: first }, run(second, signal)),
    );
    if (signal.aborted) return;
    yield { type: "step", text: "make 16 new emoji" };
    const settings = sample.options.parse({ model: second, count: 16, seed, out: join(out, "pictures") });
    yield* sample.run(settings, context) as AsyncIterable<WorkEvent>;
  },
});

/** A new run in the folder, or the rest of one that was stopped. */
function run(out: string, signal: AbortSignal): TrainOptions {
  return { out, resume: exists(join(out, "config.yaml")), signal };
}

/** The events of a training that is a part of the whole. */
async function* stage(training: AsyncIterable<WorkEvent>): AsyncGenerator<WorkEvent> {
  for await (const event of training) {
    if (event.type === "done") yield { type: "note", text: event.text };
    else yield event;
  }
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
