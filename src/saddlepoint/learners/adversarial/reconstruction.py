"""What rebuilds an example from a critic's features."""

from __future__ import annotations

import math

from torch import Tensor, nn

from saddlepoint.games.turn import Turn
from saddlepoint.networks.member_linear import linear
from saddlepoint.networks.network import Size
from saddlepoint.networks.precision import widened
from saddlepoint.networks.residual import MeanPool

SLOPE = 0.2


class Reconstruction(nn.Module):
    """From features to an example: one hidden layer, then a linear map to every number of it.

    Images are rebuilt small: halved, rounded up, until neither side has more than ``side`` pixels,
    by means of 2×2.

    Shapes: ([members,] batch, features) to ([members,] batch, numbers).

    Args:
        features: Numbers of a feature vector.
        shape: Of what the critic sees as one: (channels, height, width) or (dimensions,).
        side: The most pixels of a side.
        hidden: Units of the hidden layer; 0: none.
        members: Independent copies, None for one.
    """

    def __init__(
        self, features: int, shape: tuple[int, ...], side: int, hidden: int, members: int | None
    ) -> None:
        super().__init__()
        self.axes, self.halvings = len(shape), 0
        if len(shape) == 3:
            channels, height, width = shape
            self.halvings, size = halved_until((height, width), side)
            shape = (channels, *size)
        layers: list[nn.Module] = []
        if hidden:
            layers = [linear(features, hidden, members), nn.LeakyReLU(SLOPE)]
        last = linear(hidden or features, math.prod(shape), members)
        self.layers = nn.Sequential(*layers, last)

    def forward(self, features: Tensor) -> Tensor:
        """What is rebuilt, at least in float32."""
        return widened(self.layers(features))

    def reduced(self, x: Tensor) -> Tensor:
        """The numbers that are to be rebuilt of examples ([members,] batch, *shape)."""
        if self.halvings:
            leading = x.shape[:-3]
            x = halved(x.flatten(0, -4), self.halvings).unflatten(0, leading)
        return x.flatten(-self.axes)

    def errors(self, seen: Tensor, turn: Turn) -> Tensor:
        """The mean square of each real example, of what the critic's backbone was given."""
        return (self.reduced(seen) - self(turn.real_features)).square().mean(-1)


def halved_until(size: Size, side: int) -> tuple[int, Size]:
    """How often a size is halved, rounded up, until no side is longer, and what is left."""
    times = 0
    while max(size) > side:
        size, times = half(size), times + 1
    return times, size


def half(size: Size) -> Size:
    """Half the size, rounded up."""
    return (size[0] + 1) // 2, (size[1] + 1) // 2


def halved(images: Tensor, times: int) -> Tensor:
    """Images (batch, channels, height, width) halved so often, by means of 2×2."""
    pool = MeanPool()
    for _ in range(times):
        images = pool(images)
    return images
