import * as z from "zod";
import {
  configOfRun,
  denoiseSchema,
  describePlan,
  type FirstStagePreset,
  firstStagePresets,
  firstStageSchema,
  planAutoencoder,
  planDiffusion,
  trainAutoencoder,
  trainDiffusion,
  type TrainingPlan,
} from "../../train/mod.ts";
import { type Answer, command } from "../command.ts";
import { pathOption, userPath } from "../paths.ts";

const run = {
  resume: z.boolean().default(false).describe("Go on with the run in --out, with its own settings."),
  init: pathOption("file", "Model file whose weights to start from.").optional(),
  dryRun: z.boolean().default(false).describe("Only say what would be done."),
};

const common = {
  configurable: true,
  computes: true,
  permissions: ["read", "write", "ffi", "sys"],
} as const;

/** A resumed run's settings are those in its folder. */
function configOf(out: string) {
  return (typed: Record<string, unknown>) =>
    typed["resume"] === true ? configOfRun(userPath(typeof typed["out"] === "string" ? typed["out"] : out)) : undefined;
}

const presets = Object.keys(firstStagePresets);

function presetOf({ preset }: Record<string, unknown>): Record<string, unknown> | undefined {
  return typeof preset === "string" && Object.hasOwn(firstStagePresets, preset)
    ? { ...firstStagePresets[preset as FirstStagePreset] }
    : undefined; // the schema says what is wrong with it
}

/** `latent train autoencoder`: the first stage. */
export const trainFirstStage = command({
  ...common,
  name: "train autoencoder",
  configOf: configOf("runs/autoencoder"),
  presetOf,
  summary: "Train a first stage on a folder of images.",
  options: z.strictObject({
    preset: z.enum(presets).optional().describe("Settings of a published first stage, under all others."),
    ...firstStageSchema.shape,
    out: pathOption("folder", "Folder of the run.").default(userPath("runs/autoencoder")),
    ...run,
  }),
  run: ({ out, resume, init, dryRun, preset: _, ...settings }, { signal }) =>
    dryRun
      ? planned(planAutoencoder(withPaths(settings), { out, resume }))
      : trainAutoencoder(withPaths(settings), { out, resume, signal, ...init && { init } }),
});

/** `latent train diffusion`: a denoiser in the first stage's latent space. */
export const trainDenoiser = command({
  ...common,
  name: "train diffusion",
  configOf: configOf("runs/diffusion"),
  summary: "Train a diffusion model on the latents of a first stage.",
  options: z.strictObject({
    ...denoiseSchema.shape,
    out: pathOption("folder", "Folder of the run.").default(userPath("runs/diffusion")),
    ...run,
  }),
  run: ({ out, resume, init, dryRun, ...settings }, { signal }) =>
    dryRun
      ? planned(planDiffusion(withPaths(settings), { out, resume }))
      : trainDiffusion(withPaths(settings), { out, resume, signal, ...init && { init } }),
});

async function planned(plan: Promise<TrainingPlan>): Promise<Answer> {
  return { text: describePlan(await plan), value: await plan };
}

function withPaths<T extends Paths>(settings: T): T {
  const { data, firstStage, latents, perceptual } = settings;
  return {
    ...settings,
    data: data === "emoji" ? data : userPath(data),
    ...firstStage && { firstStage: firstStage === "pixels" ? firstStage : userPath(firstStage) },
    ...latents && { latents: userPath(latents) },
    ...perceptual?.weights && { perceptual: { ...perceptual, weights: userPath(perceptual.weights) } },
  };
}

interface Paths {
  data: string;
  firstStage?: string;
  latents?: string | undefined;
  perceptual?: { weights?: string | undefined } | undefined;
}
