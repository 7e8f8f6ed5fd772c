"""Likelihood and distances: what it means that two distributions are near."""

from saddlepoint.lab.likelihood import mode_covering

__all__ = ["mode_covering"]
