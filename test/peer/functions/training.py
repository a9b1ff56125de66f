"""Optimisers, gradient clipping, the moving average of weights, learning-rate schedules."""

import torch
from torch.optim import lr_scheduler


def optimize(optimizer, options, learning_rates=None, **arrays):
    """`torch.optim.<optimizer>(**options)` from parameters `param.<name>` with the gradients `grad.<name>` of each
    step, [steps, …]. The parameters after every step as `param.<name>`, [steps, …]; the moments after the last as
    `exp_avg.<name>`, `exp_avg_sq.<name>`. `learning_rates` has one for each step."""
    names = [name.removeprefix("param.") for name in arrays if name.startswith("param.")]
    params = {name: torch.nn.Parameter(arrays[f"param.{name}"].clone()) for name in names}
    optimizer = getattr(torch.optim, optimizer)(list(params.values()), **options)
    history = {name: [] for name in names}
    for step in range(len(arrays[f"grad.{names[0]}"])):
        if learning_rates is not None:
            optimizer.param_groups[0]["lr"] = learning_rates[step]
        for name, param in params.items():
            param.grad = arrays[f"grad.{name}"][step].clone()
        optimizer.step()
        for name, param in params.items():
            history[name].append(param.detach().clone())
    return {
        **{f"param.{name}": torch.stack(steps) for name, steps in history.items()},
        **{f"{key}.{name}": optimizer.state[p][key] for name, p in params.items() for key in ("exp_avg", "exp_avg_sq")},
    }


def clip_grad_norm(max_norm, **gradients):
    """The clipped gradients and their `norm` before."""
    params = [torch.nn.Parameter(torch.zeros_like(gradient)) for gradient in gradients.values()]
    for param, gradient in zip(params, gradients.values()):
        param.grad = gradient.clone()
    norm = torch.nn.utils.clip_grad_norm_(params, max_norm, foreach=True)
    return {**{name: param.grad for name, param in zip(gradients, params)}, "norm": norm}


def ema(start, params, decay=0.9999, num_updates=0):
    """The original's moving average with warm-up: from `start` over `params` [steps, …]; after each step [steps, …]."""
    shadow, history, decays = start.clone(), [], []
    for param in params:
        num_updates += 1
        decays.append(min(decay, (1 + num_updates) / (10 + num_updates)))
        shadow -= (1 - decays[-1]) * (shadow - param)
        history.append(shadow.clone())
    return {"shadow": torch.stack(history), "decays": decays}


def learning_rates(parts, base, steps, milestones=()):
    """Rates of `steps` optimiser steps by torch's schedulers, [{"name": "CosineAnnealingLR", …its options}, …], one
    after the other at `milestones`."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=base)
    schedulers = [getattr(lr_scheduler, part.pop("name"))(optimizer, **part) for part in parts]
    return rates(optimizer, lr_scheduler.SequentialLR(optimizer, schedulers, list(milestones)), steps)


def lambda_learning_rates(name, base, steps, warmup=None, total=None):
    """Rates of `steps` optimiser steps by diffusers' LambdaLR schedules: constant_with_warmup, linear, cosine, …"""
    from diffusers.optimization import get_scheduler  # seconds, which the other functions need not wait for

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=base)
    return rates(optimizer, get_scheduler(name, optimizer, num_warmup_steps=warmup, num_training_steps=total), steps)


def rates(optimizer, scheduler, steps):
    result = []
    for _ in range(steps):
        result.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return {"rates": result}
