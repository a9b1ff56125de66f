"""Latents to images by diffusers' AutoencoderKL, in inference mode."""

import torch
from diffusers import AutoencoderKL
from timing import count, layout, timed


def setup(network, batch, size, threads, channels_last=True):
    """`network`: its options; latents [batch, latent_channels, size, size]."""
    global turn
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    memory_format = layout(channels_last)
    model = AutoencoderKL(**network).to(memory_format=memory_format).eval()
    z = torch.randn(batch, network["latent_channels"], size, size).contiguous(memory_format=memory_format)

    def turn():
        with torch.inference_mode():
            model.decode(z)

    return count(model)


def run(n):
    return timed(turn, n)
