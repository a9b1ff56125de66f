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


def zero_terminal_snr(betas):
    """diffusers' rescaled `betas` (Lin et al. 2024), in the dtype of those given."""
    from diffusers.schedulers.scheduling_ddim import rescale_zero_terminal_snr

    return {"betas": rescale_zero_terminal_snr(betas)}


def min_snr_loss(betas, predict, prediction, sample, noise, timesteps, gamma):
    """The loss with min-SNR weights as diffusers' training scripts compute it, and its `gradient` by the prediction."""
    from diffusers.training_utils import compute_snr

    kinds = {"eps": "epsilon", "x0": "sample", "v": "v_prediction"}
    options = {"num_train_timesteps": len(betas), "trained_betas": betas.tolist(), "prediction_type": kinds[predict]}
    scheduler = diffusers.DDPMScheduler(**options)
    velocity = scheduler.get_velocity(sample, noise, timesteps)
    target = {"eps": noise, "x0": sample, "v": velocity}[predict]
    snr = compute_snr(scheduler, timesteps)
    weights = torch.clamp(snr, max=gamma) / {"eps": snr, "x0": torch.ones_like(snr), "v": snr + 1}[predict]
    prediction = prediction.clone().requires_grad_()
    losses = torch.nn.functional.mse_loss(prediction, target, reduction="none").mean([1, 2, 3])
    loss = (losses * weights).mean()
    loss.backward()
    return {"loss": loss.detach(), "gradient": prediction.grad}
