"""What an evaluation says: rows of figures with intervals and controls, as objects and as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from saddlepoint.evaluation.judging import Judgement, judge
from saddlepoint.metrics.estimate import Estimate, difference

Better = Literal["lower", "higher", "real"]
FORMAT = 1


@dataclass(frozen=True)
class Figure:
    """One figure of one candidate.

    Attributes:
        key: Name in files and options, for example ``kernel``.
        estimate: Value and interval.
        p_value: Of the hypothesis that both sides have one distribution; None if it is no test.
        notes: What a reader must know of this figure, one sentence each.
    """

    key: str
    estimate: Estimate
    p_value: float | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """A figure beside its control.

    Attributes:
        key: Name in files and options.
        title: Name in tables.
        space: Feature space in which it was computed.
        better: Whether lower or higher is better, or being like the real examples (``real``).
        figure: The candidate's.
        control: The same for real examples that the reference does not hold; None if there is
            no such thing.
        comparable: False where the control has another size than the candidate and the score
            depends on that.
        yardstick: What a worthless generator would be off by, in the score's units; None if
            there is no such figure.
        weakness: Why this space hardly sees content; empty if it does.
        difference: Candidate − control where it does not come from the figures' own jackknife.
    """

    key: str
    title: str
    space: str
    better: Better
    figure: Figure
    control: Figure | None
    comparable: bool = True
    yardstick: float | None = None
    weakness: str = ""
    difference: Estimate | None = None

    @property
    def judgement(self) -> Judgement:
        """How the candidate stands to the control."""
        return judge(self)

    @property
    def gap(self) -> Estimate | None:
        """Candidate − control with an interval, where both were jackknifed over the same blocks."""
        if self.difference is not None or self.control is None:
            return self.difference
        own, other = self.figure.estimate, self.control.estimate
        if not own.replicates or len(own.replicates) != len(other.replicates):
            return None
        return difference(own, other)

    @property
    def like_real(self) -> bool | None:
        """Whether the interval of the gap holds 0; None where there is no such interval."""
        gap = self.gap
        return None if gap is None else gap.low <= 0 <= gap.high


@dataclass(frozen=True)
class Evaluation:
    """Scores of one candidate against one reference.

    Attributes:
        candidate: What was evaluated.
        reference: The real examples.
        where: Which real examples and which control.
        n: Real examples, control examples and generated ones.
        facts: Step, member, seed of the samples, versions and the like.
        rows: The figures.
        notes: What holds for the whole table, one sentence each.
        preparation: What was done to the real examples and to the candidate's, one sentence each.
        remedy: What to install where only a weak space was at hand; empty otherwise.
        seconds: How long it took.
        pairs: Samples beside their nearest training images, as ``View.closest_pairs`` gives
            them; None where the training images are not known, or memorisation was not asked for.
    """

    candidate: str
    reference: str
    where: str
    n: dict[str, int]
    facts: dict[str, Any]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    preparation: dict[str, tuple[str, ...]] = field(default_factory=dict)
    remedy: str = ""
    seconds: float = 0.0
    pairs: NDArray[np.floating] | None = field(default=None, repr=False, compare=False)

    @property
    def summary(self) -> tuple[str, ...]:
        """Three sentences: whether samples are realistic, diverse, and copies of training data."""
        from saddlepoint.evaluation.summary import sentences

        return sentences(self)

    def __str__(self) -> str:
        from saddlepoint.evaluation.showing import table_text

        return table_text(self)

    def _repr_html_(self) -> str:
        from saddlepoint.evaluation.html import evaluation_html

        return evaluation_html(self)

    def row(self, key: str, space: str | None = None) -> Row:
        """The row of a score (in a feature space).

        Raises:
            KeyError: There is none.
        """
        for each in self.rows:
            if each.key == key and space in (None, each.space):
                return each
        raise KeyError(f"no score '{key}'; there are: {', '.join(r.key for r in self.rows)}")

    def as_json(self) -> dict[str, Any]:
        """Everything but the pictures, with None for what is not finite."""
        return {
            "format": FORMAT,
            "candidate": self.candidate,
            "reference": self.reference,
            "where": self.where,
            "n": self.n,
            "facts": self.facts,
            "summary": list(self.summary),
            "preparation": {side: list(said) for side, said in self.preparation.items()},
            "notes": list(self.notes),
            "seconds": self.seconds,
            "rows": [_row_as_json(row) for row in self.rows],
        }


def _row_as_json(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = {
        "score": row.key,
        "title": row.title,
        "space": row.space,
        "better": row.better,
        **_figure_as_json(row.figure),
    }
    if row.control is not None:
        found["control"] = _figure_as_json(row.control)
    judgement = row.judgement
    found["verdict"] = judgement.words
    if judgement.detectable is not None and math.isfinite(judgement.detectable):
        found["detectable"] = judgement.detectable
    if judgement.reason:
        found["no_verdict_because"] = judgement.reason
    gap = row.gap
    if gap is not None:
        found["minus_control"] = _finite(asdict(gap), ("value", "low", "high"))
    return found


def _figure_as_json(figure: Figure) -> dict[str, Any]:
    kept = ("value", "low", "high", "method", "n_real", "n_fake")
    found = _finite(asdict(figure.estimate), kept)
    if figure.p_value is not None:
        found["p_value"] = figure.p_value
    if figure.notes:
        found["notes"] = list(figure.notes)
    return found


def _finite(values: dict[str, Any], kept: Sequence[str]) -> dict[str, Any]:
    return {
        name: None
        if isinstance(values[name], float) and not math.isfinite(values[name])
        else values[name]
        for name in kept
    }
