"""A training step of a KL first stage as the original takes it, written as one writes it in PyTorch: the generator's
(L1, perceptual distance, KL, hinge loss at its adaptive weight), then the discriminator's with a new forward pass; two
Adams (fused), both losses read. What a half doesn't train, records nothing.
"""

import judges
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from first_stage import filled
from timing import count, layout, timed


def setup(network, perceptual, batch, size, threads, learning_rate, channels_last=True, **weights):
    """`network`: the autoencoder's options; `perceptual`: a function of judges.py; images [batch, 3, size, size].

    Weights have the names of ours, under `model.`, `discriminator.main.` and `perceptual.`; all are random without."""
    global turn
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    memory_format = layout(channels_last)
    draws = torch.Generator().manual_seed(1)
    x = torch.randn(batch, 3, size, size, generator=draws).contiguous(memory_format=memory_format)
    model, distance = AutoencoderKL(**network), getattr(judges, perceptual)()
    discriminator = judges.patch_discriminator()
    if weights:
        filled(model, of("model", weights))
        discriminator.load_state_dict(of("discriminator.main", weights))
        distance.load_state_dict(of("perceptual", weights), strict=False)  # lpips lists its heads twice
    for module in (model, distance, discriminator):
        module.to(memory_format=memory_format)
    logvar = torch.nn.Parameter(torch.zeros(()))
    last_layer = model.decoder.conv_out.weight
    options = {"lr": learning_rate, "betas": (0.5, 0.9), "fused": True}
    optimizer = torch.optim.Adam(model.parameters(), **options)
    judging = torch.optim.Adam(discriminator.parameters(), **options)

    def reconstruction():
        posterior = model.encode(x).latent_dist
        noise = torch.randn(posterior.mean.shape, generator=draws)
        return posterior, model.decode(posterior.mean + posterior.std * noise).sample

    def adaptive_weight(nll, g):
        by_nll, by_g = (torch.autograd.grad(loss, last_layer, retain_graph=True)[0].norm() for loss in (nll, g))
        return (by_nll / (by_g + 1e-4)).clamp(0, 1e4)

    def generator_step():
        discriminator.requires_grad_(False)
        posterior, y = reconstruction()
        distances = (x - y).abs() + distance(x, y)
        nll = (distances / logvar.exp() + logvar).sum() / batch
        g = -discriminator(y).mean()
        loss = nll + 1e-6 * posterior.kl().sum() / batch + adaptive_weight(nll, g) * g
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.detach()

    def discriminator_step():
        discriminator.requires_grad_(True)
        with torch.no_grad():
            _, y = reconstruction()
        loss = 0.5 * (F.relu(1 - discriminator(x)).mean() + F.relu(1 + discriminator(y)).mean())
        loss.backward()
        judging.step()
        judging.zero_grad(set_to_none=True)
        return loss.detach()

    def turn():
        return torch.stack([generator_step(), discriminator_step()]).tolist()

    return count(model)


def run(n):
    return timed(turn, n)


def losses():
    """Of the generator's and the discriminator's half of a step, which is taken."""
    return {"losses": turn()}


def of(prefix, weights):
    return {name.removeprefix(f"{prefix}."): value for name, value in weights.items() if name.startswith(f"{prefix}.")}
