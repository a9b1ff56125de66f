/** Our options of networks → those of the peers. @module */
import type { AutoencoderOptions, UnetOptions } from "../lib/model/mod.ts";
import type { Json } from "../test/peer/runner.ts";

/** `unet_config.params` of the original, for bench/peer/unet.py. */
export function unetConfig(o: UnetOptions & { heads: { channels: number } }): Json {
  return {
    in_channels: o.inChannels,
    out_channels: o.outChannels,
    model_channels: o.modelChannels,
    channel_mult: o.multipliers,
    num_res_blocks: o.residualBlocks,
    attention_resolutions: o.attentionFactors,
    num_head_channels: o.heads.channels,
  };
}

/** The original's `params` of an autoencoder, for bench/peer/autoencoder.py. */
export function autoencoderConfig(o: AutoencoderOptions): Json {
  const ddconfig = {
    double_z: o.doubleLatent,
    z_channels: o.latentChannels,
    resolution: o.resolution,
    in_channels: o.imageChannels,
    out_ch: o.imageChannels,
    ch: o.channels,
    ch_mult: o.multipliers,
    num_res_blocks: o.residualBlocks,
    attn_resolutions: o.attentionResolutions,
    dropout: o.dropout,
  };
  return { ddconfig, embed_dim: o.embedChannels };
}

/** Options of diffusers' AutoencoderKL; attention is in the middle only. */
export function diffusersConfig(o: AutoencoderOptions): Json {
  return {
    down_block_types: o.multipliers.map(() => "DownEncoderBlock2D"),
    up_block_types: o.multipliers.map(() => "UpDecoderBlock2D"),
    block_out_channels: o.multipliers.map((multiplier) => multiplier * o.channels),
    layers_per_block: o.residualBlocks,
    latent_channels: o.latentChannels,
    norm_num_groups: 32,
  };
}
