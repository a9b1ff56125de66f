"""The KL autoencoder of latent diffusion in PyTorch modules, what `latent`'s own is timed and checked against.

Written from the architecture; modules are named so that `state_dict` has the original's keys, and options are the
original's (`embed_dim`, `ddconfig`). The loss is the plain one: L1 and KL, no perceptual network, no discriminator.
"""

import torch
import torch.nn.functional as F
from torch import nn

from unet import Upsample


def norm(channels):
    return nn.GroupNorm(32, channels, eps=1e-6)


class ResnetBlock(nn.Module):
    def __init__(self, channels, out_channels):
        super().__init__()
        self.norm1 = norm(channels)
        self.conv1 = nn.Conv2d(channels, out_channels, 3, padding=1)
        self.norm2 = norm(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        if channels != out_channels:
            self.nin_shortcut = nn.Conv2d(channels, out_channels, 1)

    def forward(self, x):
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h)))
        return (self.nin_shortcut(x) if hasattr(self, "nin_shortcut") else x) + h


class AttnBlock(nn.Module):
    """Self-attention with one head."""

    def __init__(self, channels):
        super().__init__()
        self.norm = norm(channels)
        self.q = nn.Conv2d(channels, channels, 1)
        self.k = nn.Conv2d(channels, channels, 1)
        self.v = nn.Conv2d(channels, channels, 1)
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        b, c, height, width = x.shape
        h = self.norm(x)
        q, k, v = (layer(h).reshape(b, 1, c, height * width).transpose(2, 3) for layer in (self.q, self.k, self.v))
        h = F.scaled_dot_product_attention(q, k, v).transpose(2, 3).reshape(b, c, height, width)
        return x + self.proj_out(h)


class PaddedDownsample(nn.Module):
    """Pads right and bottom only."""

    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x):
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class Middle(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.block_1 = ResnetBlock(channels, channels)
        self.attn_1 = AttnBlock(channels)
        self.block_2 = ResnetBlock(channels, channels)

    def forward(self, x):
        return self.block_2(self.attn_1(self.block_1(x)))


class Level(nn.Module):
    """The blocks of one resolution, each followed by attention where the level has it, then `resample` if given."""

    def __init__(self, channels, out_channels, blocks, attended, **resample):
        super().__init__()
        self.block = nn.ModuleList(
            ResnetBlock(channels if i == 0 else out_channels, out_channels) for i in range(blocks)
        )
        self.attn = nn.ModuleList(AttnBlock(out_channels) for _ in range(blocks if attended else 0))
        self.resample = next(iter(resample), None)
        for name, module in resample.items():
            self.add_module(name, module)

    def forward(self, x):
        for i, block in enumerate(self.block):
            x = block(x)
            if self.attn:
                x = self.attn[i](x)
        return x if self.resample is None else getattr(self, self.resample)(x)


class Encoder(nn.Module):
    def __init__(self, ch, ch_mult, num_res_blocks, attn_resolutions, resolution, in_channels, moments):
        super().__init__()
        self.conv_in = nn.Conv2d(in_channels, ch, 3, padding=1)
        self.down = nn.ModuleList()
        channels = ch
        for i, mult in enumerate(ch_mult):
            out = ch * mult if num_res_blocks else ch  # blocks are what widens
            resample = {} if i == len(ch_mult) - 1 else {"downsample": PaddedDownsample(out)}
            self.down.append(Level(channels, out, num_res_blocks, resolution // 2**i in attn_resolutions, **resample))
            channels = out
        self.mid = Middle(channels)
        self.norm_out = norm(channels)
        self.conv_out = nn.Conv2d(channels, moments, 3, padding=1)

    def forward(self, x):
        h = self.conv_in(x)
        for level in self.down:
            h = level(h)
        return self.conv_out(F.silu(self.norm_out(self.mid(h))))


class Decoder(nn.Module):
    def __init__(self, ch, ch_mult, num_res_blocks, attn_resolutions, resolution, out_ch, z_channels):
        super().__init__()
        channels = ch * ch_mult[-1]
        self.conv_in = nn.Conv2d(z_channels, channels, 3, padding=1)
        self.mid = Middle(channels)
        levels = []
        for i, mult in reversed(list(enumerate(ch_mult))):
            out = ch * mult
            resample = {} if i == 0 else {"upsample": Upsample(out)}
            attended = resolution // 2**i in attn_resolutions
            levels.append(Level(channels, out, num_res_blocks + 1, attended, **resample))
            channels = out
        self.up = nn.ModuleList(reversed(levels))
        self.norm_out = norm(channels)
        self.conv_out = nn.Conv2d(channels, out_ch, 3, padding=1)

    def forward(self, z):
        h = self.mid(self.conv_in(z))
        for level in reversed(self.up):
            h = level(h)
        return self.conv_out(F.silu(self.norm_out(h)))


class AutoencoderKL(nn.Module):
    """Images [B, 3, H, W] in [−1, 1] to a diagonal Gaussian over latents [B, d, H/f, W/f], and back."""

    def __init__(self, embed_dim, ddconfig):
        super().__init__()
        shared = {key: ddconfig[key] for key in ("ch", "ch_mult", "num_res_blocks", "attn_resolutions", "resolution")}
        z = ddconfig["z_channels"]
        self.encoder = Encoder(**shared, in_channels=ddconfig["in_channels"], moments=2 * z)
        self.decoder = Decoder(**shared, out_ch=ddconfig["out_ch"], z_channels=z)
        self.quant_conv = nn.Conv2d(2 * z, 2 * embed_dim, 1)
        self.post_quant_conv = nn.Conv2d(embed_dim, z, 1)

    def encode(self, x):
        """Mean and (clamped) logarithm of the variance."""
        mean, logvar = self.quant_conv(self.encoder(x)).chunk(2, dim=1)
        return mean, logvar.clamp(-30, 20)

    def decode(self, z):
        return self.decoder(self.post_quant_conv(z))

    def loss(self, x, noise, kl_weight):
        """L1 summed over the elements of an image plus kl_weight · KL, averaged over the batch."""
        mean, logvar = self.encode(x)
        reconstruction = self.decode(mean + torch.exp(0.5 * logvar) * noise)
        kl = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).sum()
        return ((x - reconstruction).abs().sum() + kl_weight * kl) / x.shape[0]
