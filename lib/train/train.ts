import { check, LatentError, type WorkEvent } from "../base/mod.ts";
import { loadTensors, SafetensorsFile } from "../file/mod.ts";
import { AutoencoderKL, Unet } from "../model/mod.ts";
import { type AnyModule, onDevice } from "../nn/mod.ts";
import { loadFirstStage, openDataset } from "../task/mod.ts";
import { type Device, device as deviceNamed, Generator, noGrad, scope, threads } from "../tensor/mod.ts";
import {
  autoencoderOptions,
  type DenoiseConfig,
  denoiseSchema,
  type FirstStageConfig,
  firstStageSchema,
  type TrainConfig,
} from "./config.ts";
import { denoiseTrainee, firstStagePath } from "./denoise.ts";
import { firstStageTrainee } from "./first_stage.ts";
import { runTraining } from "./loop.ts";
import { openRun } from "./run_folder.ts";
import type { Trainee } from "./trainee.ts";

/** Beside the config: where, and from what. */
export interface TrainOptions {
  /** The run's folder. */
  out: string;
  /** Go on with the run in `out`. @default {false} */
  resume?: boolean;
  /** A model file whose weights to start from, by name and shape. */
  init?: string;
  /** At the first abort the step is finished and a checkpoint written. */
  signal?: AbortSignal;
}

/** Trains a first stage; the settings as in a config file, defaults filled in. */
export async function* trainAutoencoder(settings: object, options: TrainOptions): AsyncGenerator<WorkEvent> {
  const config: FirstStageConfig = checked(firstStageSchema, settings);
  yield* training("autoencoder", config, options, (device) => {
    wantDivisible(config.size, config.model.f, "the first stage's factor");
    const model = onDevice(device, () => new AutoencoderKL(autoencoderOptions(config.model)));
    return { trainee: firstStageTrainee(model, config), dispose: () => model.dispose() };
  });
}

/** Trains a denoiser in the latent space of a first stage. */
export async function* trainDiffusion(settings: object, options: TrainOptions): AsyncGenerator<WorkEvent> {
  const config: DenoiseConfig = checked(denoiseSchema, settings);
  yield* training("diffusion", config, options, (device) => {
    const firstStage = loadFirstStage(options.resume ? firstStagePath(options.out) : config.firstStage, device)
      .requiresGrad_(false);
    wantDivisible(
      config.size,
      firstStage.factor * 2 ** (config.model.multipliers.length - 1),
      "first stage and U-Net together",
    );
    const { embedChannels } = firstStage.options;
    const { channels, headChannels, ...rest } = config.model;
    const unet = onDevice(
      device,
      () =>
        new Unet({
          ...rest,
          modelChannels: channels,
          heads: { channels: headChannels },
          inChannels: embedChannels,
          outChannels: embedChannels,
        }),
    );
    const dispose = () => (firstStage.dispose(), unet.dispose());
    return { trainee: denoiseTrainee(firstStage, unet, config), dispose };
  });
}

/** What both trainings do: data, device, weights, folder, then the loop. */
async function* training(
  kind: string,
  config: TrainConfig & Record<string, unknown>,
  { out, resume = false, init, signal }: TrainOptions,
  build: (device: Device) => { trainee: Trainee; dispose(): void },
): AsyncGenerator<WorkEvent> {
  const device = deviceNamed(config.device);
  if (config.threads > 0) threads(config.threads);
  const dataset = await openDataset(config);
  const { trainee, dispose } = build(device);
  try {
    initialise(trainee.network, config.seed, device);
    if (init !== undefined) yield* initFrom(trainee.network, init);
    using folder = openRun(out, config, resume);
    if (!resume) trainee.begin(out);
    yield* runTraining({
      kind,
      trainee,
      config,
      dataset,
      device,
      folder,
      resume,
      ...(signal === undefined ? {} : { signal }),
    });
  } finally {
    dispose();
  }
}

function initialise(network: AnyModule, seed: number, device: Device): void {
  using generator = Generator.seeded(seed, device);
  network.initialise(generator);
}

/** Copies the tensors that have the name and shape of the network's; says which have not. */
function* initFrom(network: AnyModule, path: string): globalThis.Generator<WorkEvent> {
  using file = SafetensorsFile.open(path);
  const weights = loadTensors(file);
  const left: string[] = [];
  let copied = 0;
  scope(() =>
    noGrad(() => {
      for (const [name, own] of network.stateDict()) {
        const found = weights.get(name) ?? weights.get(`model.diffusion_model.${name}`);
        if (found === undefined || String(found.shape) !== String(own.shape)) left.push(name);
        else copied += own.copy_(found).alive ? 1 : 0;
      }
    })
  );
  for (const tensor of weights.values()) tensor.dispose();
  if (copied === 0) {
    throw new LatentError("usage.init", {
      what: `${path} has no tensor with a name and shape of this network`,
      mend: "Use weights of the same kind of network.",
    });
  }
  const rest = left.length === 0
    ? ""
    : `; ${left.length} start anew: ${left.slice(0, 10).join(", ")}${left.length > 10 ? " …" : ""}`;
  yield { type: "note", text: `started from ${copied} tensors of ${path}${rest}` };
}

function checked<T>(schema: { parse(value: unknown): T }, settings: object): T {
  return check(schema, settings, { code: "config.invalid", subject: "The training's config" });
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
