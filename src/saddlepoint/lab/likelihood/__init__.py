"""Likelihood and distances: what it means that two distributions are near."""

from saddlepoint.lab.likelihood import likelihood_vs_samples, mode_covering

__all__ = ["likelihood_vs_samples", "mode_covering"]
