"""Fully connected networks for vectors and small images."""

from __future__ import annotations

import math

from torch import Tensor, nn

from saddlepoint.errors import BadInput
from saddlepoint.networks.description import Mlp
from saddlepoint.networks.layers import Maxout, MinibatchStd, VirtualBatchNorm
from saddlepoint.networks.members import MemberLinear, linear
from saddlepoint.networks.precision import widened
from saddlepoint.networks.waves import RandomWaves

ACTIVATIONS: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "softplus": nn.Softplus}


def activation(description: Mlp) -> nn.Module:
    """The description's activation; LeakyReLU has the slope 0.2 of the GAN papers."""
    # In place: a linear layer's output is needed nowhere else, and new memory costs time.
    if description.activation == "relu":
        return nn.ReLU(inplace=True)
    if description.activation == "leaky_relu":
        return nn.LeakyReLU(0.2, inplace=True)
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
        layers, last = _hidden(description, inputs, members)
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
    if members is not None and (description.dropout or description.dropout_input):
        raise BadInput(
            "dropout draws for all seeds together, so that a seed would not be the run that it is "
            "alone: leave --seeds at 1, or set the dropout to 0."
        )
    layers: list[nn.Module] = [nn.Flatten(start_dim=-len(shape))]
    if description.dropout_input:
        layers.append(nn.Dropout(description.dropout_input))
    inputs = math.prod(shape)
    if description.waves:
        frequency, size = description.wave_frequency, description.wave_amplitude
        waves = RandomWaves(inputs, description.waves, frequency, size, members)
        layers.append(waves)
        inputs = waves.outputs
    hidden, features = _hidden(description, inputs, members, of_backbone=True)
    network = nn.Sequential(*layers, *hidden)
    initialise(network, description)
    return network, features


def initialise(network: nn.Module, description: Mlp) -> None:
    """Start the weights in U(−r, r) and the biases at 0, if the description says so."""
    if description.initial_range is None:
        return
    for layer in network.modules():
        if isinstance(layer, nn.Linear | MemberLinear):
            nn.init.uniform_(layer.weight, -description.initial_range, description.initial_range)
            nn.init.zeros_(layer.bias)


def _hidden(
    description: Mlp, inputs: int, members: int | None, of_backbone: bool = False
) -> tuple[list[nn.Module], int]:
    """The hidden layers and the number of features that they end with.

    Dropout and minibatch statistics belong to backbones, whose first layer is not normalised.
    """
    first = 1 if of_backbone else 0
    if description.norm != "none" and len(description.hidden) <= first:
        raise BadInput(
            f"norm '{description.norm}' finds nothing to normalise: a critic's first layer is left "
            "alone, so it needs two hidden layers or more, and a generator one; add layers, or set "
            "this network's norm to none."
        )
    with_std = of_backbone and description.minibatch == "std"
    layers: list[nn.Module] = []
    pieces = description.pieces if description.activation == "maxout" else 1
    for level, units in enumerate(description.hidden):
        if with_std and level == len(description.hidden) - 1:
            layers.append(MinibatchStd(members=members))
            inputs += 1
        layers.append(linear(inputs, units * pieces, members))
        if level >= first:
            layers += _norm(description, units * pieces, members)
        layers.append(activation(description))
        if of_backbone and description.dropout:
            layers.append(nn.Dropout(description.dropout))
        inputs = units
    if with_std and not description.hidden:  # what the score is computed from
        layers.append(MinibatchStd(members=members))
        inputs += 1
    return layers, inputs


def _norm(description: Mlp, units: int, members: int | None) -> list[nn.Module]:
    if description.norm == "none":
        return []
    if description.norm == "virtual":
        return [VirtualBatchNorm(units, members)]
    if members is not None:
        raise BadInput(
            "batch norm in a fully connected network serves one seed only: leave --seeds at 1, or "
            "set its norm to virtual or none."
        )
    return [nn.BatchNorm1d(units)]
