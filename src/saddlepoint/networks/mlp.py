"""Fully connected networks for vectors and small images."""

from __future__ import annotations

import math

from torch import Tensor, nn

from saddlepoint.errors import BadInput
from saddlepoint.networks.description import Mlp
from saddlepoint.networks.layers import Maxout
from saddlepoint.networks.members import linear
from saddlepoint.networks.precision import widened

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "tanh": nn.Tanh,
    "softplus": nn.Softplus,
}


def activation(description: Mlp) -> nn.Module:
    """The description's activation; LeakyReLU has the slope 0.2 of the GAN papers."""
    if description.activation == "leaky_relu":
        return nn.LeakyReLU(0.2)
    if description.activation == "maxout":
        return Maxout(description.pieces)
    return ACTIVATIONS[description.activation]()


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
        layers = _layers(description, inputs, members)  # dropout is for critics
        last = description.hidden[-1] if description.hidden else inputs
        layers.append(linear(last, math.prod(shape), members))
        if output == "tanh":
            layers.append(nn.Tanh())
        self.layers = nn.Sequential(*layers)
        initialise(self, description)

    def forward(self, z: Tensor) -> Tensor:
        """Map latents to examples, at least in float32."""
        return widened(self.layers(z)).unflatten(-1, self.shape)


def backbone(
    description: Mlp, shape: tuple[int, ...], members: int | None = None
) -> tuple[nn.Module, int]:
    """(batch, *shape) to (batch, features): flattened in channel, row, column order."""
    inputs = math.prod(shape)
    features = description.hidden[-1] if description.hidden else inputs
    if members is not None and (description.dropout or description.dropout_input):
        raise BadInput(
            "dropout draws for all seeds together, so that a seed would not be the run that it is "
            "alone: leave --seeds at 1, or set the dropout to 0."
        )
    layers: list[nn.Module] = [nn.Flatten(start_dim=-len(shape))]
    if description.dropout_input:
        layers.append(nn.Dropout(description.dropout_input))
    layers += _layers(description, inputs, members, description.dropout)
    network = nn.Sequential(*layers)
    initialise(network, description)
    return network, features


def initialise(network: nn.Module, description: Mlp) -> None:
    """Start the weights in U(−r, r) and the biases at 0, if the description says so."""
    if description.initial_range is None:
        return
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
        else:
            nn.init.uniform_(parameter, -description.initial_range, description.initial_range)


def _layers(
    description: Mlp, inputs: int, members: int | None, dropout: float = 0.0
) -> list[nn.Module]:
    layers: list[nn.Module] = []
    pieces = description.pieces if description.activation == "maxout" else 1
    for units in description.hidden:
        layers += [linear(inputs, units * pieces, members), activation(description)]
        if dropout:
            layers.append(nn.Dropout(dropout))
        inputs = units
    return layers
