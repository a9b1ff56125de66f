"""A forward pass of the U-Net in inference mode, weights and input in `dtype`."""

import torch
from timing import count, layout, timed
from unet import UNet


def setup(network, batch, size, threads, dtype="float32", channels_last=True):
    """`network`: the U-Net's options; input [batch, in_channels, size, size]."""
    global turn
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    dtype, memory_format = getattr(torch, dtype), layout(channels_last)
    unet = UNet(**network).to(dtype=dtype, memory_format=memory_format).eval()
    x = torch.randn(batch, network["in_channels"], size, size, dtype=dtype).contiguous(memory_format=memory_format)
    t = torch.full((batch,), 500)

    def turn():
        with torch.inference_mode():
            unet(x, t)

    return count(unet)


def run(n):
    return timed(turn, n)
