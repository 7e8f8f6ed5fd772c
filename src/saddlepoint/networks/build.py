"""From descriptions to modules; the only place that knows which class serves which kind."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from saddlepoint.errors import BadInput
from saddlepoint.networks import dcgan, mlp
from saddlepoint.networks.description import Dcgan, Mlp, Network
from saddlepoint.networks.layers import (
    MinibatchDiscrimination,
    MinibatchStd,
    WithReference,
    mixing_layers,
    needs_reference,
)
from saddlepoint.networks.members import linear
from saddlepoint.networks.precision import widened

Output = Literal["tanh", "linear"]


def build_generator(
    description: Network,
    inputs: int,
    shape: tuple[int, ...],
    output: Output,
    members: int | None = None,
) -> nn.Module:
    """A module from (batch, inputs) to (batch, *shape).

    Args:
        description: The network.
        inputs: Length of the input vector.
        shape: (channels, height, width) or (dimensions,).
        output: ``tanh`` keeps the result in (−1, 1); ``linear`` leaves it as it is.
        members: Hold the weights of so many independent networks; fully connected ones only.

    Raises:
        BadInput: A convolutional network for vectors, images with a side below 8 pixels, or a
            layer that only critics have.
    """
    if description.minibatch != "none":
        raise BadInput(
            f"minibatch '{description.minibatch}' is for critics, and a generator makes each "
            "example by itself: set the generator's minibatch to none."
        )
    if isinstance(description, Mlp):
        return mlp.MlpGenerator(description, inputs, shape, output, members)
    assert isinstance(description, Dcgan)
    _refuse(description, members)
    return dcgan.DcganGenerator(description, inputs, _image_shape(description, shape), output)


def build_backbone(
    description: Network, shape: tuple[int, ...], members: int | None = None
) -> Backbone:
    """A module from (batch, *shape) to (batch, features), and how many features.

    Minibatch discrimination is no part of it: it stands behind the features (``Critic``).

    Raises:
        BadInput: A convolutional network for vectors, or images with a side below 8 pixels.
    """
    if isinstance(description, Mlp):
        return Backbone(*mlp.backbone(description, shape, members))
    assert isinstance(description, Dcgan)
    _refuse(description, members)
    return Backbone(*dcgan.backbone(description, _image_shape(description, shape)))


class Backbone(NamedTuple):
    """A feature extractor and the number of its features."""

    module: nn.Module
    features: int


class CriticOutput(NamedTuple):
    """What a critic says of a batch: score (batch,), features (batch, features)."""

    score: Tensor
    features: Tensor


def with_reference(
    network: nn.Module, size: int, shape: tuple[int, ...], members: int | None = None
) -> nn.Module:
    """``network`` with room for the reference batch that its virtual batch norm needs.

    Without virtual batch norm the network itself.

    Args:
        network: From (batch, *shape).
        size: Examples of the reference batch.
        shape: Shape of one of them.
        members: Number of members, which have a reference batch each.
    """
    if not needs_reference(network):
        return network
    leading = () if members is None else (members,)
    return WithReference(network, torch.empty(*leading, size, *shape), members=members)


class Critic(nn.Module):
    """A backbone, what it is told of the other examples, and a linear score.

    With virtual batch norm it needs a reference batch before its first use (``offer``), which
    minibatch discrimination does not see.

    Args:
        description: The network.
        shape: Shape of one input.
        members: Hold the weights of so many independent critics.
        batch: Inputs per batch; with virtual batch norm also those of the reference batch.

    Attributes:
        mixing: What lets an example's score depend on the others in its batch; empty if nothing.
        mixes_examples: True if anything does.

    Raises:
        BadInput: The network does not fit the inputs or the size of the batch.
    """

    def __init__(
        self,
        description: Network,
        shape: tuple[int, ...],
        members: int | None = None,
        batch: int = 64,
    ) -> None:
        super().__init__()
        backbone, features = build_backbone(description, shape, members)
        self.backbone = with_reference(backbone, batch, shape, members)
        self.discrimination: MinibatchDiscrimination | None = None
        if description.minibatch == "discrimination":
            self.discrimination = MinibatchDiscrimination(features, members=members)
            features = self.discrimination.outputs
        self.head = linear(features, 1, members)
        if isinstance(description, Dcgan):
            self.head.apply(dcgan.initialise)
        self.mixing = mixing_layers(self.modules())
        self.mixes_examples = bool(self.mixing)
        for module in self.modules():
            if isinstance(module, MinibatchStd):
                module.check(batch)

    def offer(self, x: Tensor) -> None:
        """Make ``x`` the reference batch of virtual batch norm, if there is none yet."""
        if isinstance(self.backbone, WithReference):
            self.backbone.offer(x)

    def forward(self, x: Tensor) -> CriticOutput:
        """Score the examples ``x``; the features are those without minibatch discrimination."""
        features = self.backbone(x)
        told = features if self.discrimination is None else self.discrimination(features)
        return CriticOutput(widened(self.head(told).squeeze(-1)), features)


def _refuse(description: Network, members: int | None) -> None:
    if members is not None:
        raise BadInput(
            f"several seeds in one program need fully connected networks, and '{description.kind}' "
            "is not: leave --seeds at 1 and start one run a seed."
        )


def _image_shape(description: Dcgan, shape: tuple[int, ...]) -> tuple[int, int, int]:
    if len(shape) != 3:
        raise BadInput(
            f"the network '{description.kind}' needs images, and these data are vectors of "
            f"{shape[0]} numbers: choose a recipe for vectors, or the network 'mlp'."
        )
    channels, height, width = shape
    if min(height, width) < 8:
        raise BadInput(
            f"the network '{description.kind}' needs images of at least 8×8 pixels, and these are "
            f"{height}×{width}: enlarge them (--data.size 8 or more for a folder)."
        )
    return channels, height, width
