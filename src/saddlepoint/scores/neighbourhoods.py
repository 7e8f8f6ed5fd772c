"""Scores of who lies among whose nearest neighbours in the feature space (torch-free)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from saddlepoint.scores.declaration import score
from saddlepoint.scores.figure import Figure

if TYPE_CHECKING:
    from saddlepoint.scores.view import View


@score(
    "precision",
    "higher",
    blind="missing modes",
    paper="Kynkäänniemi et al. 2019",
    yardstick=1.0,
)
def precision(view: View) -> Figure:
    """What share of the samples lies among real examples?"""
    return Figure(view.prdc.precision)


@score(
    "recall",
    "higher",
    blind="bad samples",
    paper="Kynkäänniemi et al. 2019",
    yardstick=1.0,
)
def recall(view: View) -> Figure:
    """What share of the real examples lies among samples?"""
    return Figure(view.prdc.recall)


@score(
    "density",
    "real",
    blind="missing modes; outliers count less than for precision",
    paper="Naeem et al. 2020",
    yardstick=1.0,
)
def density(view: View) -> Figure:
    """How densely do real examples surround the samples? May exceed 1."""
    return Figure(view.prdc.density)


@score(
    "coverage",
    "higher",
    blind="how many bad samples",
    paper="Naeem et al. 2020",
    yardstick=1.0,
)
def coverage(view: View) -> Figure:
    """What share of the real examples has a sample nearby?"""
    return Figure(view.prdc.coverage)
