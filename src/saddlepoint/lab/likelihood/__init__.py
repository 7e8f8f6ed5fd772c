"""Likelihood and distances: what it means that two distributions are near."""

from saddlepoint.lab.likelihood import (
    earth_mover_lp,
    likelihood_vs_samples,
    mode_covering,
    parallel_lines,
    transformation,
    two_sample_power,
)

__all__ = [
    "earth_mover_lp",
    "likelihood_vs_samples",
    "mode_covering",
    "parallel_lines",
    "transformation",
    "two_sample_power",
]
