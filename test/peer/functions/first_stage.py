"""First stages: diffusers' autoencoders under the original's names, the benchmarks' patch discriminator."""

import re

import torch
from judges import patch_discriminator


def kl(options, image, noise, grad_image, grad_latent, **weights):
    """diffusers' AutoencoderKL: mean and log-variance, the latent mean + std · noise, its reconstruction, and the
    gradients of Σ reconstruction · grad_image + Σ latent · grad_latent by the image and every weight."""
    from diffusers import AutoencoderKL  # seconds, which the other functions need not wait for

    network, names = filled(AutoencoderKL(**options), weights)
    posterior = network.encode(image.requires_grad_()).latent_dist
    latent = posterior.mean + posterior.std * noise
    reconstruction = network.decode(latent).sample
    ((reconstruction * grad_image).sum() + (latent * grad_latent).sum()).backward()
    outputs = {"mean": posterior.mean, "logvar": posterior.logvar, "latent": latent, "reconstruction": reconstruction}
    return {**outputs, **gradients(image, network, names, weights)}


def vq(options, image, grad_image, **weights):
    """diffusers' VQModel: the latent before quantisation, the codes' numbers, the loss of the codebook, the
    reconstruction, and the gradients of Σ reconstruction · grad_image + loss by the image and every weight."""
    from diffusers import VQModel

    network, names = filled(VQModel(**options), weights)
    latent = network.encode(image.requires_grad_()).latents
    decoded = network.decode(latent)
    _, loss, (_, _, indices) = network.quantize(latent)
    ((decoded.sample * grad_image).sum() + decoded.commit_loss).backward()
    outputs = {"latent": latent, "indices": indices.flatten(), "loss": loss, "reconstruction": decoded.sample}
    return {**outputs, **gradients(image, network, names, weights)}


def discriminator(channels, layers, real, fake, **state):
    """The patch discriminator in training: logits of `fake`, then of `real`, gradients of −mean of the first by `fake`
    and of the hinge loss by the weights; at the end its running statistics, and logits when it is not training."""
    network = patch_discriminator(channels, layers)
    network.load_state_dict({name.removeprefix("main."): value for name, value in state.items()})
    of_fake = network(fake.requires_grad_())
    by_fake = torch.autograd.grad(-of_fake.mean(), fake)[0]
    of_real, again = network(real), network(fake.detach())
    loss = 0.5 * (torch.relu(1 - of_real).mean() + torch.relu(1 + again).mean())
    loss.backward()
    result = {"fake": of_fake, "real": of_real, "loss": loss, "grad.fake": by_fake}
    result |= {f"grad.main.{name}": parameter.grad for name, parameter in network.named_parameters()}
    result |= {f"main.{name}": value.clone() for name, value in network.named_buffers()}
    return {**result, "still": network.eval()(real)}


def filled(network, weights):
    """The network with weights of the original's names, and its own name of each."""
    levels = 1 + max(int(name.split(".")[2]) for name in weights if name.startswith("encoder.down."))
    names = {name: diffusers_name(name, levels) for name in weights}
    own = network.state_dict()
    network.load_state_dict({names[name]: value.reshape(own[names[name]].shape) for name, value in weights.items()})
    return network, names


def diffusers_name(name, levels):
    """Of a tensor that the original calls `name`: blocks are grouped by kind, and the decoder's counted as they run."""
    name = re.sub(r"\bdown\.(\d+)\.", r"down_blocks.\1.", name)
    name = re.sub(r"\bup\.(\d+)\.", lambda m: f"up_blocks.{levels - 1 - int(m[1])}.", name)
    name = re.sub(r"\bmid\.block_(\d)", lambda m: f"mid_block.resnets.{int(m[1]) - 1}", name)
    name = name.replace("mid.attn_1", "mid_block.attentions.0")
    name = name.replace(".block.", ".resnets.").replace(".attn.", ".attentions.")
    name = name.replace("downsample.conv", "downsamplers.0.conv").replace("upsample.conv", "upsamplers.0.conv")
    name = name.replace("nin_shortcut", "conv_shortcut").replace("norm_out", "conv_norm_out")
    if "attentions" in name:
        name = name.replace(".norm.", ".group_norm.").replace("proj_out", "to_out.0")
        name = re.sub(r"\.([qkv])\.", r".to_\1.", name)
    return name


def gradients(image, network, names, weights):
    parameters = dict(network.named_parameters())
    by_weights = {f"grad.{name}": parameters[names[name]].grad.reshape(value.shape) for name, value in weights.items()}
    return {"grad.image": image.grad, **by_weights}
