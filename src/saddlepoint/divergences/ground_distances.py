"""Divergences that know how far apart places are (torch-free until something is computed)."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from typing_extensions import override

from saddlepoint.divergences.entry import Divergence
from saddlepoint.errors import BadInput

if TYPE_CHECKING:
    from torch import Tensor

    from saddlepoint.divergences.computed import Computed
    from saddlepoint.divergences.distributions import Discrete, Gaussian, GaussianMixture, Samples
    from saddlepoint.metrics.estimate import Estimate

_PLACES = (
    "is about distances, and these probabilities belong to atoms without a place: give "
    "Discrete(probabilities, positions)."
)


@dataclass(frozen=True)
class _Wasserstein(Divergence):
    power: ClassVar[int]

    @override
    def between_discrete(self, p: Discrete, q: Discrete) -> Tensor:
        """By quantile functions, of atoms on the line."""
        from saddlepoint.divergences.quantiles import transported

        if p.positions is None or q.positions is None:
            raise BadInput(f"W{self.power} {_PLACES}")
        if p.positions.shape[1] != 1 or q.positions.shape[1] != 1:
            raise BadInput(
                f"W{self.power} of atoms is found by quantiles in one dimension, and these have "
                f"{max(p.positions.shape[1], q.positions.shape[1])}: take "
                "saddlepoint.transport or mmd."
            )
        cost = transported(
            p.positions[:, 0], p.probabilities, q.positions[:, 0], q.probabilities, self.power
        )
        return cost if self.power == 1 else cost.clamp(min=0) ** (1 / self.power)

    @override
    def between_samples(self, p: Samples, q: Samples) -> Estimate:
        """Of the empirical distributions, on the line."""
        from saddlepoint.divergences.sample_estimates import quantile_estimate

        return quantile_estimate(p.points, q.points, self.power)


@dataclass(frozen=True)
class Wasserstein1(_Wasserstein):
    """W₁(p, q)."""

    power = 1
    key = "wasserstein-1"
    title = "Wasserstein distance W₁, in units of x"
    equation = "inf E‖X − Y‖ over all (X, Y) with X ~ p, Y ~ q; in 1-D ∫ |F − G|"
    takes = (
        "in 1-D: probabilities at positions; mixtures of Gaussians by quadrature; samples, biased "
        "upwards; closed form: Gaussians in 1-D or of equal covariance"
    )
    symmetric = True
    root = 1
    blind = "nothing, but a small share far away counts like a large one near by"
    infinite = "a mean is"
    paper = "Kantorovich, On the translocation of masses, 1942; in 1-D: Vallender 1974"

    @override
    def between_gaussians(self, p: Gaussian, q: Gaussian) -> Tensor | None:
        """See ``gaussians.wasserstein_1``."""
        from saddlepoint.divergences.gaussians import wasserstein_1

        return wasserstein_1(p, q)

    @override
    def between_mixtures(self, p: GaussianMixture, q: GaussianMixture) -> Computed:
        """See ``mixture_integrals.wasserstein_1``."""
        from saddlepoint.divergences.mixture_integrals import wasserstein_1

        return wasserstein_1(p, q)


@dataclass(frozen=True)
class Wasserstein2(_Wasserstein):
    """W₂(p, q), not its square."""

    power = 2
    key = "wasserstein-2"
    title = "Wasserstein distance W₂, in units of x"
    equation = "inf (E‖X − Y‖²)^½ over all (X, Y) with X ~ p, Y ~ q; in 1-D (∫ (F⁻¹ − G⁻¹)²)^½"
    takes = (
        "in 1-D: probabilities at positions; mixtures of Gaussians by quadrature; samples, biased "
        "upwards; closed form: Gaussians in any dimension"
    )
    symmetric = True
    root = 1
    blind = "nothing, but what is far away counts most"
    infinite = "a variance is"
    paper = "Olkin and Pukelsheim, The distance between two random vectors ..., 1982"

    @override
    def between_gaussians(self, p: Gaussian, q: Gaussian) -> Tensor | None:
        """See ``gaussians.wasserstein_2``."""
        from saddlepoint.divergences.gaussians import wasserstein_2

        return wasserstein_2(p, q)

    @override
    def between_mixtures(self, p: GaussianMixture, q: GaussianMixture) -> Computed:
        """See ``mixture_integrals.wasserstein_2``."""
        from saddlepoint.divergences.mixture_integrals import wasserstein_2

        return wasserstein_2(p, q)


@dataclass(frozen=True)
class _OfPairs(Divergence):
    """MMD² of a kernel that is a function of distances, −r for the energy distance."""

    statistic: Literal["unbiased", "v-statistic"] = "unbiased"

    @abstractmethod
    def kernel(self, distances: Tensor) -> Tensor:
        """k, elementwise in the distance."""

    @property
    @abstractmethod
    def itself(self) -> float:
        """k(x, x)."""

    @override
    def between_discrete(self, p: Discrete, q: Discrete) -> Tensor:
        """(p − q)ᵀ K (p − q), of atoms in any dimension."""
        import torch

        from saddlepoint.divergences.distributions import aligned

        one, other, places = aligned(p, q)
        if places is None:
            raise BadInput(f"The divergence '{self.key}' {_PLACES}")
        gap = one - other
        distances = torch.cdist(places, places, compute_mode="donot_use_mm_for_euclid_dist")
        return (gap @ self.kernel(distances) @ gap).clamp(min=0)

    @override
    def between_gaussians(self, p: Gaussian, q: Gaussian) -> Tensor | None:
        """None: Gaussians are mixtures of one component here."""
        return None

    @override
    def between_samples(self, p: Samples, q: Samples) -> Estimate:
        """See ``sample_estimates.pair_estimate``."""
        from saddlepoint.divergences.sample_estimates import pair_estimate

        return pair_estimate(p.points, q.points, self.kernel, self.itself, self.statistic)


@dataclass(frozen=True)
class MaximumMeanDiscrepancy(_OfPairs):
    """MMD² with a Gaussian kernel.

    Attributes:
        statistic: From samples, without the pairs of a sample with itself or with them.
        bandwidth: h in exp(−‖x − y‖² / 2h²), in units of x.

    Example:
        >>> from saddlepoint.divergences import Gaussian, MaximumMeanDiscrepancy, divergence
        >>> p, q = Gaussian(0.0, std=1.0), Gaussian(1.0, std=1.0)
        >>> [round(divergence(p, q, MaximumMeanDiscrepancy(bandwidth=h)).value, 6)
        ...  for h in (0.1, 1.0, 10.0)]
        [0.031068, 0.177268, 0.009684]
    """

    bandwidth: float = 1.0

    key = "mmd"
    title = "squared maximum mean discrepancy MMD², Gaussian kernel"
    equation = "E k(X, X′) + E k(Y, Y′) − 2 E k(X, Y), k(x, y) = exp(−‖x − y‖² / 2h²), h = 1"
    takes = (
        "probabilities at positions, and samples, in any dimension; closed form: Gaussians and "
        "their mixtures"
    )
    symmetric = True
    root = 2
    bound = 2.0
    blind = "nothing in theory; in practice what is much finer or coarser than h"
    infinite = "never"
    paper = "Gretton et al., A kernel two-sample test, 2012"

    def __post_init__(self) -> None:
        """Refuse a bandwidth that is none."""
        if not 0 < self.bandwidth < float("inf"):
            raise BadInput(f"The bandwidth {self.bandwidth} should be positive and finite.")

    @override
    def kernel(self, distances: Tensor) -> Tensor:
        """exp(−r² / 2h²)."""
        return (-((distances / self.bandwidth) ** 2) / 2).exp()

    @property
    @override
    def itself(self) -> float:
        """1."""
        return 1.0

    @override
    def settings(self) -> str:
        """The bandwidth."""
        return f"Gaussian kernel of bandwidth {self.bandwidth:g}"

    @override
    def between_mixtures(self, p: GaussianMixture, q: GaussianMixture) -> Computed:
        """See ``expectations.gaussian_kernel``."""
        from saddlepoint.divergences.expectations import gaussian_kernel

        return gaussian_kernel(p, q, self.bandwidth)


@dataclass(frozen=True)
class Energy(_OfPairs):
    """The energy distance, MMD² of the kernel −‖x − y‖.

    Attributes:
        statistic: From samples, without the pairs of a sample with itself or with them.
    """

    key = "energy"
    title = "energy distance, in units of x"
    equation = "2 E‖X − Y‖ − E‖X − X′‖ − E‖Y − Y′‖; in 1-D 2 ∫ (F − G)²"
    takes = (
        "probabilities at positions, and samples, in any dimension; closed form: Gaussians and "
        "their mixtures in 1-D, round ones in 2-D; others in 2-D by quadrature"
    )
    symmetric = True
    root = 2
    blind = "nothing; small differences of shape count little beside those of place"
    infinite = "a mean is"
    paper = "Székely and Rizzo, Energy statistics, 2013"

    @override
    def kernel(self, distances: Tensor) -> Tensor:
        """−r."""
        return -distances

    @property
    @override
    def itself(self) -> float:
        """0."""
        return 0.0

    @override
    def between_mixtures(self, p: GaussianMixture, q: GaussianMixture) -> Computed:
        """See ``expectations.energy``."""
        from saddlepoint.divergences.expectations import energy

        return energy(p, q)
