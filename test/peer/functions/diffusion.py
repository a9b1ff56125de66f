"""diffusers' schedulers with given betas, noise and network outputs."""

import diffusers
import torch


def add_noise(scheduler, betas, sample, noise, timesteps):
    """`<scheduler>.add_noise` of `sample` [B, …] at `timesteps` [B]."""
    scheduler = getattr(diffusers, scheduler)(num_train_timesteps=len(betas), trained_betas=betas.tolist())
    return {"noisy": scheduler.add_noise(sample, noise, timesteps), "alphas_cumprod": scheduler.alphas_cumprod}


def ddim(betas, start, outputs, eta=0.0, variance_noise=None, options=None):
    """DDIM from `start` with the network's `outputs` [steps, …]: `x` and `x0` after each step, and the `timesteps`.

    By default the plan is the original's list: multiples of T / steps, plus 1, ending on the first ᾱ.
    """
    options = {"clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1, **(options or {})}
    scheduler = diffusers.DDIMScheduler(num_train_timesteps=len(betas), trained_betas=betas.tolist(), **options)
    scheduler.set_timesteps(len(outputs))
    x, xs, x0s = start, [], []
    for i, t in enumerate(scheduler.timesteps):
        noise = None if variance_noise is None else variance_noise[i]
        step = scheduler.step(outputs[i], t, x, eta=eta, variance_noise=noise)
        x = step.prev_sample
        xs.append(x)
        x0s.append(step.pred_original_sample)
    return {"x": torch.stack(xs), "x0": torch.stack(x0s), "timesteps": scheduler.timesteps}
