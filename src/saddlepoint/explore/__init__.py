"""Explorations of games and of trained runs: critics, samplers, autoencoders, classes."""

from saddlepoint.explore.critics import (
    Critic,
    best_cost,
    best_discriminator,
    density_ratio,
    trained_critic,
)
from saddlepoint.explore.distance import Distances, distance
from saddlepoint.explore.filling import Filled, fill_in
from saddlepoint.explore.importance import (
    ActiveUnits,
    Likelihoods,
    active_units,
    importance_weighted,
)
from saddlepoint.explore.manifold import Manifold, manifold
from saddlepoint.explore.smoothing import SmoothedDensity, smoothed_density
from saddlepoint.explore.styles import Sheet, analogies, style_grid

__all__ = [
    "ActiveUnits",
    "Critic",
    "Distances",
    "Filled",
    "Likelihoods",
    "Manifold",
    "Sheet",
    "SmoothedDensity",
    "active_units",
    "analogies",
    "best_cost",
    "best_discriminator",
    "density_ratio",
    "distance",
    "fill_in",
    "importance_weighted",
    "manifold",
    "smoothed_density",
    "style_grid",
    "trained_critic",
]
