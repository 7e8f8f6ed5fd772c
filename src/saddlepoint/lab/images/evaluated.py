"""Figures of an evaluation among those of a cell, which are numbers by name, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from saddlepoint.lab.findings import Interval

if TYPE_CHECKING:
    from saddlepoint.data.source import DataSource
    from saddlepoint.evaluation.rows import Row as Evaluated
    from saddlepoint.lab.side_by_side import Cell
    from saddlepoint.training.trained import Trained as Model

Figures = dict[str, float | None]


def scored(
    cell: Cell, scores: tuple[str, ...], samples: int, features: str
) -> tuple[Model, Figures]:
    """A trained cell's model and its figures on the test split, the control the validation split.

    Args:
        cell: The cell.
        scores: Names of scores.
        samples: Samples and real examples, at most as many as either split holds.
        features: The feature space.
    """
    from saddlepoint.evaluation.evaluate import of_model
    from saddlepoint.evaluation.progress import telling
    from saddlepoint.evaluation.scorer import Settings
    from saddlepoint.evaluation.sides import of_run
    from saddlepoint.training.trained import load

    model = load(cell.where)
    size = min(samples, model.data.counts["test"], model.data.counts["validation"])
    settings = Settings.of(size, features, scores, 0, "cpu")
    with telling(quiet=True) as tell:
        evaluation = of_model(model, cell.where, of_run(cell.where, size), settings, tell)
    figures: Figures = {}
    for name in scores:
        figures |= figures_of(name, evaluation.row(name))
    return model, figures


def spaces(sources: Mapping[str, DataSource], features: str) -> str:
    """Which feature space the scores of each kind of data are taken in, by their names."""
    from saddlepoint.features.opening import open_features

    said = [f"{name}: {open_features(features, of.open()).name}" for name, of in sources.items()]
    return f"Feature spaces: {'; '.join(said)}."


def figures_of(name: str, evaluated: Evaluated) -> Figures:
    """A figure and its control, each with the ends of its interval.

    They are called ``kernel``, ``kernel low``, ``kernel high``, ``kernel control`` and so on.
    """
    figures: Figures = {}
    assert evaluated.control is not None, "the validation split is the control"
    for key, figure in ((name, evaluated.figure), (f"{name} control", evaluated.control)):
        estimate = figure.estimate
        figures |= {key: estimate.value, f"{key} low": estimate.low, f"{key} high": estimate.high}
    return figures


def interval(figures: Figures, name: str) -> Interval | None:
    """A figure with its interval; None if one of its numbers is not finite."""
    ends = [figures[key] for key in (name, f"{name} low", f"{name} high")]
    if any(end is None for end in ends):
        return None
    value, low, high = (float(end or 0.0) for end in ends)
    return Interval(value, low, high)


def batch_of(model: Model) -> int:
    """Examples of an update; of data that have more of them than the usual number."""
    from saddlepoint.training.trainer import DEFAULT_BATCH

    return model.run.training.batch_size or DEFAULT_BATCH
