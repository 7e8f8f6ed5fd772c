"""What a comparison of runs says: as an object, as tables, and as JSON."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import Any

from saddlepoint.evaluation.layout import Cells, Shown, interval, number
from saddlepoint.evaluation.result import Evaluation
from saddlepoint.evaluation.rows import Row
from saddlepoint.evaluation.showing import ARROWS, cell
from saddlepoint.metrics.estimate import Estimate
from saddlepoint.metrics.group_tests import Scope
from saddlepoint.scores.figure import Figure


@dataclass(frozen=True)
class Group:
    """Runs that differ in nothing but their seed.

    Attributes:
        name: What they are called in tables.
        evaluations: One for each seed.
    """

    name: str
    evaluations: tuple[Evaluation, ...]

    def estimates(self, row: Row) -> list[Estimate]:
        """The estimates of a score, of every seed that has it."""
        return [figure.estimate for figure in self._figures(row)]

    def _figures(self, row: Row) -> list[Figure]:
        return [
            same.figure
            for evaluation in self.evaluations
            for same in evaluation.rows
            if (same.key, same.space) == (row.key, row.space)
        ]

    def cell(self, row: Row, digits: int) -> str:
        """A score with its own interval, or as mean ± deviation over seeds."""
        figures = self._figures(row)
        if not figures:
            return "–"
        if len(figures) == 1:
            return cell(figures[0], digits)
        values = [figure.estimate.value for figure in figures]
        if not all(map(math.isfinite, values)):
            return ", ".join(number(value, digits) for value in values)
        mean, deviation = statistics.fmean(values), statistics.stdev(values)
        return f"{number(mean, digits)} ± {number(deviation, digits)}"


@dataclass(frozen=True)
class Verdict:
    """One score of two groups.

    Attributes:
        score: Name of the score.
        title: Name in tables.
        space: Feature space.
        first: Name of the first group.
        second: Name of the second.
        scope: ``method`` if both have several seeds; ``checkpoint``: about these very checkpoints.
        difference: first − second with a 95 % interval; none if the score allows none.
        p_value: Of no difference, corrected for all comparisons of the table (Holm 1979); None if
            nothing could be tested.
        better: The better group's name; None if the difference could be chance.
        test: The test that was used.
        reason: Why nothing could be tested; empty otherwise.
    """

    score: str
    title: str
    space: str
    first: str
    second: str
    scope: Scope
    difference: Estimate | None
    p_value: float | None
    better: str | None
    test: str
    reason: str = ""

    @property
    def outcome(self) -> str:
        """The better group, or why none is named."""
        if self.p_value is None:
            return f"no test: {self.reason.rstrip('.')}"
        return self.better or "not decided"


@dataclass(frozen=True)
class Comparison(Shown):
    """Several groups of runs on the same real examples.

    Attributes:
        groups: Runs by method.
        verdicts: One for each score and pair of groups.
        notes: What a reader must know, one sentence each.
        seconds: How long it took.
    """

    groups: tuple[Group, ...]
    verdicts: tuple[Verdict, ...]
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def scope(self) -> Scope | None:
        """``method`` or ``checkpoint`` where all pairs are of one kind; None where they differ."""
        scopes = {verdict.scope for verdict in self.verdicts}
        return next(iter(scopes)) if len(scopes) == 1 else None

    @property
    def licence(self) -> str:
        """What the figures allow one to say."""
        sentences = []
        for scope in ("method", "checkpoint"):
            pairs = dict.fromkeys(
                f"{v.first} and {v.second}" for v in self.verdicts if v.scope == scope
            )
            if not pairs:
                continue
            about = f"{'; '.join(pairs)}: " if self.scope is None else ""
            if scope == "method":
                sentences.append(
                    f"{about}Several seeds of each, so differences are tested between trainings "
                    "(Welch's t), and a sentence may be about the method, on these data."
                )
            else:
                sentences.append(
                    f"{about}At least one side has a single training: differences are those of "
                    "these checkpoints and say nothing of the method. Train several seeds of each "
                    "(--seeds, or more runs) to compare methods."
                )
        return " ".join(sentences)

    def blocks(self, narrow: bool) -> list[str | Cells]:
        """Every score of every group, then what differs, then what one may say."""
        return [self._scores(narrow), "", self._differences(narrow), *self._foot()]

    @property
    def _rows(self) -> dict[tuple[str, str], Row]:
        """One row of every score that a group has, by key and space."""
        return {
            (row.key, row.space): row
            for group in self.groups
            for evaluation in group.evaluations
            for row in evaluation.rows
        }

    def _place(self, space: str) -> str:
        several = len({space for _, space in self._rows}) > 1
        return f" ({space.split(' ')[0]})" if several else ""

    def _scores(self, narrow: bool) -> Cells:
        heads = ["score", *(f"{group.name} ({len(group.evaluations)})" for group in self.groups)]
        rows = []
        for row in self._rows.values():
            name = f"{row.key if narrow else row.title} {ARROWS[row.better]}"
            cells = [group.cell(row, 3 if narrow else 4) for group in self.groups]
            rows.append([name + self._place(row.space), *cells])
        return Cells(heads, rows)

    def _differences(self, narrow: bool) -> Cells:
        digits = 3 if narrow else 4
        rows = []
        for each in self.verdicts:
            name = (each.score if narrow else each.title) + self._place(each.space)
            gap = "–" if each.difference is None else interval(each.difference, digits)
            p_value = "–" if each.p_value is None else number(each.p_value, digits)
            rows.append([name, f"{each.first} − {each.second}", gap, p_value, each.outcome])
        heads = ["score", "runs", "difference [95 % interval]", "p (Holm)", "better"]
        return Cells(heads, rows)

    def _foot(self) -> list[str]:
        tests = dict.fromkeys(v.test for v in self.verdicts if v.p_value is not None)
        first = self.groups[0].evaluations[0]
        done = [note for side in first.preparation.values() for note in side]
        lines = [f"test: {'; '.join(tests) or 'none'}. {self.licence}", *self.notes]
        return list(dict.fromkeys([*lines, f"{first.where}.", *first.notes, *done]))

    def as_json(self) -> dict[str, Any]:
        """Everything, with None for what is not finite."""
        return {
            "scope": self.scope or "differs by pair",
            "licence": self.licence,
            "notes": list(self.notes),
            "seconds": self.seconds,
            "groups": [
                {"name": g.name, "evaluations": [e.as_json() for e in g.evaluations]}
                for g in self.groups
            ],
            "verdicts": [_verdict_as_json(v) for v in self.verdicts],
        }


def _verdict_as_json(verdict: Verdict) -> dict[str, Any]:
    gap = verdict.difference
    return {
        "score": verdict.score,
        "space": verdict.space,
        "first": verdict.first,
        "second": verdict.second,
        "scope": verdict.scope,
        "difference": None
        if gap is None
        else [v if math.isfinite(v) else None for v in (gap.value, gap.low, gap.high)],
        "p_value": verdict.p_value,
        "better": verdict.better,
        "test": verdict.test,
        "reason": verdict.reason,
    }
