"""The game: two players, their costs, and what their steps do."""

from saddlepoint.lab.game import critic_steps, oscillation, wasserstein_tracks_quality

__all__ = ["critic_steps", "oscillation", "wasserstein_tracks_quality"]
