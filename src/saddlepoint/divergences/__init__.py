"""Divergences between distributions: closed forms, quadrature, estimates (torch-free until asked).

Example:
    >>> from saddlepoint.divergences import DIVERGENCES, Gaussian, divergence
    >>> p, q = Gaussian(0.0, std=1.0), Gaussian(1.0, std=2.0)
    >>> for key in ("kl", "reverse-kl", "wasserstein-2"):
    ...     print(f"{key}: {divergence(p, q, of=key).value:.4f}")
    kl: 0.4431
    reverse-kl: 1.3069
    wasserstein-2: 1.4142
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from saddlepoint.divergences.between import divergence, divergence_tensor, entropy
    from saddlepoint.divergences.distributions import Discrete, Gaussian, GaussianMixture, Samples
    from saddlepoint.divergences.ground_distances import Energy, MaximumMeanDiscrepancy
    from saddlepoint.divergences.registry import DIVERGENCES

_HOMES = {
    "DIVERGENCES": "registry",
    "Discrete": "distributions",
    "Energy": "ground_distances",
    "Gaussian": "distributions",
    "GaussianMixture": "distributions",
    "MaximumMeanDiscrepancy": "ground_distances",
    "Samples": "distributions",
    "divergence": "between",
    "divergence_tensor": "between",
    "entropy": "between",
}

__all__ = [
    "DIVERGENCES",
    "Discrete",
    "Energy",
    "Gaussian",
    "GaussianMixture",
    "MaximumMeanDiscrepancy",
    "Samples",
    "divergence",
    "divergence_tensor",
    "entropy",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"saddlepoint.divergences.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'saddlepoint.divergences' has no attribute '{name}'")
