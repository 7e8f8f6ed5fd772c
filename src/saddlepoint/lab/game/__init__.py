"""The game: two players, their costs, and what their steps do."""

from saddlepoint.lab.game import (
    critic_steps,
    critic_vs_discriminator,
    dirac_gan,
    generator_costs,
    optimal_discriminator,
    oscillation,
    saddle_point,
    vanishing_gradients,
    wasserstein_tracks_quality,
    xy_game,
)

__all__ = [
    "critic_steps",
    "critic_vs_discriminator",
    "dirac_gan",
    "generator_costs",
    "optimal_discriminator",
    "oscillation",
    "saddle_point",
    "vanishing_gradients",
    "wasserstein_tracks_quality",
    "xy_game",
]
