"""The examples themselves as features: no network, no opinion, and little perception."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

from torch import Tensor
from typing_extensions import override

from saddlepoint.data.info import DataInfo
from saddlepoint.features.batching import batch_size, in_batches
from saddlepoint.features.interface import FeatureSpace, Progress
from saddlepoint.features.resizing import resized, within

LONGEST_SIDE = 32
_VERSION = 1


@final
@dataclass(frozen=True)
class PixelSpace(FeatureSpace):
    """Images flattened in channel, row, column order; vectors as they are.

    Images with a side above 32 pixels are reduced, keeping their aspect ratio, until the longer
    side has 32, with an antialiased bilinear filter, which keeps values within [-1, 1]. A
    distance of pixels sees colours, contrast and layout, but takes a small shift for a large
    change and hardly sees noise: prefer another space where there is one.

    Attributes:
        shape: (channels, height, width) or (numbers,) of one example.
        size: (height, width) that is compared; None for vectors.
    """

    name: str
    dimensions: int
    note: str
    key: str | None
    shape: tuple[int, ...]
    size: tuple[int, int] | None

    @property
    @override
    def weakness(self) -> str:
        """Pixels of images hardly show content."""
        return "" if self.size is None else "pixels"

    @override
    def of(self, images: Tensor, progress: Progress | None = None) -> Tensor:
        """See ``FeatureSpace.of``."""
        return in_batches(
            self._flattened,
            images,
            shape=self.shape,
            dimensions=self.dimensions,
            size=batch_size(math.prod(self.shape)),
            device=None,
            what=self.name,
            progress=progress,
        )

    @override
    def probabilities_from(self, features: Tensor) -> None:
        """None: pixels have no classes."""
        return

    def _flattened(self, part: Tensor) -> Tensor:
        return part if self.size is None else resized(part, self.size, "bilinear").flatten(1)


def open_pixels(info: DataInfo) -> PixelSpace:
    """The pixels of the images, or the vectors themselves, of the data that ``info`` describes."""
    if not info.images:
        return PixelSpace(
            name="vectors",
            dimensions=info.shape[0],
            note="Vectors are compared as they are.",
            key=f"vectors {_VERSION} {info.shape[0]}",
            shape=info.shape,
            size=None,
        )
    channels, height, width = info.shape
    size = within((height, width), LONGEST_SIDE)
    note = f"Pixels are compared directly, at {height}×{width}."
    name = "pixels"
    if size != (height, width):
        name = f"pixels at {size[0]}×{size[1]}"
        note = (
            f"Images of {height}×{width} pixels are reduced to {size[0]}×{size[1]}, antialiased "
            "(bilinear), before their pixels are compared."
        )
    return PixelSpace(
        name=name,
        dimensions=channels * size[0] * size[1],
        note=note,
        key=f"pixels {_VERSION} {channels}×{height}×{width} to {size[0]}×{size[1]}",
        shape=info.shape,
        size=size,
    )
