"""Explorations of games and of trained runs: critics, densities of samplers, styles of classes."""

from saddlepoint.explore.critics import (
    Critic,
    best_cost,
    best_discriminator,
    density_ratio,
    trained_critic,
)
from saddlepoint.explore.distance import Distances, distance
from saddlepoint.explore.smoothing import SmoothedDensity, smoothed_density
from saddlepoint.explore.styles import Sheet, analogies, style_grid

__all__ = [
    "Critic",
    "Distances",
    "Sheet",
    "SmoothedDensity",
    "analogies",
    "best_cost",
    "best_discriminator",
    "density_ratio",
    "distance",
    "smoothed_density",
    "style_grid",
    "trained_critic",
]
