"""Integrals of the densities of Gaussian mixtures in one and two dimensions."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from saddlepoint.divergences.computed import Computed
from saddlepoint.divergences.cubature import around, integral
from saddlepoint.divergences.distributions import Gaussian, GaussianMixture
from saddlepoint.divergences.gaussians import (
    LARGEST,
    log_determinant,
    log_second_moment,
    mahalanobis,
    same_covariance,
    too_large,
)
from saddlepoint.errors import BadInput

OfLogs = Callable[[Tensor, Tensor], Tensor]

DIRECTIONS = 4096
HALVINGS = 64  # of a bracket, after which float64 holds no finer one
WITHIN = 12.0  # deviations from some component within which every quantile lies


def _flat(p: GaussianMixture, what: str) -> None:
    if p.dimensions > 2:
        raise BadInput(
            f"{what} of densities is found by quadrature in one and two dimensions, and these have "
            f"{p.dimensions}: give samples and ask for mmd or energy, or look for a closed form in "
            "docs/distances.md."
        )


def of_densities(p: GaussianMixture, q: GaussianMixture, integrand: OfLogs, what: str) -> Computed:
    """∫ of an integrand of (log p, log q) that vanishes where both do.

    Two Gaussians of one covariance differ along one line only: whatever the dimension, theirs is
    the integral of N(0, 1) and N(Δ, 1), Δ = √(δᵀS⁻¹δ), for every f-divergence.

    Raises:
        BadInput: More than two dimensions, or what ``integral`` says.
    """
    if p.dimensions > 2 and len(p.means) == len(q.means) == 1:
        one, other = (Gaussian(m.means[0], covariance=m.covariances[0]) for m in (p, q))
        if same_covariance(one, other):
            shift = mahalanobis(one, other)[None]
            p, q = GaussianMixture([0.0], std=1.0), GaussianMixture(shift, std=1.0)
    _flat(p, what)
    return _integral(p, q, integrand, what, [], [])


def chi_squared(p: GaussianMixture, q: GaussianMixture, integrand: OfLogs, what: str) -> Computed:
    """The same for an integrand like p²/q, which may be large where neither density is.

    pᵢ²/q ≤ pᵢ²/(vⱼ qⱼ) for each component qⱼ, a Gaussian with the precision 2Sᵢ⁻¹ − Rⱼ⁻¹ if that
    is positive definite. The boxes hold for each i the one with the smallest integral. If q's tails
    are shorter than those of p²'s along some direction, the integral is infinite.

    Raises:
        BadInput: As ``of_densities``, or whether it is finite is not settled by single components.
    """
    _flat(p, what)
    means, covariances = [], []
    with torch.no_grad():
        for mean, covariance in zip(p.means, p.covariances, strict=True):
            one = Gaussian(mean, covariance=covariance)
            bounds = [
                float(log_second_moment(one, Gaussian(m, covariance=c)) - v.log())
                for m, c, v in zip(q.means, q.covariances, q.weights, strict=True)
            ]
            j = min(range(len(bounds)), key=bounds.__getitem__)
            gaps = 2 * torch.linalg.inv(covariance) - torch.linalg.inv(q.covariances)
            if math.isinf(bounds[j]):
                if _shorter_somewhere(gaps):
                    return Computed(torch.tensor(math.inf, dtype=torch.float64))
                raise BadInput(
                    f"{what} is finite, but no single component of one bounds the other, and "
                    "quadrature does not know where to look: take kl or a bounded divergence."
                )
            if bounds[j] > LARGEST:
                raise too_large(bounds[j])
            pull = torch.linalg.inv(q.covariances[j]) @ (mean - q.means[j])
            covariances.append(torch.linalg.inv(gaps[j]))
            means.append(mean + covariances[-1] @ pull)
    return _integral(p, q, integrand, what, means, covariances)


def _shorter_somewhere(gaps: Tensor) -> bool:
    """Whether along some direction u no uᵀ(2Sᵢ⁻¹ − Rⱼ⁻¹)u is positive."""
    if gaps.shape[-1] == 1:
        return bool((gaps <= 0).all())
    angles = torch.linspace(0, math.pi, DIRECTIONS, dtype=torch.float64)
    lines = torch.stack([angles.cos(), angles.sin()], dim=1)
    return bool((torch.einsum("nd,kde,ne->nk", lines, gaps, lines).amax(1) <= 0).any())


def _integral(
    p: GaussianMixture,
    q: GaussianMixture,
    integrand: OfLogs,
    what: str,
    means: list[Tensor],
    covariances: list[Tensor],
) -> Computed:
    boxes = around(
        torch.stack([*p.means, *q.means, *means]),
        torch.stack([*p.covariances, *q.covariances, *covariances]),
    )
    return integral(lambda x: integrand(p.log_density(x), q.log_density(x)), boxes, what)


def differential_entropy(p: GaussianMixture) -> Computed:
    """−∫ p log p in nats.

    Raises:
        BadInput: More than two dimensions and more than one component, or what ``integral`` says.
    """
    if len(p.means) == 1:
        scale = p.dimensions * math.log(2 * math.pi * math.e)
        return Computed((scale + log_determinant(p.covariances[0])) / 2)
    _flat(p, "The entropy")

    def surprise(points: Tensor) -> Tensor:
        log = p.log_density(points)
        return -log.exp() * log

    return integral(surprise, around(p.means, p.covariances), "the entropy")


def _line(p: GaussianMixture, q: GaussianMixture, what: str) -> None:
    if p.dimensions != 1:
        raise BadInput(
            f"{what} of densities is found in one dimension, where quantiles are the best plan, "
            f"and these have {p.dimensions}: take samples or atoms and saddlepoint.transport."
        )


def _cumulative(p: GaussianMixture, x: Tensor) -> Tensor:
    """F(x), elementwise."""
    means, stds = p.line()
    return torch.special.ndtr((x[..., None] - means) / stds) @ p.weights


def wasserstein_1(p: GaussianMixture, q: GaussianMixture) -> Computed:
    """W₁ = ∫|F − G| in one dimension (Vallender 1974).

    Raises:
        BadInput: More than one dimension, or what ``integral`` says.
    """
    _line(p, q, "W₁")
    boxes = around(torch.cat([p.means, q.means]), torch.cat([p.covariances, q.covariances]))

    def gap(points: Tensor) -> Tensor:
        return (_cumulative(p, points[..., 0]) - _cumulative(q, points[..., 0])).abs()

    return integral(gap, boxes, "W₁")


def wasserstein_2(p: GaussianMixture, q: GaussianMixture) -> Computed:
    """W₂² = ∫ (x − G⁻¹(F(x)))² p(x) dx in one dimension, and its root; passes no gradient.

    Raises:
        BadInput: More than one dimension, or what ``integral`` says.
    """
    _line(p, q, "W₂")

    def cost(points: Tensor) -> Tensor:
        there = _mapped(p, q, points[..., 0])
        return (points[..., 0] - there) ** 2 * p.log_density(points).exp()

    with torch.no_grad():
        square = integral(cost, around(p.means, p.covariances), "W₂²")
        value, error = square.value.sqrt(), square.error or 0.0
    # √(v ± e) lies within e/√v of √v, and within √e if v is small.
    return Computed(value, min(error / max(float(value), 1e-300), math.sqrt(error)))


def _mapped(p: GaussianMixture, q: GaussianMixture, x: Tensor) -> Tensor:
    """G⁻¹(F(x)) by bisection; in the upper half by 1 − F, of which more digits are left there."""
    means, stds = q.line()
    upper = _cumulative(p, x) > 0.5
    # Reflecting an upper point makes it a lower one: 1 − F(x) is the F of −x.
    sign = torch.where(upper, -1.0, 1.0).to(x)
    target = _tail(p, x, sign)
    low = (means - WITHIN * stds).amin().expand_as(x)
    high = (means + WITHIN * stds).amax().expand_as(x)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        beyond = sign * (_tail(q, middle, sign) - target) > 0
        low, high = torch.where(beyond, low, middle), torch.where(beyond, middle, high)
    return (low + high) / 2


def _tail(p: GaussianMixture, x: Tensor, sign: Tensor) -> Tensor:
    """F(x) where the sign is +1, and 1 − F(x) where it is −1."""
    means, stds = p.line()
    return torch.special.ndtr(sign[..., None] * (x[..., None] - means) / stds) @ p.weights
