"""Distances between the features of samples and those of real examples (torch-free)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from saddlepoint.scores.declaration import score
from saddlepoint.scores.figure import Figure

if TYPE_CHECKING:
    from torch import Tensor

    from saddlepoint.metrics.estimate import Estimate
    from saddlepoint.scores.view import View


# Normal features have at most a quarter of their variance in the furthest 5 %, whatever their
# dimension. Where `benchmarks/coverage.py` finds intervals that hold the truth in fewer than 90 of
# 100 draws, it is mostly more than 30 %.
FURTHEST, LONG = 0.05, 0.3
LONG_TAILS = "long tails"


def _few(view: View) -> tuple[str, ...]:
    from saddlepoint.metrics.frechet import samples_needed

    needed = samples_needed(view.dimensions)
    if view.smaller >= needed:
        return ()
    return (
        f"{view.smaller:,} samples are few for {view.dimensions:,} dimensions: the bias is large; "
        f"use {needed:,} or more, or the kernel distance.",
    )


def _tails(view: View) -> str:
    """What to say of long tails, whose examples carry the distances; empty without them."""
    shares = [_carried(side) for side in (view.real_features, view.fake_features)]
    if max(shares) <= LONG:
        return ""
    whose = "real examples" if shares[0] >= shares[1] else "samples"
    return (
        f"{LONG_TAILS}: the {FURTHEST:.0%} of the {whose} that lie furthest from their mean hold "
        f"{max(shares):.0%} of the variance, so distances are rather too low, and their intervals "
        "miss the truth more often than once in twenty.".replace("%", " %")
    )


def _carried(x: Tensor) -> float:
    """The share of the total variance that the furthest examples hold; 0 if there is none."""
    squares = (x.double() - x.double().mean(0)).square().sum(1)
    count = max(1, round(FURTHEST * len(squares)))
    total = float(squares.sum())
    return float(squares.topk(count).values.sum()) / total if 0 < total < math.inf else 0.0


def _figure(view: View, estimate: Estimate, notes: tuple[str, ...] = ()) -> Figure:
    tails = _tails(view)
    if not tails:
        return Figure(estimate, notes=notes)
    return Figure(estimate, notes=(*notes, tails), weakness=LONG_TAILS)


def _variance(view: View) -> float:
    """Total variance: the Fréchet distance of the mean example, repeated."""
    return float(view.real_features.double().var(0).sum())


def _deviation(view: View) -> float:
    """The sliced distance of the mean example, repeated."""
    return math.sqrt(_variance(view) / view.dimensions)


def _kernel_of_mean(view: View) -> float:
    """The kernel distance of the mean example, repeated."""
    real = view.real_features[:1000]
    return abs(_kernel_alone(real, real.mean(0, keepdim=True).expand(2, -1).clone()))


def _frechet_alone(real: Tensor, fake: Tensor) -> float:
    from saddlepoint.metrics.frechet import Moments, frechet_distance

    return frechet_distance(Moments.of(real), Moments.of(fake))


def _kernel_alone(real: Tensor, fake: Tensor) -> float:
    from saddlepoint.metrics.kernel import kernel_distance

    return kernel_distance(real, fake)


def _sliced_alone(real: Tensor, fake: Tensor) -> float:
    from saddlepoint.metrics.sliced import sliced_distance

    return sliced_distance(real, fake)


@score(
    "Fréchet distance",
    "lower",
    blind="everything beyond second moments; copies of the training set",
    paper="Heusel et al. 2017",
    yardstick=_variance,
    quick=_frechet_alone,
)
def frechet(view: View) -> Figure:
    """Do means and covariances of the features agree?"""
    from saddlepoint.metrics.frechet import frechet_estimate

    return _figure(view, frechet_estimate(view.real_features, view.fake_features), _few(view))


@score(
    "Fréchet distance, n → ∞",
    "lower",
    blind="as the Fréchet distance",
    paper="Chong & Forsyth 2020",
    yardstick=_variance,
)
def frechet_infinite(view: View) -> Figure:
    """The same, without the bias of a finite sample?"""
    from saddlepoint.metrics.frechet import frechet_infinite_estimate

    estimate = frechet_infinite_estimate(view.real_features, view.fake_features)
    return _figure(view, estimate, _few(view))


@score(
    "kernel distance",
    "lower",
    blind="everything beyond third moments; copies of the training set",
    paper="Bińkowski et al. 2018",
    unbiased=True,
    yardstick=_kernel_of_mean,
    quick=_kernel_alone,
)
def kernel(view: View) -> Figure:
    """Do the first three moments of the features agree? Unbiased, so good for few samples."""
    from saddlepoint.metrics.kernel import kernel_estimate

    return _figure(view, kernel_estimate(view.real_features, view.fake_features))


@score(
    "sliced Wasserstein distance",
    "lower",
    blind="what no single direction shows; copies of the training set",
    paper="Bonneel et al. 2015",
    yardstick=_deviation,
    quick=_sliced_alone,
)
def sliced(view: View) -> Figure:
    """How far must mass travel along random directions of the feature space?"""
    from saddlepoint.metrics.sliced import sliced_estimate

    estimate = sliced_estimate(view.real_features, view.fake_features, seed=view.seed)
    return _figure(view, estimate)
