"""diffusers' transformer over pixels, and PyTorch's resizing."""

import torch.nn.functional as F
from diffusers import Transformer2DModel


def spatial(x, context, grad_output, heads, depth, linear, **parameters):
    """Output and gradients of x, context and all parameters, whose names are diffusers' own."""
    channels = x.shape[1]
    model = Transformer2DModel(
        num_attention_heads=heads,
        attention_head_dim=channels // heads,
        in_channels=channels,
        num_layers=depth,
        cross_attention_dim=context.shape[-1],
        use_linear_projection=linear,
        activation_fn="geglu",
    )
    model.load_state_dict(parameters)
    leaves = {"x": x.requires_grad_(), "context": context.requires_grad_(), **dict(model.named_parameters())}
    output = model(x, encoder_hidden_states=context).sample
    output.backward(grad_output)
    return {"output": output, **{f"grad.{name}": leaf.grad for name, leaf in leaves.items()}}


def resized(x, method, factor, stages):
    for _ in range(stages):
        x = F.interpolate(x, scale_factor=factor, mode=method)
    return {"output": x}
