import { Conv2d, type GroupNorm, Module } from "../nn/mod.ts";
import type { Tensor } from "../tensor/mod.ts";
import { activated, AttnBlock, Downsample, Middle, normalize, ResnetBlock, Upsample } from "./blocks.ts";

/** The architecture of an encoder and its decoder (`ddconfig` of the released configurations). */
export interface CoderOptions {
  /** Channels at full resolution, a multiple of 32. */
  channels: number;
  /** Factor of `channels` at each resolution; the downsampling factor f is 2^(length − 1). */
  multipliers: readonly number[];
  /** Residual blocks a level in the encoder; the decoder has one more. */
  residualBlocks: number;
  /** Feature-map sizes at `resolution` that get attention; the middle always has it. */
  attentionResolutions: readonly number[];
  /** Whether there is attention at all; without it the middle has none either (`attn_type` none). @default {true} */
  attention?: boolean;
  /** The nominal size of images, pixels; it only decides where attention stands. */
  resolution: number;
  /** Channels of an image. */
  imageChannels: number;
  /** Channels between encoder and decoder. */
  latentChannels: number;
  /** Whether the encoder gives mean and log-variance: 2 · latentChannels. */
  doubleLatent: boolean;
  /** Share of the features that residual blocks drop while training. */
  dropout: number;
}

/** One resolution of the encoder. */
class DownLevel extends Module {
  readonly block: ResnetBlock[];
  readonly attn: AttnBlock[];
  readonly downsample: Downsample | undefined;

  constructor(inChannels: number, outChannels: number, o: CoderOptions, attention: boolean, last: boolean) {
    super();
    this.block = channelSteps(inChannels, outChannels, o.residualBlocks)
      .map(([i, c]) => new ResnetBlock(i, c, o.dropout));
    this.attn = attention ? this.block.map(() => new AttnBlock(outChannels)) : [];
    const channels = o.residualBlocks === 0 ? inChannels : outChannels;
    this.downsample = last ? undefined : new Downsample(channels);
  }

  override forward(x: Tensor): Tensor {
    const h = blocks(x, this.block, this.attn);
    return this.downsample === undefined ? h : replaced(h, x, this.downsample.call(h));
  }
}

/** One resolution of the decoder. */
class UpLevel extends Module {
  readonly block: ResnetBlock[];
  readonly attn: AttnBlock[];
  readonly upsample: Upsample | undefined;

  constructor(inChannels: number, outChannels: number, o: CoderOptions, attention: boolean, last: boolean) {
    super();
    this.block = channelSteps(inChannels, outChannels, o.residualBlocks + 1)
      .map(([i, c]) => new ResnetBlock(i, c, o.dropout));
    this.attn = attention ? this.block.map(() => new AttnBlock(outChannels)) : [];
    this.upsample = last ? undefined : new Upsample(outChannels);
  }

  /** Without the upsampling, which the decoder does when the level's input is gone. */
  override forward(x: Tensor): Tensor {
    return blocks(x, this.block, this.attn);
  }
}

/** Image [B, C, H, W] → features [B, Z or 2Z, H/f, W/f] (Encoder, diffusionmodules/model.py). */
export class Encoder extends Module {
  readonly conv_in: Conv2d;
  readonly down: DownLevel[];
  readonly mid: Middle;
  readonly norm_out: GroupNorm;
  readonly conv_out: Conv2d;

  constructor(o: CoderOptions) {
    super();
    const levels = o.multipliers.length;
    const width = (i: number) => o.residualBlocks === 0 ? o.channels : o.channels * (i < 0 ? 1 : o.multipliers[i]!);
    this.conv_in = new Conv2d(o.imageChannels, o.channels, 3, { padding: 1 });
    this.down = o.multipliers.map((_, i) => new DownLevel(width(i - 1), width(i), o, attends(o, i), i === levels - 1));
    this.mid = new Middle(width(levels - 1), o);
    this.norm_out = normalize(width(levels - 1));
    this.conv_out = new Conv2d(width(levels - 1), (o.doubleLatent ? 2 : 1) * o.latentChannels, 3, { padding: 1 });
  }

  override forward(x: Tensor): Tensor {
    let h = this.conv_in.call(x);
    for (const level of this.down) h = replaced(h, x, level.call(h));
    h = replaced(h, x, this.mid.call(h));
    return this.conv_out.call(activated(this.norm_out, h));
  }
}

/** Features [B, Z, h, w] → image [B, C, f·h, f·w], not clamped (Decoder, diffusionmodules/model.py). */
export class Decoder extends Module {
  readonly conv_in: Conv2d;
  readonly mid: Middle;
  readonly up: UpLevel[];
  readonly norm_out: GroupNorm;
  readonly conv_out: Conv2d;

  constructor(o: CoderOptions) {
    super();
    const levels = o.multipliers.length;
    const width = (i: number) => o.channels * o.multipliers[Math.min(i, levels - 1)]!;
    this.conv_in = new Conv2d(o.latentChannels, width(levels), 3, { padding: 1 });
    this.mid = new Middle(width(levels), o);
    this.up = o.multipliers.map((_, i) => new UpLevel(width(i + 1), width(i), o, attends(o, i), i === 0));
    this.norm_out = normalize(width(0));
    this.conv_out = new Conv2d(width(0), o.imageChannels, 3, { padding: 1 });
  }

  override forward(z: Tensor): Tensor {
    let h = this.conv_in.call(z);
    h = replaced(h, z, this.mid.call(h));
    for (const level of this.up.toReversed()) { // numbered by resolution, run from the smallest
      h = replaced(h, z, level.call(h));
      if (level.upsample !== undefined) h = replaced(h, z, level.upsample.call(h));
    }
    return this.conv_out.call(activated(this.norm_out, h));
  }
}

/** Whether a level, numbered from full resolution, has attention. */
function attends({ attention = true, attentionResolutions, resolution }: CoderOptions, level: number): boolean {
  return attention && attentionResolutions.includes(resolution / 2 ** level);
}

/** Input and output channels of each of `count` blocks: the first changes the width. */
function channelSteps(inChannels: number, outChannels: number, count: number): [number, number][] {
  return Array.from({ length: count }, (_, i) => [i === 0 ? inChannels : outChannels, outChannels]);
}

function blocks(x: Tensor, residual: ResnetBlock[], attention: AttnBlock[]): Tensor {
  let h = x.share();
  for (const [i, block] of residual.entries()) {
    h = replaced(h, x, block.call(h));
    if (attention[i] !== undefined) h = replaced(h, x, attention[i].call(h));
  }
  return h;
}

/** The next value of a chain; the one before is freed unless it is the caller's `first`. */
function replaced(before: Tensor, first: Tensor, next: Tensor): Tensor {
  if (before !== first) before.dispose();
  return next;
}
