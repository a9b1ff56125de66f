"""An operator call: `a + b` of 16 elements, both requiring gradients, the result (its node with it) freed at once."""

import time

import torch


def setup(threads=1):
    global a, b
    torch.set_num_threads(threads)
    a, b = torch.randn(16, requires_grad=True), torch.randn(16, requires_grad=True)
    return {}


def run(n):
    x, y = a, b
    start = time.perf_counter()
    for _ in range(n):
        x + y
    return {"seconds": time.perf_counter() - start}
