"""Scores of what a learner says of real examples and of its own samples (torch-free)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from saddlepoint.scores.declaration import score
from saddlepoint.scores.figure import Figure

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from saddlepoint.scores.view import View


@dataclass(frozen=True)
class Recognised:
    """What a learner recognises.

    Attributes:
        labels: Classes of labelled real examples (n,).
        classes: Those that the learner gives them (n,); empty if it classifies nothing.
        how: How its classes were made those of the data, in words; empty if they are.
        information: H(c) + log q(c | x) of samples, nats, with H(c), by code.
    """

    labels: NDArray[np.int64]
    classes: NDArray[np.int64]
    how: str = ""
    information: Mapping[str, tuple[float, NDArray[np.float64]]] | None = None


def _classifies(view: View) -> bool:
    return view.recognition is not None and len(view.recognition.labels) > 0


def _informs(view: View) -> bool:
    return view.recognition is not None and bool(view.recognition.information)


@score(
    "error of its own classifier",
    "lower",
    blind="everything but the classes that the learner itself gives to real examples",
    paper="Kingma et al. 2014 and Salimans et al. 2016; of groups: Chen et al. 2016",
    applies=_classifies,
    place="its own classifier",
)
def classification_error(view: View) -> Figure:
    """How many held-out real examples does the learner itself put into a wrong class?"""
    from saddlepoint.metrics.estimate import proportion

    recognition = view.recognition
    assert recognition is not None
    wrong = int((recognition.classes != recognition.labels).sum())
    n = len(recognition.labels)
    note = f"classification_error: of {n:,} labelled held-out examples"
    note += f"; {recognition.how}." if recognition.how else "."
    return Figure(proportion(wrong, n, n, 0), notes=(note,))


@score(
    "information of the codes, nats",
    "higher",
    blind="what a code means, and whether anything looks real",
    paper="Chen et al. 2016, equation 4",
    applies=_informs,
    place="its own recogniser",
)
def information(view: View) -> Figure:
    """How much do samples tell of their codes: a lower bound on Σ I(c; x), codes as drawn?"""
    from saddlepoint.metrics.estimate import mean_of

    recognition = view.recognition
    assert recognition is not None
    assert recognition.information
    total = np.zeros(0)
    said = []
    for name, (entropy, values) in recognition.information.items():
        total = values if not len(total) else total + values
        said.append(f"{name} {values.mean():.3f} of {entropy:.3f}")
    note = f"information: the bound and the entropy of each code: {', '.join(said)}."
    return Figure(mean_of(total, 0, len(total)), notes=(note,))
