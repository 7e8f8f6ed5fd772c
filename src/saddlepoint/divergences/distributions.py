"""What divergences are taken between: probabilities, Gaussians, their mixtures, samples.

All numbers become float64 tensors. Tensors that ask for gradients keep them: a divergence is a
function of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from saddlepoint.errors import BadInput

if TYPE_CHECKING:
    from saddlepoint.data.mixture import Mixture

Numbers = float | Sequence[Any] | NDArray[Any] | Tensor

FEW = 4  # components below which none is left out
LOST = 45.0  # a share of e^−45 = 3e-20 does not change a float64
SUM = 1e-6  # how far from 1 a sum of probabilities may be: what float32 leaves of one


def _numbers(given: Numbers, what: str) -> Tensor:
    tensor = given if isinstance(given, Tensor) else torch.as_tensor(np.asarray(given, float))
    tensor = tensor.to(torch.float64)
    if not tensor.isfinite().all():
        raise BadInput(f"{what} hold a value that is not finite: give finite numbers.")
    return tensor


def _shares(given: Numbers, what: str) -> Tensor:
    shares = _numbers(given, what)
    if shares.ndim != 1 or not len(shares):
        raise BadInput(f"{what} should be one vector, and have the shape {tuple(shares.shape)}.")
    if (shares < 0).any() or abs(float(shares.detach().sum()) - 1) > SUM:
        raise BadInput(
            f"{what} should be at least 0 and have the sum 1; their least is "
            f"{float(shares.min()):g} and their sum {float(shares.sum()):g}: divide by the sum."
        )
    return shares


@dataclass(frozen=True, init=False, eq=False)
class Discrete:
    """Probabilities of atoms.

    Attributes:
        probabilities: (n,), at least 0, with the sum 1.
        positions: (n, d), where the atoms are; None if they have no places, and are known by their
            number alone.

    Raises:
        BadInput: They are no probabilities, or the positions are not as many.

    Example:
        >>> from saddlepoint.divergences import Discrete, divergence
        >>> left, right = Discrete([1.0], positions=[0.0]), Discrete([1.0], positions=[3.0])
        >>> [divergence(left, right, of=key).value for key in ("kl", "wasserstein-1")]
        [inf, 3.0]
    """

    probabilities: Tensor
    positions: Tensor | None

    def __init__(self, probabilities: Numbers, positions: Numbers | None = None) -> None:
        shares = _shares(probabilities, "The probabilities")
        places = None
        if positions is not None:
            places = _numbers(positions, "The positions")
            places = places[:, None] if places.ndim == 1 else places
            if places.ndim != 2 or len(places) != len(shares) or not places.shape[1]:
                raise BadInput(
                    f"The positions of {len(shares)} atoms should be ({len(shares)},) or "
                    f"({len(shares)}, d), and have the shape {tuple(places.shape)}."
                )
        object.__setattr__(self, "probabilities", shares)
        object.__setattr__(self, "positions", places)


@dataclass(frozen=True, init=False, eq=False)
class Gaussian:
    """A normal distribution.

    Attributes:
        mean: (d,).
        covariance: (d, d), symmetric and positive definite.

    Args:
        mean: A number in one dimension, else (d,).
        std: Standard deviations along the axes, (d,) or one number for all; or
        covariance: their covariance matrix (d, d), in the place of ``std``.

    Raises:
        BadInput: Both or neither of std and covariance, shapes that do not fit, a deviation that is
            not positive or a covariance that is not positive definite.

    Example:
        >>> from saddlepoint.divergences import Gaussian, divergence
        >>> divergence(Gaussian(0.0, std=1.0), Gaussian(2.0, std=1.0), of="kl").value
        2.0
    """

    mean: Tensor
    covariance: Tensor

    def __init__(
        self, mean: Numbers, std: Numbers | None = None, *, covariance: Numbers | None = None
    ) -> None:
        centre = _numbers(mean, "The mean").reshape(-1)
        covariances = _covariances(1, len(centre), std, covariance)
        object.__setattr__(self, "mean", centre)
        object.__setattr__(self, "covariance", covariances[0])

    @property
    def dimensions(self) -> int:
        """The number d of dimensions."""
        return len(self.mean)


@dataclass(frozen=True, init=False, eq=False)
class GaussianMixture:
    """A mixture of K normal distributions.

    Attributes:
        means: (K, d).
        covariances: (K, d, d).
        weights: (K,), at least 0, with the sum 1.

    Args:
        means: (K,) in one dimension, else (K, d).
        std: Standard deviations: a number for all, (K,) one each, or (K, d) along the axes; or
        covariances: (K, d, d), in its place.
        weights: Equal unless given.

    Raises:
        BadInput: As ``Gaussian``, or weights that are no probabilities of K components.

    Example:
        >>> from saddlepoint.divergences import Gaussian, GaussianMixture, divergence
        >>> two = GaussianMixture([-2.0, 2.0], std=1.0)
        >>> found = divergence(two, Gaussian(0.0, std=5**0.5), of="kl")
        >>> print(f"{found.value:.6f}, {found.method}, {found.error < 1e-6}")
        0.171999, adaptive quadrature, True
    """

    means: Tensor
    covariances: Tensor
    weights: Tensor

    def __init__(
        self,
        means: Numbers,
        std: Numbers | None = None,
        *,
        covariances: Numbers | None = None,
        weights: Numbers | None = None,
    ) -> None:
        centres = _numbers(means, "The means")
        centres = centres[:, None] if centres.ndim == 1 else centres
        if centres.ndim != 2 or not centres.numel():
            raise BadInput(
                "The means of a mixture should be (K,) or (K, d), and have the shape "
                f"{tuple(centres.shape)}."
            )
        count = len(centres)
        shares = [1 / count] * count if weights is None else weights
        given = _shares(shares, "The weights")
        if len(given) != count:
            raise BadInput(f"There are {count} means and {len(given)} weights: give one each.")
        spread = _covariances(count, centres.shape[1], std, covariances)
        there = given > 0  # a component without weight is none
        object.__setattr__(self, "means", centres[there])
        object.__setattr__(self, "covariances", spread[there])
        object.__setattr__(self, "weights", given[there])

    @classmethod
    def of(cls, given: Gaussian | GaussianMixture | Mixture) -> GaussianMixture:
        """The same distribution as a mixture, that of ``saddlepoint.data.mixture`` among them."""
        if isinstance(given, GaussianMixture):
            return given
        if isinstance(given, Gaussian):
            return cls(given.mean[None], covariances=given.covariance[None])
        return cls(given.centres, given.std)

    @property
    def dimensions(self) -> int:
        """The number d of dimensions."""
        return self.means.shape[1]

    def log_density(self, points: Tensor) -> Tensor:
        """Log density, log Σₖ wₖ N(x; mₖ, Σₖ), of ``points`` (N, d) as (N,), (B, n, d) as (B, n).

        Of rows of points that lie close together, as those in a box, each meets only the components
        that change its sum in float64: of twenty-five modes mostly one or two.
        """
        if points.ndim == 2 or len(self.means) < FEW:
            return self._log_sum(points, torch.ones(len(self.means), dtype=torch.bool))
        patterns, index = self._counting(points).unique(dim=0, return_inverse=True)
        out = points.new_empty(points.shape[:2])
        for k, pattern in enumerate(patterns):
            rows = index == k
            out[rows] = self._log_sum(points[rows], pattern)
        return out

    @torch.no_grad()
    def _counting(self, points: Tensor) -> Tensor:
        """Which components (B, K) may add e^−``LOST`` of a row's density somewhere in its box."""
        low, high = points.amin(1), points.amax(1)
        root = torch.linalg.cholesky(torch.linalg.inv(self.covariances))
        scales = root.diagonal(dim1=1, dim2=2).log().sum(1) + self.weights.log()
        off = torch.einsum("bkd,kde->bke", (low + high)[:, None] / 2 - self.means, root).norm(dim=2)
        span = torch.einsum("bd,kde->bke", (high - low) / 2, root.abs()).norm(dim=2)
        most = scales - (off - span).clamp(min=0) ** 2 / 2
        least = scales - (off + span) ** 2 / 2
        return most > least.amax(1, keepdim=True) - LOST

    def _log_sum(self, points: Tensor, there: Tensor) -> Tensor:
        """The sum over these components alone, of points (..., d)."""
        # |x − m| in deviations is |rootᵀ (x − m)|, written out: (N, K) at a time is quickest.
        root = torch.linalg.cholesky(torch.linalg.inv(self.covariances[there]))
        logs = root.diagonal(dim1=1, dim2=2).log().sum(1) + self.weights[there].log()
        logs = logs - self.dimensions / 2 * math.log(2 * math.pi)
        off = [points[..., d, None] - self.means[there, d] for d in range(self.dimensions)]
        for d in range(self.dimensions):
            along = sum(off[e] * root[:, e, d] for e in range(d, self.dimensions))
            logs = logs - along**2 / 2
        return logs.logsumexp(-1)

    def line(self) -> tuple[Tensor, Tensor]:
        """Means and standard deviations (K,) of a mixture in one dimension."""
        return self.means[:, 0], self.covariances[:, 0, 0].sqrt()


def _covariances(
    count: int, dimensions: int, std: Numbers | None, covariances: Numbers | None
) -> Tensor:
    """(count, dimensions, dimensions) from whichever of the two is given."""
    if (std is None) == (covariances is None):
        raise BadInput("A Gaussian has either std or a covariance: give exactly one of them.")
    shape = (count, dimensions, dimensions)
    if std is not None:
        deviations = _numbers(std, "The standard deviations")
        if count == 1 and deviations.ndim == 1 and len(deviations) == dimensions:
            deviations = deviations[None]
        elif deviations.ndim == 1 and len(deviations) == count:
            deviations = deviations[:, None]
        fits = deviations.ndim == 0 or tuple(deviations.shape) in (
            (count, dimensions),
            (count, 1),
        )
        if not fits:
            raise BadInput(
                f"The standard deviations have the shape {tuple(deviations.shape)}, which does not "
                f"fit {count} Gaussians in {dimensions} dimensions: give one number for all."
            )
        if not (deviations > 0).all():
            raise BadInput("A standard deviation is not positive: a Gaussian needs some width.")
        variances = (deviations**2).expand(count, dimensions)
        return torch.diag_embed(variances)
    assert covariances is not None
    matrices = _numbers(covariances, "The covariances")
    matrices = matrices.reshape(shape) if matrices.numel() == math.prod(shape) else matrices
    if tuple(matrices.shape) != shape:
        raise BadInput(
            f"The covariances have the shape {tuple(matrices.shape)}, and {count} Gaussians in "
            f"{dimensions} dimensions need {shape}."
        )
    symmetric = torch.allclose(matrices, matrices.mT, rtol=1e-9, atol=0)
    if not symmetric or int(torch.linalg.cholesky_ex(matrices).info.max()):
        raise BadInput(
            "A covariance is not symmetric and positive definite: give the covariance matrix of a "
            "density, whose variances along all directions are positive."
        )
    return (matrices + matrices.mT) / 2


@dataclass(frozen=True, init=False, eq=False)
class Samples:
    """Independent draws from a distribution that is not known.

    Attributes:
        points: (n, d).

    Raises:
        BadInput: Fewer than two samples, another shape or values that are not finite.
    """

    points: Tensor

    def __init__(self, points: Numbers) -> None:
        rows = _numbers(points, "The samples").detach()
        rows = rows[:, None] if rows.ndim == 1 else rows
        if rows.ndim != 2 or len(rows) < 2 or not rows.shape[1]:
            raise BadInput(
                "Samples should be (n,) or (n, d), two at least, and these have the shape "
                f"{tuple(rows.shape)}."
            )
        object.__setattr__(self, "points", rows)


def aligned(p: Discrete, q: Discrete) -> tuple[Tensor, Tensor, Tensor | None]:
    """Both vectors of probabilities over the atoms of either, and the atoms' positions (n, d).

    Without positions the atoms are those of the same number.

    Raises:
        BadInput: Only one has positions, they have different widths, or there are none and the
            numbers of atoms differ.
    """
    if (p.positions is None) != (q.positions is None):
        raise BadInput(
            "One discrete distribution has positions and the other none, so it is not known which "
            "atoms they share: give positions to both or to neither."
        )
    if p.positions is None or q.positions is None:
        if len(p.probabilities) != len(q.probabilities):
            raise BadInput(
                f"p has {len(p.probabilities)} atoms and q {len(q.probabilities)}: give vectors "
                "over the same atoms, with zeros where there are none, or positions to both."
            )
        return p.probabilities, q.probabilities, None
    if p.positions.shape[1] != q.positions.shape[1]:
        raise BadInput(
            f"The atoms of p have {p.positions.shape[1]} coordinates and those of q "
            f"{q.positions.shape[1]}: give positions in the same space."
        )
    places, index = torch.cat([p.positions, q.positions]).unique(dim=0, return_inverse=True)
    none = places.new_zeros(len(places))
    count = len(p.probabilities)
    return (
        none.index_add(0, index[:count], p.probabilities),
        none.index_add(0, index[count:], q.probabilities),
        places,
    )
