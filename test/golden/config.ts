/** CompVis configurations of the goldens → our options. @module */
import type { AutoencoderOptions, UnetOptions } from "../../lib/model/mod.ts";

/** `unet_config.params`. */
export interface UnetParams {
  in_channels: number;
  out_channels: number;
  model_channels: number;
  channel_mult: number[];
  num_res_blocks: number;
  attention_resolutions: number[];
  num_heads?: number;
  num_head_channels?: number;
  use_scale_shift_norm?: boolean;
  resblock_updown?: boolean;
}

/** `params` of a first stage. */
export interface FirstStageParams {
  embed_dim: number;
  ddconfig: {
    double_z: boolean;
    z_channels: number;
    resolution: number;
    in_channels: number;
    ch: number;
    ch_mult: number[];
    num_res_blocks: number;
    attn_resolutions: number[];
  };
}

/** `model` of a config.yaml, as far as tests read it. */
export interface Config {
  params: FirstStageParams & {
    linear_start: number;
    linear_end: number;
    timesteps: number;
    loss_type?: "l1" | "l2";
    unet_config: { params: UnetParams };
    first_stage_config: { params: FirstStageParams };
    scheduler_config?: { params: { warm_up_steps: number[] } };
  };
}

/** The denoiser's architecture. */
export function unetOptions({ params: { unet_config: { params: p } } }: Config): UnetOptions {
  return {
    inChannels: p.in_channels,
    outChannels: p.out_channels,
    modelChannels: p.model_channels,
    multipliers: p.channel_mult,
    residualBlocks: p.num_res_blocks,
    attentionFactors: p.attention_resolutions,
    heads: p.num_head_channels === undefined ? { count: p.num_heads! } : { channels: p.num_head_channels },
    dropout: 0,
    scaleShift: p.use_scale_shift_norm ?? false,
    residualResampling: p.resblock_updown ?? false,
  };
}

/** The first stage's architecture. */
export function autoencoderOptions({ embed_dim, ddconfig: d }: FirstStageParams): AutoencoderOptions {
  return {
    channels: d.ch,
    multipliers: d.ch_mult,
    residualBlocks: d.num_res_blocks,
    attentionResolutions: d.attn_resolutions,
    resolution: d.resolution,
    imageChannels: d.in_channels,
    latentChannels: d.z_channels,
    embedChannels: embed_dim,
    doubleLatent: d.double_z,
    dropout: 0,
  };
}
