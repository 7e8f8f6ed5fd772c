"""Closed forms between two Gaussians N(a, S) and N(b, R), float64 scalars that pass gradients.

δ = b − a throughout. Where a form holds for some Gaussians only, the others give None.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from saddlepoint.divergences.distributions import Gaussian
from saddlepoint.errors import BadInput

LARGEST = 709.0  # exp of more is infinite in float64


def log_determinant(covariance: Tensor) -> Tensor:
    """The logarithm of |S|, of positive definite matrices (..., d, d)."""
    roots = torch.linalg.cholesky(covariance).diagonal(dim1=-2, dim2=-1)
    return 2 * roots.log().sum(-1)


def _through(covariance: Tensor, vector: Tensor) -> Tensor:
    """vᵀ S⁻¹ v."""
    return vector @ torch.linalg.solve(covariance, vector)


def same_covariance(p: Gaussian, q: Gaussian) -> bool:
    """Whether they differ in their means alone."""
    return torch.equal(p.covariance, q.covariance)


def mahalanobis(p: Gaussian, q: Gaussian) -> Tensor:
    """√(δᵀ S⁻¹ δ), for equal covariances."""
    return _through(p.covariance, q.mean - p.mean).sqrt()


def kullback_leibler(p: Gaussian, q: Gaussian) -> Tensor:
    """KL = ½ (tr R⁻¹S − d + δᵀR⁻¹δ − log |R⁻¹S|) in nats."""
    trace = torch.linalg.solve(q.covariance, p.covariance).trace() - p.dimensions
    logs = log_determinant(q.covariance) - log_determinant(p.covariance)
    return (trace + _through(q.covariance, q.mean - p.mean) + logs) / 2


def squared_hellinger(p: Gaussian, q: Gaussian) -> Tensor:
    """∫(√p − √q)² = 2 − 2 |S|^¼ |R|^¼ |M|^−½ exp(−δᵀM⁻¹δ / 8), M = (S + R)/2."""
    middle = (p.covariance + q.covariance) / 2
    logs = (log_determinant(p.covariance) + log_determinant(q.covariance)) / 4
    logs = logs - log_determinant(middle) / 2 - _through(middle, q.mean - p.mean) / 8
    return -2 * torch.expm1(logs)


def pearson(p: Gaussian, q: Gaussian) -> Tensor:
    """∫(p − q)²/q = |R| |S|^−½ |2R − S|^−½ exp(δᵀ(2R − S)⁻¹δ) − 1.

    Infinite unless 2R − S is positive definite: where p's tails reach farther than √2 times q's
    the ratio p²/q does not vanish.

    Raises:
        BadInput: It is finite and float64 cannot hold it.
    """
    logs = log_second_moment(p, q)
    if LARGEST < logs.item() < math.inf:
        raise too_large(logs.item())
    return torch.expm1(logs)


def log_second_moment(p: Gaussian, q: Gaussian) -> Tensor:
    """The logarithm of ∫ p²/q, log(1 + χ²(p‖q)); infinite unless 2R − S is positive definite."""
    gap = 2 * q.covariance - p.covariance
    if int(torch.linalg.cholesky_ex(gap).info):
        return gap.new_tensor(math.inf)
    logs = log_determinant(q.covariance) - log_determinant(p.covariance) / 2
    return logs - log_determinant(gap) / 2 + _through(gap, q.mean - p.mean)


def too_large(log: float) -> BadInput:
    """That a χ² of this logarithm cannot be written as a number."""
    return BadInput(
        f"This χ² is about exp({log:.0f}), more than float64 can hold: where one side has mass the "
        "other has next to none. Take kl or a bounded divergence."
    )


def total_variation(p: Gaussian, q: Gaussian) -> Tensor | None:
    """TV = erf(Δ / 2√2), Δ = √(δᵀS⁻¹δ), for equal covariances; else in one dimension alone.

    There log p − log q is a quadratic with two roots x₁ < x₂, between which the narrower one is the
    larger: TV = |(F − G)(x₂) − (F − G)(x₁)|.
    """
    if torch.equal(p.mean, q.mean) and same_covariance(p, q):
        return (p.mean - q.mean).sum()
    if same_covariance(p, q):
        return torch.erf(mahalanobis(p, q) / math.sqrt(8))
    if p.dimensions != 1:
        return None
    s, r = p.covariance[0, 0].sqrt(), q.covariance[0, 0].sqrt()
    # With x = a + s z: the roots of (r² − s²) z² + 2 s δ z − δ² − 2 r² log(r/s) = 0
    delta = q.mean[0] - p.mean[0]
    wide = (r - s) * (r + s)
    linear = s * delta
    least = delta**2 + 2 * r**2 * (r / s).log()
    root = (linear**2 + wide * least).clamp(min=0).sqrt()
    # The usual formula subtracts nearly equal numbers if the widths are nearly equal.
    larger = -(linear + torch.where(linear >= 0, root, -root))
    z = torch.stack([larger / wide, -least / larger])
    gap = torch.special.ndtr(z) - torch.special.ndtr((s * z - delta) / r)
    return (gap[1] - gap[0]).abs()


def wasserstein_1(p: Gaussian, q: Gaussian) -> Tensor | None:
    """W₁ = ‖δ‖ for equal covariances; in one dimension E|δ + (r − s) Z|, Z ~ N(0, 1).

    Equal covariances: the shift is a plan, and E‖X − Y‖ ≥ ‖E(X − Y)‖ says that none is better. In
    one dimension the best plan is the increasing map x ↦ b + (x − a) r/s.
    """
    delta = q.mean - p.mean
    if same_covariance(p, q):
        return delta.abs().sum() if p.dimensions == 1 else delta.norm()
    if p.dimensions != 1:
        return None
    return folded(delta[0], (q.covariance[0, 0].sqrt() - p.covariance[0, 0].sqrt()).abs())


def wasserstein_2(p: Gaussian, q: Gaussian) -> Tensor:
    """W₂² = ‖δ‖² + tr(S + R − 2 (S^½ R S^½)^½) (Olkin and Pukelsheim 1982), and its root.

    With S = AAᵀ and R = BBᵀ the trace is min ‖A − BU‖² over orthogonal U, which loses no digits to
    cancellation. U is the polar factor of BᵀA, and its own derivative does not count at a minimum.
    """
    a, b = torch.linalg.cholesky(p.covariance), torch.linalg.cholesky(q.covariance)
    w, _, v = torch.linalg.svd((b.mT @ a).detach())
    return torch.cat([q.mean - p.mean, (a - b @ (w @ v)).flatten()]).norm()


def folded(mean: Tensor, std: Tensor) -> Tensor:
    """E|X|, X ~ N(m, s²), elementwise: s √(2/π) exp(−m²/2s²) + m erf(m / s√2)."""
    z = mean / std
    return std * math.sqrt(2 / math.pi) * (-(z**2) / 2).exp() + mean * torch.erf(z / math.sqrt(2))
