/** What is measured: each case runs as ours and as PyTorch's, in a process of its own. @module */

/** Options of a U-Net in the names of the original, which the peer takes; ours are made from them. */
export interface PeerUnet {
  in_channels: number;
  out_channels: number;
  model_channels: number;
  channel_mult: number[];
  num_res_blocks: number;
  attention_resolutions: number[];
  num_head_channels: number;
}

/** One comparison. */
export interface Case {
  name: string;
  /** The peer's module under bench/peer/. */
  program: "time_add" | "time_forward" | "time_step";
  /** What its `setup` gets, beside the threads and device. */
  setup: Record<string, unknown>;
  /** Repetitions of one turn: short work is repeated until a turn takes some tenths of a second. */
  repeat: number;
  /** The largest median ratio ours / theirs that is aimed at, of time and of peak memory. */
  aim?: { time?: number; memory?: number };
}

/** The demo's denoiser on latents of 16×16. */
const demo: PeerUnet = {
  in_channels: 4,
  out_channels: 4,
  model_channels: 64,
  channel_mult: [1, 2, 3],
  num_res_blocks: 1,
  attention_resolutions: [2, 4],
  num_head_channels: 32,
};

/** The demo's first stage. */
const demoFirstStage = {
  ddconfig: {
    double_z: true,
    z_channels: 4,
    resolution: 64,
    in_channels: 3,
    out_ch: 3,
    ch: 32,
    ch_mult: [1, 2, 2],
    num_res_blocks: 1,
    attn_resolutions: [],
    dropout: 0.0,
  },
  embed_dim: 4,
};

/** LDM-4 CelebA-HQ: nine tenths of its forward are convolutions and attention. */
const celeba: PeerUnet = {
  in_channels: 3,
  out_channels: 3,
  model_channels: 224,
  channel_mult: [1, 2, 3, 4],
  num_res_blocks: 2,
  attention_resolutions: [8, 4, 2],
  num_head_channels: 32,
};

/** LDM-SR, on 128×128 as convolutional sampling runs it: four images make activations of 42 MB and more. */
const superResolution: PeerUnet = {
  in_channels: 6,
  out_channels: 3,
  model_channels: 160,
  channel_mult: [1, 2, 2, 4],
  num_res_blocks: 2,
  attention_resolutions: [16, 8],
  num_head_channels: 32,
};

/** All cases. */
export const cases: readonly Case[] = [
  { name: "add", program: "time_add", setup: {}, repeat: 200_000, aim: { time: 0.75 } },
  {
    name: "forward-demo",
    program: "time_forward",
    setup: { network: demo, batch: 64, size: 16 },
    repeat: 2,
    aim: { time: 1.03, memory: 1.15 },
  },
  {
    name: "step-diffusion-demo",
    program: "time_step",
    setup: { task: "diffusion", network: demo, batch: 64, size: 16 },
    repeat: 1,
    aim: { time: 1.03, memory: 1.15 },
  },
  {
    name: "step-autoencoder-demo",
    program: "time_step",
    setup: { task: "autoencoder", network: demoFirstStage, batch: 16, size: 64 },
    repeat: 1,
    aim: { time: 1.03, memory: 1.15 },
  },
  {
    name: "forward-ldm4-batch4",
    program: "time_forward",
    setup: { network: celeba, batch: 4, size: 64 },
    repeat: 1,
    aim: { time: 1.03, memory: 1.15 },
  },
  {
    name: "forward-ldm-sr-128-batch4",
    program: "time_forward",
    setup: { network: superResolution, batch: 4, size: 128 },
    repeat: 1,
    aim: { time: 0.95, memory: 1.15 },
  },
  {
    name: "step-diffusion-demo-bfloat16",
    program: "time_step",
    setup: { task: "diffusion", network: demo, batch: 64, size: 16, dtype: "bfloat16" },
    repeat: 1,
  },
];
