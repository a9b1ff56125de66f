"""The U-Net of latent diffusion in PyTorch modules, what `latent`'s own is timed and checked against.

Written from the architecture; modules are named so that `state_dict` has the original's keys, and options are the
original's (`unet_config.params`). Plain PyTorch at its best: native group norm and attention, no casts of its own, and
nothing that prefers contiguous tensors to channels_last.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn


def zero(module):
    """The module with all parameters 0."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


def timestep_embedding(t, dim):
    """[B] → [B, dim], cosines first."""
    half = dim // 2
    frequencies = torch.exp(torch.arange(half, dtype=torch.float32, device=t.device) * (-math.log(10000) / half))
    angles = t[:, None].float() * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


class Downsample(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.op = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x):
        return self.op(x)


class Upsample(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        return self.conv(F.interpolate(x, scale_factor=2, mode="nearest"))


class ResBlock(nn.Module):
    """[B, C, h, w] and a time embedding [B, E] → [B, C', h, w]; `resample` halves or doubles h and w on the way."""

    def __init__(self, channels, out_channels, embedding_channels, scale_shift, resample=None):
        super().__init__()
        self.scale_shift = scale_shift
        self.resample = resample
        self.in_layers = nn.Sequential(
            nn.GroupNorm(32, channels), nn.SiLU(), nn.Conv2d(channels, out_channels, 3, padding=1)
        )
        self.emb_layers = nn.Sequential(
            nn.SiLU(), nn.Linear(embedding_channels, 2 * out_channels if scale_shift else out_channels)
        )
        self.out_layers = nn.Sequential(
            nn.GroupNorm(32, out_channels),
            nn.SiLU(),
            nn.Identity(),  # the original's dropout, 0 in every released configuration
            zero(nn.Conv2d(out_channels, out_channels, 3, padding=1)),
        )
        self.skip_connection = nn.Identity() if channels == out_channels else nn.Conv2d(channels, out_channels, 1)

    def forward(self, x, emb):
        norm, act, conv = self.in_layers
        h = act(norm(x))
        if self.resample is not None:
            h, x = self.resample(h), self.resample(x)
        h = conv(h)
        e = self.emb_layers(emb)[:, :, None, None]
        if self.scale_shift:
            scale, shift = e.chunk(2, dim=1)
            h = self.out_layers[1:](self.out_layers[0](h) * (1 + scale) + shift)
        else:
            h = self.out_layers(h + e)
        return self.skip_connection(x) + h


def halved(x):
    return F.avg_pool2d(x, 2)


def doubled(x):
    return F.interpolate(x, scale_factor=2, mode="nearest")


class AttentionBlock(nn.Module):
    """Self-attention over the pixels, heads split before q, k and v (the original's legacy order)."""

    def __init__(self, channels, heads):
        super().__init__()
        self.heads = heads
        self.norm = nn.GroupNorm(32, channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.proj_out = zero(nn.Conv1d(channels, channels, 1))

    def forward(self, x):
        b, c, height, width = x.shape
        # as 1×1 convolutions over two dimensions: those over one would turn channels_last into contiguous tensors
        qkv = F.conv2d(self.norm(x), self.qkv.weight.unsqueeze(-1), self.qkv.bias)
        qkv = qkv.reshape(b, self.heads, 3, c // self.heads, height * width)
        q, k, v = qkv.transpose(3, 4).unbind(2)  # [B, heads, h·w, C / heads] each
        h = F.scaled_dot_product_attention(q, k, v).transpose(2, 3).reshape(b, c, height, width)
        return x + F.conv2d(h, self.proj_out.weight.unsqueeze(-1), self.proj_out.bias)


class Block(nn.Sequential):
    """Layers in a row; the residual ones get the time embedding as well."""

    def forward(self, x, emb):
        for layer in self:
            x = layer(x, emb) if isinstance(layer, ResBlock) else layer(x)
        return x


class UNet(nn.Module):
    """ε(x, t): [B, in_channels, h, w] and steps [B] → [B, out_channels, h, w]."""

    def __init__(
        self,
        in_channels,
        out_channels,
        model_channels,
        num_res_blocks,
        attention_resolutions,
        channel_mult,
        num_heads=-1,
        num_head_channels=-1,
        use_scale_shift_norm=False,
        resblock_updown=False,
        image_size=None,  # of the original's options; says nothing about the network
    ):
        super().__init__()
        self.model_channels = model_channels
        emb = 4 * model_channels
        self.time_embed = nn.Sequential(nn.Linear(model_channels, emb), nn.SiLU(), nn.Linear(emb, emb))

        def residual(channels, out, resample=None):
            return ResBlock(channels, out, emb, use_scale_shift_norm, resample)

        def attention(channels):
            return AttentionBlock(channels, num_heads if num_head_channels == -1 else channels // num_head_channels)

        self.input_blocks = nn.ModuleList([Block(nn.Conv2d(in_channels, model_channels, 3, padding=1))])
        ch, skips = model_channels, [model_channels]
        for level, mult in enumerate(channel_mult):
            attended = 2**level in attention_resolutions
            for _ in range(num_res_blocks):
                layers = [residual(ch, mult * model_channels)]
                ch = mult * model_channels
                self.input_blocks.append(Block(*layers, *([attention(ch)] if attended else [])))
                skips.append(ch)
            if level != len(channel_mult) - 1:
                self.input_blocks.append(Block(residual(ch, ch, halved) if resblock_updown else Downsample(ch)))
                skips.append(ch)

        self.middle_block = Block(residual(ch, ch), attention(ch), residual(ch, ch))

        self.output_blocks = nn.ModuleList()
        for level, mult in reversed(list(enumerate(channel_mult))):
            attended = 2**level in attention_resolutions
            for i in range(num_res_blocks + 1):
                layers = [residual(ch + skips.pop(), mult * model_channels)]
                ch = mult * model_channels
                if attended:
                    layers.append(attention(ch))
                if level > 0 and i == num_res_blocks:
                    layers.append(residual(ch, ch, doubled) if resblock_updown else Upsample(ch))
                self.output_blocks.append(Block(*layers))

        self.out = nn.Sequential(
            nn.GroupNorm(32, ch), nn.SiLU(), zero(nn.Conv2d(model_channels, out_channels, 3, padding=1))
        )

    def forward(self, x, t):
        emb = self.time_embed(timestep_embedding(t, self.model_channels).to(x.dtype))
        skips, h = [], x
        for block in self.input_blocks:
            h = block(h, emb)
            skips.append(h)
        h = self.middle_block(h, emb)
        for block in self.output_blocks:
            h = block(torch.cat([h, skips.pop()], dim=1), emb)
        return self.out(h)
