"""The game: two players, their costs, and what their steps do."""

from saddlepoint.lab.game import wasserstein_tracks_quality

__all__ = ["wasserstein_tracks_quality"]
