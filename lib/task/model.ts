import { join } from "@std/path";
import * as z from "zod";
import { check, LatentError, sha256File } from "../base/mod.ts";
import { makeSchedule, type Parameterization, type Schedule, type ScheduleOptions } from "../diffusion/mod.ts";
import { loadTensors, SafetensorsFile, tensorSources, writeSafetensors } from "../file/mod.ts";
import { type FirstStageNetwork, firstStageOf, type FirstStageOptions, Unet, type UnetOptions } from "../model/mod.ts";
import { type AnyModule, onDevice } from "../nn/mod.ts";
import type { Device, Tensor } from "../tensor/mod.ts";

const FORMAT = "latent.model.1";

const count = z.int().min(1).max(65536);
const coderSchema = z.strictObject({
  channels: count,
  multipliers: z.array(count).min(1).max(8),
  residualBlocks: z.int().min(0).max(64),
  attentionResolutions: z.array(count),
  attention: z.boolean().exactOptional(),
  resolution: count,
  imageChannels: count,
  latentChannels: count,
  embedChannels: count,
  doubleLatent: z.boolean(),
  dropout: z.number(),
  codebook: z.strictObject({
    codes: z.int().min(1).max(2 ** 24),
    beta: z.number().exactOptional(),
    legacy: z.boolean().exactOptional(),
    remap: z.int().min(1).max(2 ** 24).exactOptional(),
  }).exactOptional(),
});
const stageSchema = z.union([coderSchema, z.strictObject({ imageChannels: count })]); // the second is the identity
const unetSchema = z.strictObject({
  inChannels: count,
  outChannels: count,
  modelChannels: count,
  multipliers: z.array(count).min(1).max(8),
  residualBlocks: count.max(64),
  attentionFactors: z.array(count),
  heads: z.union([z.strictObject({ count }), z.strictObject({ channels: count })]),
  dropout: z.number(),
  scaleShift: z.boolean(),
  residualResampling: z.boolean(),
  plainResampling: z.boolean().exactOptional(),
  headsUp: count.exactOptional(),
  newAttentionOrder: z.boolean().exactOptional(),
  transformer: z.strictObject({ depth: count.max(64), contextChannels: count, linear: z.boolean().exactOptional() })
    .exactOptional(),
  classes: count.exactOptional(),
});
const firstStageSchema = z.strictObject({ kind: z.literal("autoencoder"), autoencoder: stageSchema });
const diffusionSchema = z.strictObject({
  kind: z.literal("diffusion"),
  autoencoder: stageSchema,
  unet: unetSchema,
  schedule: z.strictObject({
    kind: z.enum(["linear-sqrt", "linear", "sqrt", "cosine"]).exactOptional(),
    steps: count,
    start: z.number().exactOptional(),
    end: z.number().exactOptional(),
    offset: z.number().exactOptional(),
    zeroTerminalSnr: z.boolean().exactOptional(),
  }),
  predict: z.enum(["eps", "x0", "v"]),
  latentScale: z.number().positive(),
  size: count,
}).superRefine(({ autoencoder, size }, context) => {
  const factor = "multipliers" in autoencoder ? 2 ** (autoencoder.multipliers.length - 1) : 1;
  if (size % factor === 0) return;
  context.addIssue({ code: "custom", path: ["size"], message: `a multiple of ${factor}` });
});

/** What a denoiser was trained with and sampling must know, beside the networks. */
export interface DenoiserSettings {
  /** How noise grows. */
  schedule: ScheduleOptions & { steps: number };
  /** What the network predicts. */
  predict: Parameterization;
  /** Latents are multiplied by it after encoding and divided before decoding. */
  latentScale: number;
  /** Side of the training images, pixels. */
  size: number;
}

/** A first stage and a denoiser in its latent space, ready to sample. */
export interface LatentDiffusion extends DenoiserSettings, Disposable {
  /** Images ↔ latents. */
  firstStage: FirstStageNetwork;
  /** Predicts from noisy latents. */
  unet: Unet;
  /** The tables that follow from `schedule`. */
  noise: Schedule;
  /** SHA-256 of the file it was read from. */
  hash: string;
  /** Frees both networks; `using` does the same. */
  dispose(): void;
}

/** A run's model, or the file itself. @throws LatentError `usage.model` where there is none */
export function modelPath(path: string): string {
  try {
    const file = Deno.statSync(path).isDirectory ? join(path, "model.safetensors") : path;
    Deno.statSync(file);
    return file;
  } catch (cause) {
    throw new LatentError("usage.model", {
      what: `There is no model at ${path}`,
      wanted: "the folder of a run that has saved one, or a model.safetensors",
      mend: "Train one with `latent train autoencoder`, then `latent train diffusion`.",
      cause,
    });
  }
}

/** Writes a first stage as one file, or replaces it: weights under the original's names, architecture in the metadata. */
export function saveFirstStage(path: string, model: FirstStageNetwork): void {
  write(path, { kind: "autoencoder", autoencoder: model.options }, model.stateDict());
}

/**
 * Reads what {@linkcode saveFirstStage} wrote, from the file or the run's folder; the networks are the caller's.
 *
 * @throws LatentError `usage.model`, `file.*` for another file or config, `checkpoint.mismatch` for other tensors
 */
export function loadFirstStage(path: string, device: Device = "cpu"): FirstStageNetwork {
  return read(path, device, (file, value, tensors) => {
    const { autoencoder } = checked(firstStageSchema, value, file);
    return loaded(() => firstStageOf(autoencoder), tensors, "", file, device);
  });
}

/** @throws LatentError `usage.size` where a first stage cannot encode images of such a side */
export function checkSize({ factor }: FirstStageNetwork, size: number): void {
  if (size % factor === 0) return;
  throw new LatentError("usage.size", {
    what: `The first stage cannot encode images of ${size}×${size}`,
    found: `size ${size}`,
    wanted: `a multiple of its factor ${factor}`,
    mend: `Use size ${Math.max(1, Math.round(size / factor)) * factor}.`,
  });
}

/** Writes first stage and denoiser as one file, or replaces it; names have the original's prefixes. */
export function saveDiffusion(
  path: string,
  firstStage: FirstStageNetwork,
  unet: Unet,
  settings: DenoiserSettings,
): void {
  const tensors = new Map([
    ...withPrefix("model.diffusion_model.", unet.stateDict()),
    ...withPrefix("first_stage_model.", firstStage.stateDict()),
  ]);
  write(path, { kind: "diffusion", autoencoder: firstStage.options, unet: unet.options, ...settings }, tensors);
}

/**
 * Reads what {@linkcode saveDiffusion} wrote, from the file or the run's folder; the caller disposes of it.
 *
 * @throws LatentError `usage.model`, `file.*` for another file or config, `checkpoint.mismatch` for other tensors
 */
export async function loadDiffusion(path: string, device: Device = "cpu"): Promise<LatentDiffusion> {
  const hash = await sha256File(modelPath(path));
  return read(path, device, (file, value, tensors) => {
    const { autoencoder, unet: options, kind: _, ...settings } = checked(diffusionSchema, value, file);
    const noise = makeSchedule(settings.schedule);
    using owned = new DisposableStack();
    const firstStage = loaded(() => firstStageOf(autoencoder), tensors, "first_stage_model.", file, device);
    owned.use(firstStage);
    const unet = owned.use(loaded(() => new Unet(options), tensors, "model.diffusion_model.", file, device));
    const kept = owned.move();
    const dispose = () => kept.dispose();
    return { ...settings, firstStage, unet, noise, hash, dispose, [Symbol.dispose]: dispose };
  });
}

function write(
  path: string,
  config: { kind: string; autoencoder: FirstStageOptions; unet?: UnetOptions } & Partial<DenoiserSettings>,
  tensors: ReadonlyMap<string, Tensor>,
): void {
  const metadata = new Map([["format", FORMAT], ["config", JSON.stringify(config)]]);
  writeSafetensors(path, tensorSources(tensors), { metadata, replace: true });
}

function read<T>(
  path: string,
  device: Device,
  build: (file: string, config: unknown, tensors: Map<string, Tensor>) => T,
): T {
  const file = modelPath(path);
  using source = SafetensorsFile.open(file);
  if (source.metadata.get("format") !== FORMAT) {
    throw new LatentError("file.model", {
      what: `${file} is not a model of this program`,
      found: `format ${source.metadata.get("format") ?? "none"} in its metadata`,
      wanted: FORMAT,
    });
  }
  const tensors = loadTensors(source, { device });
  try {
    return build(file, configIn(source), tensors);
  } finally {
    for (const tensor of tensors.values()) tensor.dispose();
  }
}

function configIn({ path, metadata }: SafetensorsFile): unknown {
  try {
    return JSON.parse(metadata.get("config") ?? "null");
  } catch (cause) {
    throw new LatentError("file.model", {
      what: `The config in ${path} is no JSON`,
      wanted: "a whole model file",
      cause,
    });
  }
}

function checked<T extends z.ZodType>(schema: T, value: unknown, file: string): z.output<T> {
  return check(schema, value, {
    code: "file.model",
    subject: `The config in ${file}`,
    mend: "Use a model file of this kind.",
  });
}

function loaded<M extends AnyModule>(
  build: () => M,
  all: ReadonlyMap<string, Tensor>,
  prefix: string,
  file: string,
  device: Device,
): M {
  const own = [...all].filter(([name]) => name.startsWith(prefix));
  const model = onDevice(device, build);
  try {
    model.loadStateDict(new Map(own.map(([name, tensor]) => [name.slice(prefix.length), tensor])), file);
    return model;
  } catch (error) {
    model.dispose();
    throw error;
  }
}

function withPrefix(prefix: string, tensors: ReadonlyMap<string, Tensor>): [string, Tensor][] {
  return [...tensors].map(([name, tensor]) => [prefix + name, tensor]);
}
