import type { Dataset } from "../data/mod.ts";
import type { Parameterization } from "../diffusion/mod.ts";
import type { RateSettings } from "../optim/mod.ts";
import type { PerceptualName } from "../task/mod.ts";

/**
 * What both trainings are told, as in a config file; what is left out has its default. The schemas of config.ts check
 * it, and a test holds these types against them.
 */
export interface TrainingSettings {
  /**
   * A folder of images, `emoji`, or a data set made in code, which is taken as it is. Of such a one the config keeps
   * only the name, so a run on it is resumed in code too, with the same set. @default {"emoji"}
   */
  data?: string | Dataset;
  /** Side of the training images, pixels; a multiple of what the networks divide it by. @default {64} */
  size?: number;
  /** Which pictures, and how one becomes a training image. */
  images?: {
    /** Which part of a picture that is not square. @default {"center"} */
    crop?: "center" | "random";
    /** Mirror half of the images. @default {false} */
    flip?: boolean;
    /** Behind transparent pictures; `random` is another colour each time. @default {"white"} */
    background?: "white" | "random";
    /** Only these classes: subfolders of a folder, groups of the emoji. */
    classes?: string[] | undefined;
    /** Share of a folder kept out of training; of the emoji it is always a tenth. @default {0.05} */
    validation?: number;
    /** Threads that decode; one less than the processor's cores, up to 4, unless given. */
    workers?: number | undefined;
  };
  /** Images of one forward pass. @default {16} */
  batchSize?: number;
  /** Optimiser steps. @default {100_000} */
  steps?: number;
  /** Stop after this time of training, even before the steps are done. */
  minutes?: number | undefined;
  /** Of an optimiser step; used as written, whatever the batch size. @default {1e-4} */
  learningRate?: number;
  /** Of matrix products and convolutions. @default {"float32"} */
  precision?: "float32" | "bfloat16";
  /** Of weights, order and noise. @default {0} */
  seed?: number;
  /** `cpu`, `cuda`, `cuda:1`, or `auto` for the best that is there. @default {"auto"} */
  device?: string;
  /** Threads of one operator; 0 is libtorch's choice. @default {0} */
  threads?: number;
  /** AdamW and the average of its weights. */
  optimizer?: {
    /** Batches of one optimiser step. @default {1} */
    accumulate?: number;
    /** Steps over which the learning rate rises from 0. @default {0} */
    warmup?: number;
    /** Step at which the learning rate has fallen to 0 along a cosine; it stays unless given. */
    cosine?: number | undefined;
    /** Rises and falls of the learning rate, in place of both; a released configuration's `rate` is such a one. */
    rate?: {
      /** Along what the rate falls. @default {"linear"} */
      kind?: RateSettings["kind"];
      /** One after the other. */
      cycles: RateSettings["cycles"];
    } | undefined;
    /** Largest norm of all gradients together. @default {1} */
    clip?: number;
    /** How much of the old the averages of gradients and of their squares keep. @default {[0.9, 0.999]} */
    betas?: [number, number];
    /** AdamW's decoupled weight decay. @default {0.01} */
    weightDecay?: number;
    /** Compute activations again on the way back: less memory, more time, the same bits. @default {false} */
    recompute?: boolean;
    /** Of the averaged weights, which are the ones used. @default {0.9999} */
    emaDecay?: number;
  };
  /** How often the run looks at itself and writes. */
  every?: {
    /** Steps between validation losses. @default {500} */
    validate?: number;
    /** Steps between sample grids. @default {1000} */
    sample?: number;
    /** Steps between checkpoints; the last two and the best are kept. @default {500} */
    checkpoint?: number;
    /** Steps of which the checkpoints are kept for good. */
    keep?: number | undefined;
  };
}

/** What a first stage is trained with. */
export interface AutoencoderSettings extends TrainingSettings {
  /** Its architecture (section 3.1 of the paper). */
  model?: {
    /** Downsampling factor. @default {4} */
    f?: 2 | 4 | 8 | 16 | 32;
    /** Channels at full resolution, a multiple of 32. @default {128} */
    channels?: number;
    /** Factor of the channels at each resolution, log₂ f + 1 numbers; the paper's for f unless given. */
    multipliers?: number[] | undefined;
    /** Residual blocks a resolution. @default {2} */
    residualBlocks?: number;
    /** Feature-map sizes with attention, at size `resolution`. @default {[]} */
    attentionResolutions?: number[];
    /** Whether the middle has attention (`attn_type`). @default {true} */
    attention?: boolean;
    /** Nominal image size that `attentionResolutions` refer to. @default {256} */
    resolution?: number;
    /** Channels of the latent. @default {4} */
    latentChannels?: number;
    /** Size of the codebook: the latent is quantised by it. Without one it is drawn from a Gaussian. */
    codes?: number | undefined;
    /** Share of the features dropped in training. @default {0} */
    dropout?: number;
  };
  /** Weight of the KL divergence. @default {1e-6} */
  klWeight?: number;
  /** Log-variance of what is observed, which divides the distance of the pixels; only of a first stage with a Gaussian. */
  logvar?: {
    /** At the start. @default {0} */
    start?: number;
    /** Whether it is learned, which the original means to do and does not. @default {false} */
    learn?: boolean;
  };
  /** How the codebook is trained. */
  codebook?: {
    /** Weight of its loss. @default {1} */
    weight?: number;
    /** Weight of the codes' part in it, as in the original's code; the paper means the encoder's. @default {0.25} */
    beta?: number;
    /** Steps without use after which a code is drawn anew from the batch; never unless given. */
    reviveAfter?: number | undefined;
  };
  /** A perceptual distance is added to that of the pixels. */
  perceptual?: {
    /** Whose features are compared. @default {"lpips-vgg"} */
    network?: PerceptualName;
    /** Weight of the distance. @default {1} */
    weight?: number;
    /** Folder of the network's weights; else where `latent pull` puts them. */
    weights?: string | undefined;
  } | undefined;
  /** A patch discriminator is trained against the first stage. */
  adversary?: {
    /** Steps without it. @default {0} */
    start?: number;
    /** Weight of its loss, on top of the adaptive one. @default {0.5} */
    weight?: number;
    /** Of its optimiser; the first stage's unless given. */
    learningRate?: number | undefined;
    /** How it tells images from reconstructions. @default {"hinge"} */
    loss?: "hinge" | "vanilla";
    /** Channels after its first convolution. @default {64} */
    channels?: number;
    /** Convolutions before its last two, each of which halves the resolution. @default {3} */
    layers?: number;
    /** Norms that are fitted to the first batch, not to every batch. @default {false} */
    actNorm?: boolean;
  } | undefined;
}

/** What a denoiser is trained with, in the latent space of a first stage. */
export interface DiffusionSettings extends TrainingSettings {
  /** Run folder or model file of the autoencoder; `pixels` for none: the images are the latents, f = 1. */
  firstStage: string;
  /** A folder of encoded images to learn from: data, size and images are then those that they were made of. */
  latents?: string | undefined;
  /** The U-Net's architecture (section 3.2 of the paper). */
  model?: {
    /** Channels at full resolution, a multiple of 32. @default {128} */
    channels?: number;
    /** Factor of the channels at each resolution; the first is 1. @default {[1, 2, 4]} */
    multipliers?: number[];
    /** Residual blocks a resolution. @default {2} */
    residualBlocks?: number;
    /** Downsampling factors with attention. @default {[2, 4]} */
    attentionFactors?: number[];
    /** Channels of one attention head. @default {32} */
    headChannels?: number;
    /** Share of the features dropped in training. @default {0} */
    dropout?: number;
    /** Scale and shift norms by the time embedding. @default {false} */
    scaleShift?: boolean;
    /** Change the resolution inside residual blocks. @default {false} */
    residualResampling?: boolean;
  };
  /** How noise grows. */
  schedule?: {
    /** What grows evenly: √β, β, β², or the angle whose squared cosine is ᾱ. @default {"linear-sqrt"} */
    kind?: "linear-sqrt" | "linear" | "sqrt" | "cosine";
    /** T. @default {1000} */
    steps?: number;
    /** β of the first step; not of `cosine`. @default {0.0015} */
    start?: number;
    /** β of the last; not of `cosine`. @default {0.0195} */
    end?: number;
    /** What the angle of `cosine` begins with, as a share of its whole. @default {0.008} */
    offset?: number;
    /** Leave nothing of the signal at the last step; not where the noise is predicted. @default {false} */
    zeroTerminalSnr?: boolean;
  };
  /** What is learned. */
  objective?: {
    /** What the network predicts. @default {"eps"} */
    predict?: Parameterization;
    /** Mean absolute or squared error. @default {"l2"} */
    loss?: "l1" | "l2";
    /** Weight of the mean error. @default {1} */
    simpleWeight?: number;
    /** Weight of the variational bound. @default {0} */
    boundWeight?: number;
    /** Share of β in the posterior's variance, on which the bound depends. @default {0} */
    posteriorBeta?: number;
    /** Largest weight γ that a step has by its signal-to-noise ratio (Hang et al. 2023); all weigh 1 unless given. */
    minSnr?: number | undefined;
    /** Log-variance of the error, which divides it. */
    logvar?: {
      /** At every step, at the start. @default {0} */
      start?: number;
      /** Whether it is learned, for each step. @default {false} */
      learn?: boolean;
    };
    /** What latents are multiplied by: 1/std of the first batch, or a number. @default {"first-batch"} */
    latentScale?: "first-batch" | number;
    /** DDIM steps of the sample grids. @default {50} */
    sampleSteps?: number;
  };
}
