"""From descriptions to modules; the only place that knows which class serves which kind."""

from __future__ import annotations

from typing import Literal, NamedTuple

from torch import Tensor, nn

from saddlepoint.errors import BadInput
from saddlepoint.networks import dcgan, mlp
from saddlepoint.networks.description import Dcgan, Mlp
from saddlepoint.networks.layers import mixes_examples
from saddlepoint.networks.members import linear
from saddlepoint.networks.precision import widened

Output = Literal["tanh", "linear"]


def build_generator(
    description: Mlp | Dcgan,
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
        BadInput: A convolutional network for vectors, or images with a side below 8 pixels.
    """
    if isinstance(description, Mlp):
        return mlp.MlpGenerator(description, inputs, shape, output, members)
    _refuse(description, members)
    return dcgan.DcganGenerator(description, inputs, _image_shape(description, shape), output)


def build_backbone(
    description: Mlp | Dcgan, shape: tuple[int, ...], members: int | None = None
) -> Backbone:
    """A module from (batch, *shape) to (batch, features), and how many features.

    Raises:
        BadInput: A convolutional network for vectors, or images with a side below 8 pixels.
    """
    if isinstance(description, Mlp):
        return Backbone(*mlp.backbone(description, shape, members))
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


class Critic(nn.Module):
    """A backbone and a linear score.

    Attributes:
        mixes_examples: True if an example's score depends on the others in its batch.
    """

    def __init__(
        self, description: Mlp | Dcgan, shape: tuple[int, ...], members: int | None = None
    ) -> None:
        super().__init__()
        self.backbone, features = build_backbone(description, shape, members)
        self.head = linear(features, 1, members)
        if isinstance(description, Dcgan):
            self.head.apply(dcgan.initialise)
        self.mixes_examples = mixes_examples(self.modules())

    def forward(self, x: Tensor) -> CriticOutput:
        """Score the examples ``x``."""
        features = self.backbone(x)
        return CriticOutput(widened(self.head(features).squeeze(-1)), features)


def _refuse(description: Mlp | Dcgan, members: int | None) -> None:
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
