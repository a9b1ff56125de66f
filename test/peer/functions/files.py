"""The safetensors package."""

import safetensors
import safetensors.torch


def write(path, metadata=None, **tensors):
    """Writes the tensors to a file."""
    safetensors.torch.save_file(tensors, path, metadata)
    return {}


def read(path):
    """Tensors of a file, and its metadata as `metadata`."""
    with safetensors.safe_open(path, framework="pt") as file:
        return {**{name: file.get_tensor(name) for name in file.keys()}, "metadata": file.metadata()}
