"""Fully connected networks for vectors and small images."""

from __future__ import annotations

import math

from torch import Tensor, nn

from saddlepoint.networks.description import Mlp
from saddlepoint.networks.members import linear
from saddlepoint.networks.precision import widened

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
    """(batch, inputs) to (batch, *shape); with members, both have a leading axis."""

    def __init__(
        self,
        description: Mlp,
        inputs: int,
        shape: tuple[int, ...],
        output: str,
        members: int | None = None,
    ) -> None:
        super().__init__()
        self.shape = shape
        layers = _layers(description, inputs, members)
        last = description.hidden[-1] if description.hidden else inputs
        layers.append(linear(last, math.prod(shape), members))
        if output == "tanh":
            layers.append(nn.Tanh())
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        """Map latents to examples, at least in float32."""
        return widened(self.layers(z)).unflatten(-1, self.shape)


def backbone(
    description: Mlp, shape: tuple[int, ...], members: int | None = None
) -> tuple[nn.Module, int]:
    """(batch, *shape) to (batch, features): flattened in channel, row, column order."""
    inputs = math.prod(shape)
    features = description.hidden[-1] if description.hidden else inputs
    flatten = nn.Flatten(start_dim=-len(shape))
    return nn.Sequential(flatten, *_layers(description, inputs, members)), features


def _layers(description: Mlp, inputs: int, members: int | None) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for units in description.hidden:
        layers += [linear(inputs, units, members), activation(description.activation)]
        inputs = units
    return layers
