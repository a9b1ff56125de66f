import type {
  AutoencoderOptions,
  AutoencoderVQOptions,
  FirstStageLossOptions,
  IdentityOptions,
  LossNetworksOptions,
} from "../model/mod.ts";
import type { CoderParams, FirstStageYaml, LossYaml } from "./compvis_schema.ts";

/** What a first stage was trained with. */
export interface ReleasedLoss {
  /** The discriminator, and where the log-variance begins. */
  networks: LossNetworksOptions;
  /** Weights of the terms; `klWeight` or `codebookWeight`, as the kind has it. */
  weights: FirstStageLossOptions & { klWeight?: number; codebookWeight?: number };
}

/** The first stage of a configuration, and its loss where that is one. */
export type ReleasedFirstStage =
  | { kind: "kl"; options: AutoencoderOptions; loss?: ReleasedLoss }
  | {
    kind: "vq";
    options: AutoencoderVQOptions;
    loss?: ReleasedLoss;
    /** Whether averaged weights stand beside the others. */
    ema: boolean;
  }
  | { kind: "identity"; options: IdentityOptions };

/** @param imageChannels what passes the identity, which doesn't say */
export function firstStageOf(yaml: FirstStageYaml, imageChannels: number): ReleasedFirstStage {
  if (yaml.target === "ldm.models.autoencoder.IdentityFirstStage") {
    return { kind: "identity", options: { imageChannels } };
  }
  const loss = lossOf(yaml.params.lossconfig);
  const trained = loss === undefined ? {} : { loss };
  const options = autoencoderOf(yaml.params.ddconfig, yaml.params.embed_dim);
  if (yaml.target === "ldm.models.autoencoder.AutoencoderKL") return { kind: "kl", options, ...trained };
  const { n_embed: codes, use_ema: ema } = yaml.params;
  return { kind: "vq", options: { ...options, codebook: { codes } }, ema, ...trained };
}

function autoencoderOf(d: CoderParams, embedChannels: number): AutoencoderOptions {
  return {
    channels: d.ch,
    multipliers: d.ch_mult,
    residualBlocks: d.num_res_blocks,
    attentionResolutions: d.attn_resolutions,
    ...d.attn_type === "none" ? { attention: false } : {},
    resolution: d.resolution,
    imageChannels: d.in_channels,
    latentChannels: d.z_channels,
    embedChannels,
    doubleLatent: d.double_z,
    dropout: d.dropout,
  };
}

function lossOf({ params: p }: LossYaml): ReleasedLoss | undefined {
  if (p === undefined || !("disc_start" in p)) return undefined;
  const networks = { imageChannels: p.disc_in_channels, layers: p.disc_num_layers, actNorm: p.use_actnorm };
  const weights = {
    discStart: p.disc_start,
    discWeight: p.disc_weight,
    discFactor: p.disc_factor,
    discLoss: p.disc_loss,
    perceptualWeight: p.perceptual_weight,
  };
  if ("kl_weight" in p) {
    return { networks: { ...networks, logvar: p.logvar_init }, weights: { ...weights, klWeight: p.kl_weight } };
  }
  return {
    networks: { ...networks, channels: p.disc_ndf },
    weights: { ...weights, codebookWeight: p.codebook_weight },
  };
}
