/** What is measured: pairs run as ours and as PyTorch's, tilings in one piece and in tiles; a process for each. @module */
import { denoiser, firstStage } from "../lib/cli/commands/demo.ts";
import type { AutoencoderOptions, UnetOptions } from "../lib/model/mod.ts";
import type { TileOptions } from "../lib/task/mod.ts";
import type { Json } from "../test/peer/runner.ts";
import { autoencoderConfig, diffusersConfig, unetConfig } from "./peer_names.ts";

/** One comparison with a peer. */
export interface Pair {
  name: string;
  /** The file under bench/ours/ and the module under bench/peer/. */
  program: "time_add" | "time_decode" | "time_first_stage" | "time_forward" | "time_step";
  /** What the `setup` of both gets, beside threads and device. */
  setup: Record<string, Json>;
  /** The network, in our options and in the peer's. */
  network?: { ours: UnetOptions | AutoencoderOptions; theirs: Json };
  /** Repetitions of one turn: short work is repeated until a turn takes some tenths of a second. @default {1} */
  repeat?: number;
  /** Turns at most, of work that takes long. */
  turns?: number;
  /** The largest median ratio ours / theirs that is aimed at, of time and of peak memory. */
  aim?: { time?: number; memory?: number };
}

/** A decoding in one piece and in tiles, both ours. */
export interface Tiling {
  name: string;
  network: AutoencoderOptions;
  /** Side of the latent. */
  size: number;
  /** How it is cut. */
  tiles: TileOptions;
  /** The largest ratio tiled / whole of peak memory that is aimed at. */
  aim: { memory: number };
}

type Unet = UnetOptions & { heads: { channels: number } };

const plain = { dropout: 0, scaleShift: false, residualResampling: false };

const { channels, headChannels, ...demoLevels } = denoiser.model;

/** The demo's denoiser on latents of 16×16. */
const demo: Unet = {
  ...plain,
  ...demoLevels,
  inChannels: firstStage.model.latentChannels,
  outChannels: firstStage.model.latentChannels,
  modelChannels: channels,
  heads: { channels: headChannels },
};

/** LDM-4 CelebA-HQ: nine tenths of its forward are convolutions and attention. */
const celeba: Unet = {
  ...plain,
  inChannels: 3,
  outChannels: 3,
  modelChannels: 224,
  multipliers: [1, 2, 3, 4],
  residualBlocks: 2,
  attentionFactors: [8, 4, 2],
  heads: { channels: 32 },
};

/** LDM-SR, on 128×128 as convolutional sampling runs it: four images make activations of 42 MB and more. */
const superResolution: Unet = {
  ...plain,
  inChannels: 6,
  outChannels: 3,
  modelChannels: 160,
  multipliers: [1, 2, 2, 4],
  residualBlocks: 2,
  attentionFactors: [16, 8],
  heads: { channels: 32 },
};

/** A KL first stage with attention in the middle only. */
function kl(
  { channels, multipliers, residualBlocks, latentChannels }: Pick<
    AutoencoderOptions,
    "channels" | "multipliers" | "residualBlocks" | "latentChannels"
  >,
): AutoencoderOptions {
  const none = { attentionResolutions: [], resolution: 256, dropout: 0, doubleLatent: true, imageChannels: 3 };
  return { ...none, channels, multipliers, residualBlocks, latentChannels, embedChannels: latentChannels };
}

/** About as small as the first stages that ship; theirs have no residual blocks, which diffusers cannot leave out. */
const shipped = kl({ channels: 64, multipliers: [1, 2, 2], residualBlocks: 1, latentChannels: 4 });
const klF4 = kl({ channels: 128, multipliers: [1, 2, 4], residualBlocks: 2, latentChannels: 3 });
const klF8 = kl({ channels: 128, multipliers: [1, 2, 4, 4], residualBlocks: 2, latentChannels: 4 });
const demoFirstStage = kl(firstStage.model);

const denoising = (options: Unet) => ({ ours: options, theirs: unetConfig(options) });
const ofDiffusers = (options: AutoencoderOptions) => ({ ours: options, theirs: diffusersConfig(options) });

const demoBatch = { batch: denoiser.batchSize, size: firstStage.size / firstStage.model.f };
const demoStep = { task: "diffusion", ...demoBatch };
const goal = { time: 1.03, memory: 1.15 };
const firstStageGoal = { time: 1, memory: 1.2 }; // issue 10

/** Comparisons with PyTorch. */
export const pairs: readonly Pair[] = [
  { name: "add", program: "time_add", setup: {}, repeat: 200_000, aim: { time: 0.75 } },
  {
    name: "forward-demo",
    program: "time_forward",
    network: denoising(demo),
    setup: demoBatch,
    repeat: 4,
    aim: goal,
  },
  {
    name: "step-diffusion-demo",
    program: "time_step",
    network: denoising(demo),
    setup: demoStep,
    repeat: 2,
    aim: goal,
  },
  {
    name: "step-autoencoder-demo",
    program: "time_step",
    network: { ours: demoFirstStage, theirs: autoencoderConfig(demoFirstStage) },
    setup: { task: "autoencoder", batch: firstStage.batchSize, size: firstStage.size },
    repeat: 4,
    aim: goal,
  },
  {
    name: "forward-ldm4-batch4",
    program: "time_forward",
    network: denoising(celeba),
    setup: { batch: 4, size: 64 },
    aim: goal,
  },
  {
    name: "forward-ldm-sr-128-batch4",
    program: "time_forward",
    network: denoising(superResolution),
    setup: { batch: 4, size: 128 },
    aim: { time: 0.95, memory: 1.15 },
  },
  {
    name: "step-diffusion-demo-bfloat16",
    program: "time_step",
    network: denoising(demo),
    setup: { ...demoStep, dtype: "bfloat16" },
    repeat: 2,
  },
  {
    name: "train-kl-f4-small",
    program: "time_first_stage",
    network: ofDiffusers(shipped),
    setup: { perceptual: "efficientnet", batch: 16, size: 64, learning_rate: 1e-4 },
    turns: 7,
    aim: firstStageGoal,
  },
  {
    name: "train-kl-f4",
    program: "time_first_stage",
    network: ofDiffusers(klF4),
    setup: { perceptual: "lpips_vgg", batch: 16, size: 64, learning_rate: 4.5e-6 },
    turns: 3,
    aim: firstStageGoal,
  },
  {
    name: "decode-kl-f8",
    program: "time_decode",
    network: ofDiffusers(klF8),
    setup: { batch: 1, size: 64 },
    turns: 5,
    aim: firstStageGoal,
  },
];

/** Comparisons of tiles with the whole. */
export const tilings: readonly Tiling[] = [
  { name: "decode-kl-f8-tiled", network: klF8, size: 128, tiles: { tile: 576, overlap: 128 }, aim: { memory: 0.5 } },
];
