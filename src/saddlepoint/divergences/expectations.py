"""Expected kernels and distances of two independent draws, for Gaussians and their mixtures.

The difference of draws from two Gaussians is Gaussian too, so that all of these are sums over pairs
of components. With signed weights c = (w, −v) over the components of both mixtures

    MMD² = Σ cᵢ cⱼ E k(Xᵢ, Xⱼ),   energy = −Σ cᵢ cⱼ E‖Xᵢ − Xⱼ‖.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from saddlepoint.divergences.computed import Computed
from saddlepoint.divergences.cubature import integral, interval
from saddlepoint.divergences.distributions import GaussianMixture
from saddlepoint.divergences.gaussians import folded, log_determinant
from saddlepoint.errors import BadInput

HELD = 2**21  # differences projected at a time


def _differences(p: GaussianMixture, q: GaussianMixture) -> tuple[Tensor, Tensor, Tensor]:
    """cᵢcⱼ (n,), means (n, d) and covariances (n, d, d) of all differences of components."""
    signed = torch.cat([p.weights, -q.weights])
    means = torch.cat([p.means, q.means])
    covariances = torch.cat([p.covariances, q.covariances])
    return (
        (signed[:, None] * signed).flatten(),
        (means[:, None] - means).flatten(0, 1),
        (covariances[:, None] + covariances).flatten(0, 1),
    )


def gaussian_kernel(p: GaussianMixture, q: GaussianMixture, bandwidth: float) -> Computed:
    """MMD² for k(x, y) = exp(−‖x − y‖² / 2h²), in any dimension.

    E k of a difference N(μ, S) is |I + S/h²|^−½ exp(−½ μᵀ(h²I + S)⁻¹μ).
    """
    weights, means, covariances = _differences(p, q)
    wide = covariances / bandwidth**2 + torch.eye(p.dimensions, dtype=torch.float64)
    scaled = means / bandwidth
    squares = (scaled * torch.linalg.solve(wide, scaled)).sum(1)
    value = weights @ (-(log_determinant(wide) + squares) / 2).exp()
    return Computed(value.clamp(min=0))  # rounding alone can make it negative


def energy(p: GaussianMixture, q: GaussianMixture) -> Computed:
    """2E‖X − Y‖ − E‖X − X′‖ − E‖Y − Y′‖ in one and two dimensions.

    One: sums of folded normal means. Two: those of Rice's distribution where all components are
    round; else ‖x‖ = π/2 · mean over directions of |θ·x| leaves one integral of folded means.

    Raises:
        BadInput: More than two dimensions.
    """
    weights, means, covariances = _differences(p, q)
    if p.dimensions == 1:
        distances = folded(means[:, 0], covariances[:, 0, 0].sqrt())
        return Computed((-weights @ distances).clamp(min=0))
    if p.dimensions > 2:
        raise BadInput(
            f"The energy distance of known densities is there in one and two dimensions, and these "
            f"have {p.dimensions}: give samples of both, or take mmd, which has a closed form."
        )
    variance = covariances[:, 0, 0]
    if torch.equal(covariances, variance[:, None, None] * torch.eye(2, dtype=torch.float64)):
        return Computed((-weights @ _rice(means, variance)).clamp(min=0))

    def along(angles: Tensor) -> Tensor:
        parts = []
        for some in angles.flatten().split(max(1, HELD // len(weights))):
            lines = torch.stack([some.cos(), some.sin()], dim=1)
            widths = torch.einsum("nd,kde,ne->nk", lines, covariances, lines).sqrt()
            parts.append(-folded(lines @ means.mT, widths) @ weights)
        return torch.cat(parts).view(angles.shape[:-1]) / 2  # π/2 · mean over angles in [0, π]

    found = integral(along, interval(0.0, math.pi, 32), "the energy distance over directions")
    return found._replace(value=found.value.clamp(min=0))


def _rice(means: Tensor, variance: Tensor) -> Tensor:
    """E‖N(μ, s²I)‖ in the plane: s √(π/2) ((1 + x) I₀(x/2) + x I₁(x/2)) e^{−x/2}, x = ‖μ‖²/2s²."""
    x = means.square().sum(1) / (2 * variance)
    bessel = (1 + x) * torch.special.i0e(x / 2) + x * torch.special.i1e(x / 2)
    return (variance * math.pi / 2).sqrt() * bessel
