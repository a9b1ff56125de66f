"""Layers: forward and gradients, and PyTorch's initialisations."""

import torch
import torch.nn.functional as F
from torch import nn


def functional(function, options=None, grad_output=None, channels_last=False, **inputs):
    """`torch.nn.functional.<function>(**inputs, **options)`: its output; with `grad_output` also `grad.<input>`
    of every floating-point input. Inputs have PyTorch's argument names (input, weight, bias; query, key, value)."""
    leaves = {}
    for name, value in inputs.items():
        if channels_last and value.dim() == 4:
            value = value.contiguous(memory_format=torch.channels_last)
        leaves[name] = value.requires_grad_(value.is_floating_point())
    output = getattr(F, function)(**leaves, **(options or {}))
    if grad_output is None:
        return {"output": output}
    output.backward(grad_output)
    gradients = {f"grad.{name}": value.grad for name, value in leaves.items() if value.grad is not None}
    return {"output": output, **gradients}


def initial(layer, options, seed=0):
    """The parameters of a fresh `torch.nn.<layer>(**options)`."""
    torch.manual_seed(seed)
    return {name: parameter for name, parameter in getattr(nn, layer)(**options).named_parameters()}


def initial_statistics(layer, options, seed=0):
    """Mean, variance, smallest and largest value of each parameter of a fresh `torch.nn.<layer>(**options)`."""
    return {
        name: {"mean": p.mean().item(), "var": p.var().item(), "min": p.min().item(), "max": p.max().item()}
        for name, p in initial(layer, options, seed).items()
    }


def randn(seed, shape):
    """`torch.randn` of PyTorch's CPU generator (mt19937)."""
    return {"noise": torch.randn(shape, generator=torch.Generator().manual_seed(seed))}
