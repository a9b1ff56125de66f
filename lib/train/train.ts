import { check, LatentError, type Schema, type WorkEvent } from "../base/mod.ts";
import type { Dataset } from "../data/mod.ts";
import { loadTensors, SafetensorsFile } from "../file/mod.ts";
import type { AnyModule } from "../nn/mod.ts";
import { modelPath, openDataset } from "../task/mod.ts";
import { type Device, device as deviceNamed, Generator, noGrad, scope, threads } from "../tensor/mod.ts";
import { denoiseSchema, type FirstStageConfig, firstStageSchema, type TrainConfig } from "./config.ts";
import { onLatents } from "./latents.ts";
import { runTraining } from "./loop.ts";
import { autoencoderNetworks, diffusionNetworks, type Networks } from "./networks.ts";
import { planOf, type TrainingPlan } from "./plan.ts";
import { openRun } from "./run_folder.ts";
import type { AutoencoderSettings, DiffusionSettings, TrainingSettings } from "./settings.ts";

/** Beside the config: where, and from what. */
export interface TrainOptions {
  /** The run's folder. */
  out: string;
  /** Go on with the run in `out`. @default {false} */
  resume?: boolean;
  /** A model file, or the run folder it is in, whose weights to start from, by name and shape. */
  init?: string;
  /** At the first abort the step is finished and a checkpoint written. */
  signal?: AbortSignal;
}

/**
 * Trains a first stage on images, into a run folder: config, log, checkpoints, sample grids, `model.safetensors`.
 *
 * @throws LatentError `config.*` and `usage.*` before any work, `data.*` for the images, `training.diverged`
 */
export async function* trainAutoencoder(
  settings: AutoencoderSettings,
  options: TrainOptions,
): AsyncGenerator<WorkEvent> {
  const config: FirstStageConfig = checked(firstStageSchema, settings);
  yield* training("autoencoder", settings, config, options, (device) => autoencoderNetworks(config, device));
}

/**
 * Trains a denoiser in the latent space of a first stage, into a run folder that keeps that first stage too: what it
 * saves is whole, for {@linkcode loadDiffusion}.
 *
 * @throws LatentError `config.*` and `usage.*` before any work, `data.*` for the images, `training.diverged`
 */
export async function* trainDiffusion(settings: DiffusionSettings, options: TrainOptions): AsyncGenerator<WorkEvent> {
  const folder = options.resume ? options.out : undefined;
  const [own, config] = await onLatents(settings, checked(denoiseSchema, settings), folder !== undefined);
  yield* training("diffusion", own, config, options, (device) => diffusionNetworks(config, device, folder));
}

/** What {@linkcode trainAutoencoder} would do with these settings; nothing is written. */
export async function planAutoencoder(settings: AutoencoderSettings, { out }: TrainOptions): Promise<TrainingPlan> {
  const config: FirstStageConfig = checked(firstStageSchema, settings);
  using networks = autoencoderNetworks(config, "cpu");
  return planOf("autoencoder", config, networks, await datasetOf(settings, config), out);
}

/** What {@linkcode trainDiffusion} would do with these settings; nothing is written. */
export async function planDiffusion(
  settings: DiffusionSettings,
  { out, resume }: TrainOptions,
): Promise<TrainingPlan> {
  const [own, config] = await onLatents(settings, checked(denoiseSchema, settings), resume ?? false);
  using networks = diffusionNetworks(config, "cpu", resume ? out : undefined);
  return planOf("diffusion", config, networks, await datasetOf(own, config), out);
}

/** What both trainings do: data, device, weights, folder, then the loop. */
async function* training(
  kind: string,
  settings: TrainingSettings,
  config: TrainConfig & Record<string, unknown>,
  { out, resume = false, init, signal }: TrainOptions,
  build: (device: Device) => Networks,
): AsyncGenerator<WorkEvent> {
  if (resume && init !== undefined) throw initAndResume();
  const device = deviceNamed(config.device);
  if (config.threads > 0) threads(config.threads);
  const dataset = await datasetOf(settings, config);
  using networks = build(device);
  const { trainee } = networks;
  initialise([trainee.network, ...trainee.adversary ? [trainee.adversary.network] : []], config.seed, device);
  if (init !== undefined) yield* initFrom(trainee.network, init);
  using folder = openRun(out, config, resume);
  trainee.begin(out);
  yield* runTraining({ kind, trainee, config, dataset, device, folder, resume, ...signal && { signal } });
}

function initialise(networks: readonly AnyModule[], seed: number, device: Device): void {
  using generator = Generator.seeded(seed, device);
  for (const network of networks) network.initialise(generator);
}

/** Where the names of a network stand in a model file. */
const prefixes = ["", "model.diffusion_model.", "first_stage_model."];

/** Copies the tensors that have the name and shape of the network's; says which have not. */
function* initFrom(network: AnyModule, path: string): globalThis.Generator<WorkEvent> {
  using file = SafetensorsFile.open(modelPath(path));
  const weights = loadTensors(file);
  const left: string[] = [];
  let copied = 0;
  scope(() =>
    noGrad(() => {
      for (const [name, own] of network.stateDict()) {
        const found = prefixes.map((prefix) => weights.get(prefix + name)).find((tensor) => tensor !== undefined);
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

function initAndResume(): LatentError {
  return new LatentError("usage.init", {
    what: "A resumed run has its weights already",
    found: "both --init and --resume",
    wanted: "one of them",
    mend: "Leave --init out to go on with the run, or --resume to start a new one in another folder.",
  });
}

/** The config, its defaults filled in; of a data set it keeps the name. */
function checked<T>(schema: Schema<T>, settings: TrainingSettings): T {
  const { data } = settings;
  const named = isDataset(data) ? { ...settings, data: data.name } : settings;
  return check(schema, named, { code: "config.invalid", subject: "The training's config" });
}

/** The data set that was given, or that the config names. */
async function datasetOf({ data }: TrainingSettings, config: TrainConfig): Promise<Dataset> {
  return isDataset(data) ? data : await openDataset(config);
}

function isDataset(data: TrainingSettings["data"]): data is Dataset {
  return typeof data === "object" && data !== null && "train" in data;
}
