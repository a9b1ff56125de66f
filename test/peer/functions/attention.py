"""Self-attention over pixels, written out with plain products and softmax."""

import math

import torch
import torch.nn.functional as F


def unet(x, grad_output, heads, legacy, **parameters):
    """The U-Net's block: output and gradients of x and all parameters. Heads before q, k, v in the legacy order."""

    def forward(x, norm, qkv, out):
        b, c, height, width = x.shape
        tokens = F.group_norm(x, 32, *norm, eps=1e-5).reshape(b, c, -1)
        mixed = F.conv1d(tokens, *qkv)
        shape = (b, heads, 3, c // heads, -1) if legacy else (b, 3, heads, c // heads, -1)
        q, k, v = mixed.reshape(shape).unbind(2 if legacy else 1)  # [B, heads, C / heads, h·w]
        attended = (v @ weights(q, k)).reshape(b, c, -1)
        return x + F.conv1d(attended, *out).reshape(x.shape)

    return gradients(forward, x, grad_output, parameters, ("norm", "qkv", "proj_out"))


def autoencoder(x, grad_output, **parameters):
    """The autoencoder's block with one head: output and gradients of x and all parameters."""

    def forward(x, norm, q, k, v, out):
        h = F.group_norm(x, 32, *norm, eps=1e-6)
        q, k, v = (F.conv2d(h, *conv).flatten(2) for conv in (q, k, v))  # [B, C, h·w]
        return x + F.conv2d((v @ weights(q, k)).reshape(x.shape), *out)

    return gradients(forward, x, grad_output, parameters, ("norm", "q", "k", "v", "proj_out"))


def weights(q, k):
    """[…, C, keys] and queries → [keys, queries]: each column sums to 1."""
    return torch.softmax(q.transpose(-1, -2) @ k / math.sqrt(q.shape[-2]), dim=-1).transpose(-1, -2)


def gradients(forward, x, grad_output, parameters, names):
    leaves = {"x": x, **parameters}
    for leaf in leaves.values():
        leaf.requires_grad_()
    output = forward(x, *((parameters[f"{name}.weight"], parameters[f"{name}.bias"]) for name in names))
    output.backward(grad_output)
    return {"output": output, **{f"grad.{name}": leaf.grad for name, leaf in leaves.items()}}
