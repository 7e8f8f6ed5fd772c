"""The game: two players, their costs, and what their steps do."""

from saddlepoint.lab.game import (
    dirac_gan,
    generator_costs,
    optimal_discriminator,
    saddle_point,
    vanishing_gradients,
    xy_game,
)

__all__ = [
    "dirac_gan",
    "generator_costs",
    "optimal_discriminator",
    "saddle_point",
    "vanishing_gradients",
    "xy_game",
]
