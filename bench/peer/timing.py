"""What the timing programs share. Each is a module with `setup(…)`, once a process, and `run(n)`, seconds of n turns.

They are called through test/peer/server.py (`time_add.setup`, `time_add.run`, `process.memory`, …), so that a driver
can take turns between this side and ours.
"""

import time

import torch


def timed(turn, n):
    start = time.perf_counter()
    for _ in range(n):
        turn()
    return {"seconds": time.perf_counter() - start}


def layout(channels_last):
    return torch.channels_last if channels_last else torch.contiguous_format


def count(network):
    return {"parameters": sum(p.numel() for p in network.parameters())}
