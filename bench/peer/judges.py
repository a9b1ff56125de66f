"""What a first stage is judged by in training: feature networks with random weights, the patch discriminator.

What only one of them needs is imported by it, so that the others' peak memory has nothing of it.
"""

import math
import types

import torch
import torch.nn.functional as F
from torch import nn


def patch_discriminator(channels=64, layers=3):
    """Logits [B, 1, h, w] of images [B, 3, H, W]; the names are the original's under `main.`."""
    widths = [channels * min(2**i, 8) for i in range(layers + 1)]
    main = [nn.Conv2d(3, channels, 4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True)]
    for i, (before, after) in enumerate(zip(widths, widths[1:])):
        conv = nn.Conv2d(before, after, 4, stride=2 if i + 1 < layers else 1, padding=1, bias=False)
        main += [conv, nn.BatchNorm2d(after), nn.LeakyReLU(0.2, inplace=True)]
    return nn.Sequential(*main, nn.Conv2d(widths[-1], 1, 4, padding=1))


def vgg16():
    """Its convolutions, torchvision's `features`."""
    layers, channels = [], 3
    for width in (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"):
        if width == "M":
            layers.append(nn.MaxPool2d(2, 2))
        else:
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
            channels = width
    return nn.Sequential(*layers)


def lpips_vgg():
    """PyPI `lpips` over VGG16."""
    import torchvision_stand_in  # noqa: F401, before what imports torchvision
    import lpips

    lpips.pretrained_networks.tv.vgg16 = lambda pretrained: types.SimpleNamespace(features=vgg16())
    return frozen(lpips.LPIPS(net="vgg", verbose=False))


def efficientnet():
    """The distance of PyPI `lpips` without learned weights, in the features of EfficientNet-Lite0."""
    return frozen(EfficientNetDistance())


class EfficientNetDistance(nn.Module):
    """Images [B, 3, h, w] in [−1, 1], twice → [B, 1, 1, 1]."""

    ENDS = (0, 2, 4, 10, 15)

    def __init__(self):
        super().__init__()
        from efficientnet_lite_pytorch import EfficientNet

        self.net = EfficientNet.from_name("efficientnet-lite0")

    def forward(self, x, y):
        parts = []
        for a, b in zip(self.maps(x), self.maps(y)):
            parts.append((unit(a) - unit(b)).square().sum(1, keepdim=True).mean((2, 3), keepdim=True))
        return sum(parts) / len(parts)

    def maps(self, images):
        h = F.relu6(self.net._bn0(self.net._conv_stem(images * (127.5 / 128) + 0.5 / 128)))
        for i, block in enumerate(self.net._blocks):
            h = block(h)
            if i in self.ENDS:
                yield h


def unit(features):
    return features / (torch.linalg.vector_norm(features, dim=1, keepdim=True) + 1e-10)


def frozen(network):
    """Not trained, and with weights under which activations keep their size."""
    for parameter in network.parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=math.sqrt(2 / parameter[0].numel()))
    return network.eval().requires_grad_(False)
