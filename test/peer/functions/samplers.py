"""diffusers' schedulers in a loop of their own, over a network with given weights."""

import sys

import diffusers
import torch
import unet


def sample(scheduler, options, steps, network, betas, start, draws, keywords=None, **weights):
    """The last `x` from `start` (of unit variance), the `timesteps`, and how often the network was asked.

    `draws` [n, …] are what the scheduler gets whenever it asks for noise, in order.
    """
    scheduler = getattr(diffusers, scheduler)(num_train_timesteps=len(betas), trained_betas=betas.tolist(), **options)
    scheduler.set_timesteps(steps)
    rest = iter(draws)
    sys.modules[type(scheduler).__module__].randn_tensor = lambda *_, **__: next(rest)
    model = unet.UNet(**network).eval()
    model.load_state_dict(weights)
    in_sigmas = abs(float(scheduler.init_noise_sigma) - 1) > 1e-3  # x / sqrt(ᾱ) then, whatever it says itself
    x = start * (1 + scheduler.sigmas[0] ** 2) ** 0.5 if in_sigmas else start
    with torch.inference_mode():
        for t in scheduler.timesteps:
            eps = model(scheduler.scale_model_input(x, t), t.expand(len(x)))
            x = scheduler.step(eps, t, x, **(keywords or {})).prev_sample
    return {"x": x, "timesteps": scheduler.timesteps.to(torch.float32)}
