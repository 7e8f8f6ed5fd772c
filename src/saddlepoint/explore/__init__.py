"""Explorations of games and of trained runs: best and trained critics, densities of samplers."""

from saddlepoint.explore.critics import (
    Critic,
    best_cost,
    best_discriminator,
    density_ratio,
    trained_critic,
)
from saddlepoint.explore.distance import Distances, distance
from saddlepoint.explore.smoothing import SmoothedDensity, smoothed_density

__all__ = [
    "Critic",
    "Distances",
    "SmoothedDensity",
    "best_cost",
    "best_discriminator",
    "density_ratio",
    "distance",
    "smoothed_density",
    "trained_critic",
]
