"""The benchmarks' networks against the original's outputs and names: what `latent` is timed against must be right."""

import json

import autoencoder
import torch
import unet
import yaml
from safetensors.torch import load_file


def unet_outputs(folder):
    """Largest error of ε relative to the golden's largest magnitude in either memory format, and its tolerance."""
    network = unet.UNet(**params(folder)["unet_config"]["params"])
    prefix = "model.diffusion_model."
    state = torch.load(f"{folder}/model.ckpt", weights_only=True)["state_dict"]
    network.load_state_dict({k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)})
    io = load_file(f"{folder}/io.safetensors")
    layouts = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
    with torch.inference_mode():
        got = {
            name: network.to(memory_format=layout)(io["in.z_t"].contiguous(memory_format=layout), io["in.t"])
            for name, layout in layouts.items()
        }
    return {"errors": {name: error(eps, io["out.eps"]) for name, eps in got.items()}, **tolerances(folder, ["eps"])}


def autoencoder_outputs(folder):
    """Largest errors relative to the goldens' largest magnitudes, and their tolerances."""
    network = autoencoder.AutoencoderKL(params(folder)["embed_dim"], params(folder)["ddconfig"])
    network.load_state_dict(torch.load(f"{folder}/model.ckpt", weights_only=True)["state_dict"])
    io = load_file(f"{folder}/io.safetensors")
    got = {}
    with torch.inference_mode():
        for size in ("square", "wide"):
            mean, logvar = network.encode(io[f"in.image.{size}"])
            sample = mean + torch.exp(0.5 * logvar) * io[f"draw.posterior.{size}"][0]
            got |= {f"mean.{size}": mean, f"logvar.{size}": logvar}
            got |= {f"decode_mode.{size}": network.decode(mean), f"decode_sample.{size}": network.decode(sample)}
            got[f"decode_z.{size}"] = network.decode(io[f"in.z.{size}"])
    return {"errors": {k: error(v, io[f"out.{k}"]) for k, v in got.items()}, **tolerances(folder, got)}


def names(config, shapes):
    """Whether the networks of a released configuration have the original's names and shapes, in its order."""
    with open(config) as file:
        options = yaml.safe_load(file)["model"]["params"]
    with torch.device("meta"):
        if "unet_config" in options:
            prefix, network = "model.diffusion_model.", unet.UNet(**options["unet_config"]["params"])
        else:
            prefix, network = "", autoencoder.AutoencoderKL(options["embed_dim"], options["ddconfig"])
    got = {prefix + name: list(value.shape) for name, value in network.state_dict().items()}
    wanted = {k: v for k, v in shapes.items() if k.startswith(prefix) and not k.startswith("loss.")}
    return {"equal": list(got.items()) == list(wanted.items())}


def params(folder):
    with open(f"{folder}/config.yaml") as file:
        return yaml.safe_load(file)["model"]["params"]


def tolerances(folder, names):
    with open(f"{folder}/case.json") as file:
        outputs = json.load(file)["outputs"]
    return {"tolerances": {name: outputs[f"out.{name}"]["tolerance_rel_to_max"] for name in names}}


def error(got, wanted):
    return ((got - wanted).abs().max() / wanted.abs().max()).item()
