"""What rebuilds an image, and a quarter of it, from a critic's feature maps."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from saddlepoint.errors import BadInput
from saddlepoint.games.turn import Turn
from saddlepoint.learners.adversarial.reconstruction import SLOPE, half, halved, halved_until
from saddlepoint.networks.network import FeatureMap, Size
from saddlepoint.networks.precision import widened


class MapReconstruction(nn.Module):
    """From two feature maps to an image: one gives the whole, the other one of its quarters.

    Each is rebuilt small, halved until neither side has more than ``side`` pixels. A quarter is
    one of the four corners; of a map's side of h places it has h/2, rounded up, and of the
    image's side as many pixels as lie under these.

    Args:
        whole: The map that the whole image is rebuilt from.
        parts: That of the quarters; it may be the same.
        shape: (channels, height, width) of what the critic sees as one.
        side: The most pixels of a side.
        width: Channels behind the first doubling of a map.

    Raises:
        BadInput: ``side`` is less than that of a map.
    """

    def __init__(
        self,
        whole: FeatureMap,
        parts: FeatureMap,
        shape: tuple[int, ...],
        side: int,
        width: int,
    ) -> None:
        super().__init__()
        colours, *sides = shape
        image = (sides[0], sides[1])
        self.whole_map, self.parts_map = whole.size, parts.size
        self.corner_map = half(parts.size)
        self.corner = _under(self.corner_map, parts.size, image)
        self.halvings, size = halved_until(image, side)
        self.corner_halvings, corner = halved_until(self.corner, side)
        least = max(*whole.size, *self.corner_map)
        if side < least:
            raise BadInput(
                f"side {side} of the auxiliary 'self_reconstruction' is less than that of a map "
                f"from which images are rebuilt: set it to {least} or more."
            )
        self.whole = decoder(whole.channels, whole.size, size, colours, width)
        self.part = decoder(parts.channels, self.corner_map, corner, colours, width)

    def errors(self, seen: Tensor, turn: Turn) -> Tensor:
        """The mean squares of each real example, of what the critic's backbone was given.

        Args:
            seen: (batch, *shape).
            turn: With the critic's maps of the same, and the streams that choose the quarters.

        Returns:
            (batch,): the sum of that of the whole and that of the quarter.
        """
        maps = turn.real_maps
        chosen = turn.streams.uniform((len(seen), 2), "quarters") < 0.5  # upper, left
        part = self.part(quarter(maps[self.parts_map], self.corner_map, chosen))
        whole = self.whole(maps[self.whole_map])
        wanted = halved(quarter(seen, self.corner, chosen), self.corner_halvings)
        return _error(halved(seen, self.halvings), whole) + _error(wanted, part)


def decoder(arriving: int, start: Size, size: Size, colours: int, width: int) -> nn.Sequential:
    """From maps to images: repeat places, convolve, bend, until the ``size`` is reached.

    Args:
        arriving: Channels of the maps.
        start: Their size.
        size: Of the images.
        colours: Channels of the images.
        width: Channels behind the first doubling, halved at each further one.
    """
    path = [size]
    while path[-1][0] > start[0] or path[-1][1] > start[1]:
        path.append(half(path[-1]))
    layers: list[nn.Module] = []
    for level, larger in enumerate(reversed(path[:-1])):
        leaving = max(width >> level, 1)
        convolution = nn.Conv2d(arriving, leaving, 3, padding=1)
        layers += [Enlarged(larger), convolution, nn.LeakyReLU(SLOPE)]
        arriving = leaving
    return nn.Sequential(*layers, nn.Conv2d(arriving, colours, 3, padding=1))


class Enlarged(nn.Module):
    """Maps at a larger size, of their nearest places."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size

    def forward(self, maps: Tensor) -> Tensor:
        """Of (batch, channels, h, w): (batch, channels, *size)."""
        return interpolate(maps, size=self.size, mode="nearest")


def quarter(maps: Tensor, size: Size, chosen: Tensor) -> Tensor:
    """A corner of each map or image.

    Args:
        maps: (batch, channels, height, width).
        size: Height and width of the corner.
        chosen: (batch, 2): whether it is an upper one, and a left one.
    """
    upper, left = chosen[:, :, None, None, None].unbind(1)
    height, width = size
    maps = torch.where(upper, maps[..., :height, :], maps[..., -height:, :])
    return torch.where(left, maps[..., :width], maps[..., -width:])


def _under(corner: Size, whole: Size, image: Size) -> Size:
    """The pixels of an image that lie under the corner of a whole map, rounded up."""
    sides = [-(-c * i // w) for c, w, i in zip(corner, whole, image, strict=True)]
    return sides[0], sides[1]


def _error(wanted: Tensor, rebuilt: Tensor) -> Tensor:
    """The mean square of each example, at least in float32."""
    return (wanted - widened(rebuilt)).square().mean((1, 2, 3))
