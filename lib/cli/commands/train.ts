import { join } from "@std/path";
import * as z from "zod";
import { denoiseSchema, firstStageSchema, trainAutoencoder, trainDiffusion } from "../../train/mod.ts";
import { command } from "../command.ts";
import { pathOption, userPath } from "../paths.ts";

const run = {
  resume: z.boolean().default(false).describe("Go on with the run in --out, with its own settings."),
  init: pathOption("file", "Model file whose weights to start from.").optional(),
};

const common = {
  configurable: true,
  computes: true,
  permissions: ["read", "write", "ffi", "sys"],
  /** A resumed run's settings are those in its folder. */
  configOf: (typed: Record<string, unknown>) =>
    typed["resume"] === true && typeof typed["out"] === "string"
      ? join(userPath(typed["out"]), "config.yaml")
      : undefined,
} as const;

/** `latent train autoencoder`: the first stage. */
export const trainFirstStage = command({
  ...common,
  name: "train autoencoder",
  summary: "Train a first stage on a folder of images.",
  options: z.strictObject({
    ...firstStageSchema.shape,
    out: pathOption("folder", "Folder of the run.").default(userPath("runs/autoencoder")),
    ...run,
  }),
  run: ({ out, resume, init, ...settings }, { signal }) =>
    trainAutoencoder(withPaths(settings), { out, resume, signal, ...init && { init } }),
});

/** `latent train diffusion`: a denoiser in the first stage's latent space. */
export const trainDenoiser = command({
  ...common,
  name: "train diffusion",
  summary: "Train a diffusion model on the latents of a first stage.",
  options: z.strictObject({
    ...denoiseSchema.shape,
    out: pathOption("folder", "Folder of the run.").default(userPath("runs/diffusion")),
    ...run,
  }),
  run: ({ out, resume, init, ...settings }, { signal }) =>
    trainDiffusion(withPaths(settings), { out, resume, signal, ...init && { init } }),
});

function withPaths<T extends { data: string; firstStage?: string }>(settings: T): T {
  const { data, firstStage } = settings;
  return {
    ...settings,
    data: data === "emoji" ? data : userPath(data),
    ...firstStage === undefined ? {} : { firstStage: userPath(firstStage) },
  };
}
