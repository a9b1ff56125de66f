import { LatentError } from "../base/mod.ts";
import { disk } from "../file/mod.ts";
import {
  AutoencoderKL,
  type AutoencoderOptions,
  AutoencoderVQ,
  type AutoencoderVQOptions,
  type FirstStage,
  type FirstStageNetwork,
  IdentityFirstStage,
  PatchDiscriminator,
  Unet,
} from "../model/mod.ts";
import { onDevice } from "../nn/mod.ts";
import { loadFirstStage, loadPerceptual } from "../task/mod.ts";
import type { Device } from "../tensor/mod.ts";
import { autoencoderOptions, type DenoiseConfig, type FirstStageConfig, unetOptions } from "./config.ts";
import { denoiseTrainee, firstStagePath } from "./denoise.ts";
import { firstStageTrainee } from "./first_stage.ts";
import type { Trainee } from "./trainee.ts";

/** What is trained, its weights not yet filled, with the networks that it needs. */
export interface Networks extends Disposable {
  trainee: Trainee;
  /** Shape of one latent, [Z, h, w]. */
  latent: readonly [number, number, number];
}

/** The networks of a first stage's training. @throws LatentError `config.size`, `usage.weights` */
export function autoencoderNetworks(config: FirstStageConfig, device: Device): Networks {
  const { model: { f }, codebook: { beta }, perceptual, adversary } = config;
  wantDivisible(config.size, f, "the first stage's factor");
  using made = new DisposableStack();
  const judges = {
    perceptual: perceptual && made.use(loadPerceptual(perceptual.network, { device, weights: perceptual.weights })),
    discriminator: adversary && made.use(onDevice(device, () => new PatchDiscriminator(adversary))),
  };
  const model = made.use(onDevice(device, () => autoencoderOf(autoencoderOptions(config.model, { beta }))));
  const trainee = made.use(firstStageTrainee(model, config, judges));
  const owned = made.move();
  return { trainee, latent: latentOf(model, config.size), [Symbol.dispose]: () => owned.dispose() };
}

function autoencoderOf(options: AutoencoderOptions | AutoencoderVQOptions): AutoencoderKL | AutoencoderVQ {
  return "codebook" in options ? new AutoencoderVQ(options) : new AutoencoderKL(options);
}

/**
 * The networks of a denoiser's training, the first stage filled.
 *
 * @param folder of a run that is resumed, which keeps its first stage
 * @throws LatentError `config.size`, and what `loadFirstStage` throws
 */
export function diffusionNetworks(config: DenoiseConfig, device: Device, folder?: string): Networks {
  const kept = folder === undefined ? undefined : firstStagePath(folder);
  // a run that was killed at its very start has none yet
  const path = kept !== undefined && disk.exists(kept) ? kept : config.firstStage;
  const firstStage: FirstStageNetwork = path === "pixels"
    ? new IdentityFirstStage({ imageChannels: 3 })
    : loadFirstStage(path, device).requiresGrad_(false);
  try {
    const factor = firstStage.factor * 2 ** (config.model.multipliers.length - 1);
    wantDivisible(config.size, factor, "first stage and U-Net together");
    const unet = onDevice(device, () => new Unet(unetOptions(config.model, firstStage.latentChannels)));
    const trainee = denoiseTrainee(firstStage, unet, config);
    const dispose = () => (trainee[Symbol.dispose](), firstStage.dispose(), unet.dispose());
    return { trainee, latent: latentOf(firstStage, config.size), [Symbol.dispose]: dispose };
  } catch (error) {
    firstStage.dispose();
    throw error;
  }
}

function latentOf({ factor, latentChannels }: FirstStage, size: number): [number, number, number] {
  return [latentChannels, size / factor, size / factor];
}

function wantDivisible(size: number, factor: number, why: string): void {
  if (size % factor === 0) return;
  throw new LatentError("config.size", {
    what: "The image size does not fit the networks",
    found: `size ${size}`,
    wanted: `a multiple of ${factor}, by which ${why} divide it`,
    mend: `Use size ${Math.max(factor, Math.round(size / factor) * factor)}.`,
  });
}
