"""The game: two players, their costs, and what their steps do."""

from saddlepoint.lab.game import (
    generator_costs,
    optimal_discriminator,
    saddle_point,
    vanishing_gradients,
    xy_game,
)

__all__ = [
    "generator_costs",
    "optimal_discriminator",
    "saddle_point",
    "vanishing_gradients",
    "xy_game",
]
