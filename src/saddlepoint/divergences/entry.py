"""What every divergence says of itself, and what it is asked for (torch-free)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from saddlepoint.errors import BadInput

if TYPE_CHECKING:
    from torch import Tensor

    from saddlepoint.divergences.computed import Computed
    from saddlepoint.divergences.distributions import Discrete, Gaussian, GaussianMixture, Samples
    from saddlepoint.metrics.estimate import Estimate


@dataclass(frozen=True)
class Divergence(ABC):
    """One divergence D(p, q), at least 0, and 0 where p = q.

    What it says of itself is held to what it computes by ``tests/divergences/test_contract.py``.
    Its settings, if it has any, are fields with defaults.

    Attributes:
        key: Its word.
        title: Its name.
        equation: D(p, q), as a reader would write it, m = (p + q)/2.
        takes: What it is computed between, and how.
        symmetric: Whether D(p, q) = D(q, p).
        root: 1 if D is a metric, 2 if √D is one, None if neither is.
        bound: Its largest value; None if it has none.
        blind: What it does not see.
        infinite: When it is infinite; "never" if that cannot be.
        paper: Where it comes from.
    """

    key: ClassVar[str]
    title: ClassVar[str]
    equation: ClassVar[str]
    takes: ClassVar[str]
    symmetric: ClassVar[bool]
    root: ClassVar[int | None]
    bound: ClassVar[float | None] = None
    blind: ClassVar[str]
    infinite: ClassVar[str]
    paper: ClassVar[str]

    @abstractmethod
    def between_discrete(self, p: Discrete, q: Discrete) -> Tensor:
        """Of probabilities; a float64 scalar that passes gradients."""

    @abstractmethod
    def between_gaussians(self, p: Gaussian, q: Gaussian) -> Tensor | None:
        """The closed form; None where there is none, and they are taken for mixtures."""

    @abstractmethod
    def between_mixtures(self, p: GaussianMixture, q: GaussianMixture) -> Computed:
        """Of mixtures of Gaussians, by quadrature unless there is a closed form."""

    @abstractmethod
    def between_samples(self, p: Samples, q: Samples) -> Estimate:
        """From samples alone, with an interval."""

    def settings(self) -> str:
        """Its settings in words, for the method of a value; empty if there are none."""
        return ""


def without_density(title: str) -> BadInput:
    """Why a function of the densities is not there for samples."""
    return BadInput(
        f"{title} needs the densities of both sides, and samples have none: the empirical "
        "distributions share no atom, whatever they were drawn from. Fit a density first, or take "
        "mmd, energy or, in one dimension, wasserstein-1."
    )
