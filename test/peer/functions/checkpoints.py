"""Checkpoints of the original: pickles, which only tensors are read from."""

import torch


def state(path):
    """The tensors of a checkpoint's state dict by name."""
    return dict(torch.load(path, weights_only=True, map_location="cpu")["state_dict"])
