"""Scores of the classes that a classifier gives to samples (torch-free)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from saddlepoint.scores.declaration import score
from saddlepoint.scores.figure import Figure

if TYPE_CHECKING:
    from saddlepoint.metrics.classified import ModeCoverage
    from saddlepoint.scores.view import View


def _classified(view: View) -> bool:
    return view.probabilities is not None


def _of_known_classes(view: View) -> bool:
    """Whether the space tells the data's own classes apart, and not those of ImageNet."""
    return view.real_shares is not None


def _count(view: View) -> float:
    assert view.probabilities is not None
    return float(view.probabilities.shape[1])


def _log_count(view: View) -> float:
    return math.log(_count(view))


def _coverage(view: View) -> ModeCoverage:
    from saddlepoint.metrics.classified import mode_coverage

    assert view.probabilities is not None
    assert view.real_shares is not None
    return mode_coverage(
        view.probabilities, view.probabilities.shape[1], view.real_shares, view.seed
    )


@score(
    "Inception-type score",
    "higher",
    blind="variety within a class; whether anything looks real",
    paper="Salimans et al. 2016, with the classifier named",
    applies=_classified,
    yardstick=_count,
)
def inception_type(view: View) -> Figure:
    """Are predictions certain, and all classes equally frequent?"""
    from saddlepoint.metrics.classified import inception_type_score

    assert view.probabilities is not None
    return Figure(inception_type_score(view.probabilities))


@score(
    "classes found",
    "higher",
    blind="variety within a class; how often each occurs: one sample counts, and one that the "
    "classifier mistakes too",
    paper="Srivastava et al. 2017",
    applies=_of_known_classes,
    independent=True,
    yardstick=_count,
)
def classes(view: View) -> Figure:
    """How many of the classes occur among the samples?"""
    coverage = _coverage(view)
    note = f"classes: the real examples have {coverage.total}."
    return Figure(coverage.found, notes=(note,))


@score(
    "KL(samples ‖ real) over classes, nats",
    "lower",
    blind="variety within a class; quality",
    paper="Lin et al. 2018",
    applies=_of_known_classes,
    independent=True,
    yardstick=_log_count,
)
def classes_kl(view: View) -> Figure:
    """Do classes occur as often as among real examples?"""
    return Figure(_coverage(view).kl)
