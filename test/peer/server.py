"""Answers calls of runner.ts: `python -I server.py FOLDER…`, functions are those of the modules in the folders.

A message is a line of JSON and, right after it, the bytes of its arrays one after the other (little-endian, row-major):

    {"call": "module.function", "json": {…}, "arrays": [{"name", "dtype", "shape", "size"}, …]}
    {"json": {…}, "arrays": […]}    or    {"error": "the traceback"}

A function gets JSON values and arrays (tensors) alike as keyword arguments and returns a dict of both. What it prints
goes to stderr. The process ends when its input does.
"""

import importlib
import json
import os
import sys
import traceback

import torch


def read(stream):
    """The next message with its arrays as a dict of tensors, or None at the end."""
    line = stream.readline()
    if not line:
        return None
    message = json.loads(line)
    message["arrays"] = {
        array["name"]: tensor(stream.read(array["size"]), array["dtype"], array["shape"]) for array in message["arrays"]
    }
    return message


def tensor(data, dtype, shape):
    dtype = getattr(torch, dtype)
    return torch.frombuffer(bytearray(data), dtype=dtype).reshape(shape) if data else torch.empty(shape, dtype=dtype)


def write(stream, values):
    """A message of the dict's tensors as arrays and the rest as JSON."""
    arrays, parts = [], []
    for name in [name for name, value in values.items() if isinstance(value, torch.Tensor)]:
        value = values.pop(name).detach().contiguous()
        parts.append(value.reshape(-1).view(torch.uint8).numpy().tobytes())
        dtype = str(value.dtype).removeprefix("torch.")
        arrays.append({"name": name, "dtype": dtype, "shape": list(value.shape), "size": len(parts[-1])})
    stream.write(json.dumps({"json": values, "arrays": arrays}).encode() + b"\n" + b"".join(parts))


def call(name, keywords):
    module, function = name.rsplit(".", 1)
    return getattr(importlib.import_module(module), function)(**keywords)


def main():
    sys.path[:0] = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while (message := read(sys.stdin.buffer)) is not None:
        try:
            write(answers, call(message["call"], {**message["json"], **message["arrays"]}))
        except Exception:
            answers.write(json.dumps({"error": traceback.format_exc()}).encode() + b"\n")
        answers.flush()


main()
