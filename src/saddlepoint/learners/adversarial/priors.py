"""Priors: what latents are drawn from (torch-free on import)."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from typing_extensions import override

from saddlepoint.description import Part, one_of

if TYPE_CHECKING:
    from torch import Tensor


class Prior(Part):
    """The distribution of latents, made from standard normal numbers.

    Attributes:
        equation: The distribution, as a reader would write it.
    """

    equation: ClassVar[str]

    def columns(self, latent: int) -> tuple[str, ...]:
        """What the numbers of a latent vector are called; ``latent`` of them are noise."""
        return tuple(f"z{index}" for index in range(latent))

    @abstractmethod
    def of(self, normal: Tensor) -> Tensor:
        """Draws of the prior, one for each row of standard normal numbers (..., columns)."""


class Normal(Prior):
    """Independent standard normal numbers."""

    equation = "z ~ N(0, 1)"

    kind: Literal["normal"] = "normal"

    @override
    def of(self, normal: Tensor) -> Tensor:
        return normal


class Uniform(Prior):
    """Independent uniform numbers: z = 2Φ(n) − 1, since Φ maps N(0, 1) to U(0, 1)."""

    equation = "z ~ U(−1, 1)"

    kind: Literal["uniform"] = "uniform"

    @override
    def of(self, normal: Tensor) -> Tensor:
        import torch

        return 2 * torch.special.ndtr(normal) - 1


PRIORS: list[type[Prior]] = [Normal, Uniform]
AnyPrior = Annotated[Prior, one_of(PRIORS)]
