"""Checkpoints of torch.save."""

import argparse
import collections

import numpy
import torch
from torch.serialization import set_crc32_options


class Custom:
    """A class that a reader does not know."""

    def __init__(self):
        self.weights = torch.ones(3)


def save(path, views, legacy=False, protocol=2, checksums=True, wrapped=False, **bases):
    """Saves views `[name, base, shape, strides, start]` of tensors; returns each of them."""
    state = collections.OrderedDict()
    for name, base, shape, strides, start in views:
        state[name] = torch.as_strided(bases[base], shape, strides, start)
    set_crc32_options(checksums)
    saved = {"state_dict": state, **trainer()} if wrapped else state
    torch.save(saved, path, pickle_protocol=protocol, _use_new_zipfile_serialization=not legacy)
    set_crc32_options(True)
    return dict(state)


def trainer():
    """What trainers leave beside the weights."""
    return {
        "epoch": 3,
        "best": numpy.float64(0.25),
        "count": numpy.int64(-5),
        "many": numpy.arange(3),
        "callbacks": {Custom: {"best": Custom(), "path": "a/b.ckpt"}},
        "hyper_parameters": argparse.Namespace(lr=1e-4, size=torch.Size([2, 3])),
        "optimizer_states": [{"state": {0: {"exp_avg": torch.ones(2)}}, "param_groups": [{"betas": (0.9, 0.999)}]}],
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "sparse": torch.eye(2).to_sparse(),
        "dtype": torch.float16,
        "large": 2**70,
    }
