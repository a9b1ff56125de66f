"""An empty torchvision: packages that only import it find what they look for, classes without content."""

import sys
import types

import torch


class StandIn(types.ModuleType):
    """A module that has whatever name is asked for."""

    __version__ = "0.0"
    __path__ = ()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (torch.nn.Module,), {})


for name in ("", ".datasets", ".models", ".models.inception", ".transforms", ".transforms.functional"):
    module = sys.modules[f"torchvision{name}"] = StandIn(f"torchvision{name}")
    if name:
        parent, _, attribute = f"torchvision{name}".rpartition(".")
        setattr(sys.modules[parent], attribute, module)
