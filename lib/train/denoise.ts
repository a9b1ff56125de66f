import { join } from "@std/path";
import { addNoise, diffusionObjective, makeSchedule } from "../diffusion/mod.ts";
import { AutoencoderKL, type FirstStage, type FirstStageNetwork, type Unet } from "../model/mod.ts";
import { type LatentDiffusion, sample, saveDiffusion, saveFirstStage } from "../task/mod.ts";
import { disk } from "../file/mod.ts";
import { grid } from "../image/mod.ts";
import { full, type Generator, keep, noGrad, randint, randn, scope, type Tensor } from "../tensor/mod.ts";
import type { DenoiseConfig } from "./config.ts";
import type { Trainee } from "./trainee.ts";

/** Where a run keeps the first stage that it was begun with. */
export function firstStagePath(folder: string): string {
  return join(folder, "first_stage.safetensors");
}

/** The denoiser's training: eq. 2 of the paper on latents of the frozen first stage, with t uniform. */
export function denoiseTrainee(
  firstStage: FirstStageNetwork,
  unet: Unet,
  config: DenoiseConfig,
): Trainee & Disposable {
  const { schedule, objective: { predict, logvar: { start, learn }, latentScale, sampleSteps }, size } = config;
  const noiseSchedule = makeSchedule(schedule);
  const objective = diffusionObjective(noiseSchedule, config.objective);
  const logvar = learn || start !== 0
    ? keep(full([schedule.steps], start, { device: deviceOf(unet) })).requiresGrad_(learn)
    : undefined;
  const settings = { schedule, predict, size };

  /** Encodings → latents, drawn from them where they are distributions, scaled. */
  const draw = (features: Tensor, generator: Generator, scale: number) => {
    const normal = (shape: readonly number[]) => randn(shape, { generator, device: features.device });
    return noGrad(() => scope(() => latentOf(features, normal).mul(scale)));
  };

  /** Features that were read have the standard deviation where encodings have the log-variance. */
  const latentOf: FirstStage["latent"] = (features, normal) => {
    if (config.latents === undefined || !(firstStage instanceof AutoencoderKL)) {
      return firstStage.latent(features, normal);
    }
    const [mean, std] = features.chunk(2, 1) as [Tensor, Tensor];
    return mean.addcmul(std, normal!(mean.shape));
  };

  const trainee: Trainee & Disposable = {
    network: unet,
    ...logvar && learn && { extraParameters: new Map([["logvar", logvar]]) },
    state: { latentScale: latentScale === "first-batch" ? 1 : latentScale },
    begin(folder) {
      const path = firstStagePath(folder);
      if (!disk.exists(path)) saveFirstStage(path, firstStage);
    },
    features: (images) => firstStage.encode(images),
    prepare(features, generator) {
      if (latentScale !== "first-batch") return;
      trainee.state = { latentScale: 1 / draw(features, generator, 1).std(null).item() };
    },
    loss(features, generator) {
      const z = draw(features, generator, trainee.state["latentScale"]!);
      const noise = randn(z.shape, { generator, device: z.device }).contiguous({ memoryFormat: "channels_last" });
      const steps = randint(0, schedule.steps, [z.shape[0]!], { generator, device: z.device });
      const t = Array.from(steps.data() as BigInt64Array, Number);
      const x = addNoise(noiseSchedule, z, noise, t);
      const { loss, log: { loss: _, ...terms } } = objective(unet.call(x, steps), { x0: z, noise, t }, logvar);
      return { loss, terms };
    },
    async show(_, signal) {
      const options = { seed: 0, count: 16, steps: sampleSteps, device: deviceOf(unet), ...signal && { signal } };
      for await (const event of sample(modelOf(), options)) {
        if (event.type === "pictures") return grid(event.pictures, { columns: 4 });
      }
      throw new Error("no batch was sampled");
    },
    save: (path) => saveDiffusion(path, firstStage, unet, { ...settings, latentScale: trainee.state["latentScale"]! }),
    [Symbol.dispose]: () => logvar?.dispose(),
  };

  const modelOf = (): LatentDiffusion => ({
    ...settings,
    latentScale: trainee.state["latentScale"]!,
    firstStage,
    unet,
    noise: noiseSchedule,
    hash: "",
    dispose() {},
    [Symbol.dispose]() {},
  });

  return trainee;
}

function deviceOf(unet: Unet): string {
  return unet.parameters()[0]!.device;
}
