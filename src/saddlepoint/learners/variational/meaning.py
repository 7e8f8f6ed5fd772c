"""In which sense a bound on log p(x) is one on the likelihood of the data (torch-free)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

LEVELS = 256  # values of a pixel


@dataclass(frozen=True)
class Meaning:
    """In which sense a bound on log p(x) is one on the likelihood of the data.

    Attributes:
        words: ``density of dequantised pixels``, ``probability of pixels``, ``density``, ``not a
            density`` and the like; a binarisation is named.
        why: The same in a sentence.
        offset: What is added to −ELBO/(D ln 2) for bits per dimension; None where these would say
            nothing.
        levels: Values of a pixel that these bits are of.
    """

    words: str
    why: str
    offset: float | None = None
    levels: int = LEVELS

    def bits_per_dimension(self, elbo: Tensor, dimensions: int) -> Tensor:
        """−ELBO/(D ln 2) + offset, of an ELBO in nats per example of D numbers."""
        assert self.offset is not None
        return -elbo / (dimensions * math.log(2)) + self.offset

    @property
    def units_of_bits(self) -> str:
        """What bits per dimension are."""
        return f"bits per dimension, at most, of pixels of {self.levels} values"


PROBABILITY = Meaning(
    "probability of pixels", "it bounds the log-probability of pixels of 256 values", offset=0.0
)
