"""What rebuilds an example from a critic's features."""

from __future__ import annotations

import math

from torch import Tensor, nn

from saddlepoint.networks.member_linear import linear
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
            channels, *sides = shape
            while max(sides) > side:
                sides = [(each + 1) // 2 for each in sides]
                self.halvings += 1
            shape = (channels, *sides)
        layers: list[nn.Module] = []
        if hidden:
            layers = [linear(features, hidden, members), nn.LeakyReLU(SLOPE)]
        last = linear(hidden or features, math.prod(shape), members)
        self.layers, self.pool = nn.Sequential(*layers, last), MeanPool()

    def forward(self, features: Tensor) -> Tensor:
        """What is rebuilt, at least in float32."""
        return widened(self.layers(features))

    def reduced(self, x: Tensor) -> Tensor:
        """The numbers that are to be rebuilt of examples ([members,] batch, *shape)."""
        if self.halvings:
            leading = x.shape[:-3]
            x = x.flatten(0, -4)
            for _ in range(self.halvings):
                x = self.pool(x)
            x = x.unflatten(0, leading)
        return x.flatten(-self.axes)
