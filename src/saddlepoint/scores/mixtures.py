"""Scores of points in the plane against the known modes of a mixture (torch-free)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from saddlepoint.scores.declaration import score
from saddlepoint.scores.figure import Figure

if TYPE_CHECKING:
    from saddlepoint.metrics.classified import ModeCoverage
    from saddlepoint.scores.view import View

PAPER = "Srivastava et al. 2017, Lin et al. 2018"
PLACE = "the plane"


def _mixture(view: View) -> bool:
    return view.mixture is not None


def _count(view: View) -> float:
    assert view.mixture is not None
    return float(len(view.mixture.centres))


def _log_count(view: View) -> float:
    return math.log(_count(view))


def _coverage(view: View) -> ModeCoverage:
    from saddlepoint.metrics.classified import coverage_of_modes

    assert view.mixture is not None
    return coverage_of_modes(view.fake, view.mixture.centres, view.mixture.std, view.seed)


@score(
    "modes found",
    "higher",
    blind="how often each occurs; the modes' shapes",
    paper=PAPER,
    applies=_mixture,
    place=PLACE,
    independent=True,
    yardstick=_count,
)
def modes(view: View) -> Figure:
    """How many modes have a sample within three standard deviations?"""
    return Figure(_coverage(view).found)


@score(
    "high-quality share",
    "higher",
    blind="missing modes; samples heaped at the centres exceed a perfect sampler",
    paper=PAPER,
    applies=_mixture,
    place=PLACE,
    unbiased=True,
    independent=True,
    yardstick=1.0,
)
def high_quality(view: View) -> Figure:
    """What share of the samples lies within three standard deviations of a mode?"""
    from saddlepoint.metrics.modes import high_quality_estimate

    assert view.mixture is not None
    points = view.fake.numpy()
    return Figure(high_quality_estimate(points, view.mixture.centres, view.mixture.std))


@score(
    "spread within modes, σ̂/σ",
    "real",
    blind="missing modes",
    paper=PAPER,
    applies=_mixture,
    place=PLACE,
    yardstick=1.0,
)
def spread(view: View) -> Figure:
    """Are the modes as wide as they should be?"""
    from saddlepoint.metrics.modes import spread_estimate

    assert view.mixture is not None
    points = view.fake.numpy()
    return Figure(spread_estimate(points, view.mixture.centres, view.mixture.std))


@score(
    "KL(samples ‖ uniform) over modes, nats",
    "lower",
    blind="the modes' shapes",
    paper=PAPER,
    applies=_mixture,
    place=PLACE,
    independent=True,
    yardstick=_log_count,
)
def modes_kl(view: View) -> Figure:
    """Do all modes occur equally often?"""
    return Figure(_coverage(view).kl)
