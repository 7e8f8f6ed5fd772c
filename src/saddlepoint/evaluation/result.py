"""What an evaluation says of one candidate: as an object, as a table, and as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from saddlepoint.evaluation import showing
from saddlepoint.evaluation.layout import Cells, Shown
from saddlepoint.evaluation.rows import Row, row_as_json
from saddlepoint.evaluation.summary import sentences

FORMAT = 1


@dataclass(frozen=True)
class Evaluation(Shown):
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

    @property
    def pictures(self) -> dict[str, NDArray[np.floating]]:
        """Those of all figures, (rows, columns, channels, height, width), by their words."""
        return {word: images for row in self.rows for word, images in row.figure.pictures.items()}

    @property
    def summary(self) -> tuple[str, ...]:
        """Three sentences: whether samples are realistic, diverse, and copies of training data."""
        duplicates = self.facts.get("duplicates", {})
        return sentences(self.rows, self.n, duplicates, self.remedy)

    def blocks(self, narrow: bool) -> list[str | Cells]:
        """What was compared, the three sentences, the table, and the notes."""
        return [
            self.head,
            "",
            *self.summary,
            "",
            showing.table_of(self.rows, narrow),
            *self.foot,
        ]

    @property
    def head(self) -> str:
        """What was compared, with numbers of examples."""
        n = self.n
        control = f"control of {n['control']:,}" if n["control"] else "no control"
        return (
            f"{self.candidate} ({n['candidate']:,}) against {self.reference} ({n['real']:,}); "
            f"{control}. {self.where}."
        )

    @property
    def foot(self) -> list[str]:
        """What was done to each side, other notes, and how the intervals were made."""
        names = {"real": self.reference, "candidate": self.candidate}
        done = [
            f"{names[side]}: {note}" for side, said in self.preparation.items() for note in said
        ]
        spaces = dict.fromkeys(row.space for row in self.rows)
        methods = dict.fromkeys(row.figure.estimate.method for row in self.rows)
        return [
            f"spaces: {'; '.join(spaces)}.",
            *dict.fromkeys([*self.notes, *done, *showing.notes_on_figures(self.rows)]),
            *showing.notes_on_verdicts(self.rows, self.remedy),
            f"intervals: {'; '.join(methods)}.",
        ]

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
            "rows": [row_as_json(row) for row in self.rows],
        }
