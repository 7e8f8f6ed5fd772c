"""The game: two players, their costs, and what their steps do."""

from saddlepoint.lab.game import (
    critic_vs_discriminator,
    dirac_gan,
    generator_costs,
    optimal_discriminator,
    saddle_point,
    vanishing_gradients,
    xy_game,
)

__all__ = [
    "critic_vs_discriminator",
    "dirac_gan",
    "generator_costs",
    "optimal_discriminator",
    "saddle_point",
    "vanishing_gradients",
    "xy_game",
]
