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
class Likely:
    """How likely a learner with a likelihood finds real examples that it did not learn from.

    Attributes:
        nats: Estimate of log p(x) of each example, (n,).
        draws: Latents that were drawn for each.
        words: Of what it is a likelihood.
        bits: Their mean as bits per dimension; None where these would say nothing.
        effective: The median over examples of how many draws count.
    """

    nats: NDArray[np.float64]
    draws: int
    words: str
    bits: float | None
    effective: float


@dataclass(frozen=True)
class Recognised:
    """What a learner says of real examples, and reads off its own.

    Attributes:
        labels: Classes of labelled real examples (n,).
        classes: Those that the learner gives them (n,); empty if it classifies nothing.
        how: How its classes were made those of the data, in words; empty if they are.
        information: H(c) + log q(c | x) of samples, nats, with H(c), by code.
        likely: How likely it finds held-out examples; None where it has no likelihood.
    """

    labels: NDArray[np.int64]
    classes: NDArray[np.int64]
    how: str = ""
    information: Mapping[str, tuple[float, NDArray[np.float64]]] | None = None
    likely: Likely | None = None


def _classifies(view: View) -> bool:
    return view.recognition is not None and len(view.recognition.labels) > 0


def _informs(view: View) -> bool:
    return view.recognition is not None and bool(view.recognition.information)


def _has_likelihood(view: View) -> bool:
    return view.recognition is not None and view.recognition.likely is not None


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


@score(
    "log-likelihood by itself, nats",
    "higher",
    blind="whether samples look real; likelihoods of another kind (a density, black or white "
    "pixels) do not compare",
    paper="Burda et al. 2016",
    applies=_has_likelihood,
    place="its own likelihood",
)
def log_likelihood(view: View) -> Figure:
    """How likely does the model find held-out real examples: an estimate of mean log p(x)?

    From below on average, by importance weighting of draws of its encoder.
    """
    from saddlepoint.metrics.estimate import mean_of

    recognition = view.recognition
    assert recognition is not None
    likely = recognition.likely
    assert likely is not None
    n = len(likely.nats)
    note = (
        f"log_likelihood: of {n:,} held-out examples, {likely.words}, by {likely.draws:,} draws of "
        f"the encoder for each, of which {likely.effective:.3g} count in the median"
    )
    if likely.bits is not None:
        note += f"; at most {likely.bits:.3f} bits per dimension"
    return Figure(mean_of(likely.nats, n, 0), notes=(f"{note}.",))
