"""A training step: loss, backward, gradient clipping, AdamW (fused), EMA (foreach), loss and norm read; bfloat16 is
autocast over float32 weights.

`diffusion` draws steps and noise, mixes them into fixed latents and takes the mean squared error of ε; `autoencoder`
draws the posterior's noise and takes L1 + KL of fixed images.
"""

import torch
import torch.nn.functional as F
from autoencoder import AutoencoderKL
from timing import count, layout, timed
from unet import UNet


def setup(task, network, batch, size, threads, dtype="float32", channels_last=True, learning_rate=1e-3):
    """`network`: the options of the task's network; data [batch, channels, size, size]."""
    global turn
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    memory_format = layout(channels_last)
    model, channels, loss_of = {"diffusion": diffusion, "autoencoder": autoencoder}[task](network)
    model.to(memory_format=memory_format)
    x = torch.randn(batch, channels, size, size).contiguous(memory_format=memory_format)
    params = list(model.parameters())
    shadow = [p.detach().clone() for p in params]
    optimizer = torch.optim.AdamW(params, lr=learning_rate, fused=True)
    updates = 0

    def turn():
        nonlocal updates
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == "bfloat16"):
            loss = loss_of(x)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(params, 1.0, foreach=True)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        updates += 1
        decay = min(0.9999, (1 + updates) / (10 + updates))
        with torch.no_grad():
            torch._foreach_lerp_(shadow, params, 1 - decay)
        loss.item(), norm.item()

    return count(model)


def run(n):
    return timed(turn, n)


def diffusion(network):
    """The network, the channels of its data, its loss."""
    unet = UNet(**network)
    betas = torch.linspace(0.0015**0.5, 0.0195**0.5, 1000, dtype=torch.float64) ** 2
    alphas_cumprod = (1 - betas).cumprod(0)
    signal, sigma = alphas_cumprod.sqrt().float(), (1 - alphas_cumprod).sqrt().float()

    def loss_of(x0):
        t = torch.randint(1000, (x0.shape[0],))
        noise = torch.randn_like(x0)
        x = signal[t].view(-1, 1, 1, 1) * x0 + sigma[t].view(-1, 1, 1, 1) * noise
        return F.mse_loss(unet(x, t).float(), noise)

    return unet, network["in_channels"], loss_of


def autoencoder(network):
    """The network, the channels of its data, its loss."""
    model = AutoencoderKL(**network)
    f = 2 ** (len(network["ddconfig"]["ch_mult"]) - 1)

    def loss_of(x):
        noise = torch.randn(x.shape[0], network["embed_dim"], x.shape[2] // f, x.shape[3] // f)
        return model.loss(x, noise, kl_weight=1e-6)

    return model, network["ddconfig"]["in_channels"], loss_of
