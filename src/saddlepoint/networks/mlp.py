"""Fully connected networks for vectors and small images."""

from __future__ import annotations

import math

from torch import Tensor, nn

from saddlepoint.networks.description import Mlp

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "tanh": nn.Tanh,
    "softplus": nn.Softplus,
}


def activation(name: str) -> nn.Module:
    """The activation called ``name``; LeakyReLU has the slope 0.2 of the GAN papers."""
    return nn.LeakyReLU(0.2) if name == "leaky_relu" else ACTIVATIONS[name]()


class MlpGenerator(nn.Module):
    """(batch, inputs) to (batch, *shape)."""

    def __init__(self, description: Mlp, inputs: int, shape: tuple[int, ...], output: str) -> None:
        super().__init__()
        self.shape = shape
        layers = _layers(description, inputs)
        last = description.hidden[-1] if description.hidden else inputs
        layers.append(nn.Linear(last, math.prod(shape)))
        if output == "tanh":
            layers.append(nn.Tanh())
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        """Map latents to examples, in float32."""
        return self.layers(z).float().unflatten(1, self.shape)


def backbone(description: Mlp, shape: tuple[int, ...]) -> tuple[nn.Module, int]:
    """(batch, *shape) to (batch, features): flattened in channel, row, column order."""
    inputs = math.prod(shape)
    features = description.hidden[-1] if description.hidden else inputs
    return nn.Sequential(nn.Flatten(), *_layers(description, inputs)), features


def _layers(description: Mlp, inputs: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for units in description.hidden:
        layers += [nn.Linear(inputs, units), activation(description.activation)]
        inputs = units
    return layers
