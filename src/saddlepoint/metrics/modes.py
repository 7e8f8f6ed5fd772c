"""Mode coverage of mixtures of Gaussians whose centres are known (torch-free).

The protocol of VEEGAN (Srivastava et al. 2017) and PacGAN (Lin et al. 2018): a sample is of high
quality if it lies within three standard deviations of a centre, and a mode counts as found if at
least one high-quality sample belongs to it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from saddlepoint.metrics.estimate import Estimate, blocks, jackknife, proportion

RADIUS = 3.0  # in standard deviations
# What the standard deviation of a planar Gaussian shrinks to when it is cut at three of its own:
# E[r² | r < 3σ] = σ² (2 − 11 e^(−9/2)) / (1 − e^(−9/2)) over both coordinates.
_CUT = math.exp(-(RADIUS**2) / 2)
CUT_STD = math.sqrt((2 - (2 + RADIUS**2) * _CUT) / (1 - _CUT) / 2)


@dataclass(frozen=True)
class Modes:
    """How a sample covers a mixture.

    Attributes:
        found: Modes with at least one high-quality sample.
        total: Modes of the mixture.
        high_quality: Share of samples within three standard deviations of a centre; a perfect
            sampler in the plane has 1 − e^(−9/2) = 0.98889.
        spread: Standard deviation of the high-quality samples about the mean of their mode, over
            that of a perfect sampler cut at the same radius: 1 for a perfect sampler, near 0 for
            one that draws the same point over and over. NaN if no mode has two samples.
        reverse_kl: KL(q‖uniform) in nats, q the high-quality samples' distribution over modes;
            a perfect sampler has about (modes − 1) / (2 n). Infinite without any.
    """

    found: int
    total: int
    high_quality: float
    spread: float
    reverse_kl: float


def score_modes(points: NDArray[np.floating], centres: NDArray[np.floating], std: float) -> Modes:
    """Score ``points`` (n, 2) against modes at ``centres`` (modes, 2) of deviation ``std``."""
    points = np.asarray(points, dtype=np.float64)
    points = points[np.isfinite(points).all(1)] if len(points) else points
    total = len(centres)
    n = max(len(points), 1)
    distance, nearest = cKDTree(centres).query(points) if len(points) else (np.ones(0), np.ones(0))
    good = distance < RADIUS * std
    counts = np.bincount(nearest[good].astype(int), minlength=total)
    share = counts / max(counts.sum(), 1)
    positive = share[share > 0]
    kl = float((positive * np.log(positive * total)).sum()) if len(positive) else math.inf
    return Modes(
        found=int((counts > 0).sum()),
        total=total,
        high_quality=float(good.sum() / n),
        spread=_spread(points[good], nearest[good], counts) / (std * CUT_STD),
        reverse_kl=max(kl, 0.0),
    )


def high_quality_estimate(
    points: NDArray[np.floating], centres: NDArray[np.floating], std: float
) -> Estimate:
    """The share of ``points`` (n, 2) within three standard deviations of a centre."""
    n = len(points)
    good = round(score_modes(points, centres, std).high_quality * n)
    return proportion(good, n, 0, n)


def spread_estimate(
    points: NDArray[np.floating], centres: NDArray[np.floating], std: float
) -> Estimate:
    """``Modes.spread`` of ``points`` (n, 2), jackknifed; NaN where a mode never has two points."""
    n = len(points)
    value = score_modes(points, centres, std).spread
    without = [
        score_modes(np.delete(points, np.arange(n)[block], axis=0), centres, std).spread
        for block in blocks(n)
    ]
    if not math.isfinite(sum(without)):
        return Estimate(math.nan, math.nan, math.nan, "no mode with two samples", 0, n)
    return jackknife(value, without, 0, n)


def _spread(points: NDArray[Any], nearest: NDArray[Any], counts: NDArray[Any]) -> float:
    """Pooled standard deviation per coordinate about each mode's own mean."""
    squares, freedom = 0.0, 0
    for mode in np.flatnonzero(counts > 1):
        members = points[nearest == mode]
        squares += ((members - members.mean(0)) ** 2).sum()
        freedom += members.shape[1] * (len(members) - 1)
    return math.sqrt(squares / freedom) if freedom else math.nan
