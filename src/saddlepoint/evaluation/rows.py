"""Rows of an evaluation: figures beside their controls, with verdicts, as objects and as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from saddlepoint.evaluation.judging import Judgement, Worth, judge_gap, judge_test
from saddlepoint.metrics.estimate import LEVEL, Estimate, difference, independent_difference
from saddlepoint.scores.figure import Better, Figure


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
        independent: The figures of candidate and control are independent of each other, so that
            the difference has an interval without a jackknife.
        difference: Candidate − control where it does not come from the figures themselves.
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
    independent: bool = False
    difference: Estimate | None = None

    @property
    def judgement(self) -> Judgement:
        """How the candidate stands to the control, or why that cannot be said."""
        worth = Worth(self.yardstick, self.weakness or self.figure.weakness)
        if self.figure.p_value is not None:
            if self._control_differs_alike:
                return Judgement("", reason="other real examples differ from these as well.")
            return judge_test(self.figure.p_value, self.figure.estimate, worth)
        if self.control is None:
            return Judgement("", reason="there is no control.")
        if not self.comparable:
            return Judgement("", reason="the control has another size, on which this depends.")
        gap = self.gap
        if gap is None:
            return Judgement("", reason=self._why_no_gap(self.control))
        return judge_gap(gap, self.better, worth)

    @property
    def gap(self) -> Estimate | None:
        """Candidate − control with an interval.

        There is one where both were jackknifed over the same blocks, and where both are independent
        and their intervals begin at finite numbers.
        """
        if self.difference is not None or self.control is None:
            return self.difference
        candidate, control = self.figure.estimate, self.control.estimate
        if candidate.replicates and len(candidate.replicates) == len(control.replicates):
            return difference(candidate, control)
        if self.independent and math.isfinite(candidate.low) and math.isfinite(control.low):
            return independent_difference(candidate, control)
        return None

    @property
    def _control_differs_alike(self) -> bool:
        """Whether a test rejects real examples too, by as much as its interval can tell."""
        if self.control is None or self.figure.p_value is None or self.control.p_value is None:
            return False
        if max(self.figure.p_value, self.control.p_value) >= 1 - LEVEL:
            return False
        candidate, control = self.figure.estimate, self.control.estimate
        return candidate.low <= control.high and control.low <= candidate.high

    def _why_no_gap(self, control: Figure) -> str:
        """What keeps candidate and control from being subtracted."""
        for figure, whose in ((self.figure, ""), (control, " (control)")):
            if not math.isfinite(figure.estimate.low):
                return f"{figure.estimate.method}{whose}."
        return "this score's interval allows no difference."


def row_as_json(row: Row) -> dict[str, Any]:
    """Everything that a row says, with None for what is not finite."""
    body: dict[str, Any] = {
        "score": row.key,
        "title": row.title,
        "space": row.space,
        "better": row.better,
        **_figure_as_json(row.figure),
    }
    if row.control is not None:
        body["control"] = _figure_as_json(row.control)
    judgement = row.judgement
    body["verdict"] = judgement.words
    if judgement.detectable is not None and math.isfinite(judgement.detectable):
        body["detectable"] = judgement.detectable
    if judgement.reason:
        body["no_verdict_because"] = judgement.reason
    gap = row.gap
    if gap is not None:
        body["minus_control"] = _finite(asdict(gap), ("value", "low", "high"))
    return body


def _figure_as_json(figure: Figure) -> dict[str, Any]:
    kept = ("value", "low", "high", "method", "n_real", "n_fake")
    body = _finite(asdict(figure.estimate), kept)
    if figure.p_value is not None:
        body["p_value"] = figure.p_value
    if figure.notes:
        body["notes"] = list(figure.notes)
    return body


def _finite(values: dict[str, Any], kept: Sequence[str]) -> dict[str, Any]:
    return {
        name: None
        if isinstance(values[name], float) and not math.isfinite(values[name])
        else values[name]
        for name in kept
    }
