"""The random numbers of one look at a batch, by the name of what they decide."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from saddlepoint.randomness import Streams


@dataclass(frozen=True)
class Chance:
    """Numbers for each image of a batch.

    Attributes:
        streams: Where they come from.
        batch: Images of a batch, of each member where there are members.
        height: Of an image, in pixels.
        width: Of an image, in pixels.
    """

    streams: Streams
    batch: int
    height: int
    width: int

    def uniform(self, *purpose: str) -> Tensor:
        """Numbers in [0, 1), one for each image (n,)."""
        return self.streams.uniform((self.batch,), "augmentation", *purpose).flatten()

    def normal(self, *purpose: str) -> Tensor:
        """Standard normal numbers, one for each image (n,)."""
        return self.streams.normal((self.batch,), "augmentation", *purpose).flatten()
