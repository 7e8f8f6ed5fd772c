"""How a candidate stands to the control, and what would have been noticed at all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from saddlepoint.metrics.estimate import LEVEL, Estimate, detectable
from saddlepoint.scores.figure import Better

Kind = Literal["as real", "worse than real", "beyond real", "off", "differs", ""]
LITTLE = 0.2  # of the yardstick


@dataclass(frozen=True)
class Worth:
    """What decides how much ``as real`` is worth.

    Attributes:
        yardstick: What a worthless generator would be off by, in the score's units; None if
            there is no such figure.
        weakness: Why the space hardly sees content; empty if it does.
    """

    yardstick: float | None = None
    weakness: str = ""


@dataclass(frozen=True)
class Judgement:
    """What a row says of the candidate.

    Attributes:
        kind: ``as real``, or how it differs; empty where nothing can be said.
        detectable: The smallest difference that would have been noticed in four of five tries;
            None unless the verdict is ``as real``.
        little: Why ``as real`` says little, in a word or two; empty if it says something.
        reason: Why there is no verdict; empty if there is one.
    """

    kind: Kind
    detectable: float | None = None
    little: str = ""
    reason: str = ""

    @property
    def words(self) -> str:
        """The verdict as a table shows it."""
        if self.kind != "as real" or self.detectable is None:
            return self.kind
        return f"as real ({'weak: ' if self.little else ''}{self.little or self._figure})"

    @property
    def _figure(self) -> str:
        return f"±{self.detectable:.2g}"


def judge_test(p_value: float, estimate: Estimate, worth: Worth) -> Judgement:
    """The verdict of a test: ``as real`` if p ≥ 0.05."""
    if p_value < 1 - LEVEL:
        return Judgement("differs")
    # A share of 0 or 1 has no room on one side.
    half = max(estimate.value - estimate.low, estimate.high - estimate.value)
    return _as_real(half, worth)


def judge_gap(gap: Estimate, better: Better, worth: Worth) -> Judgement:
    """The verdict of a score: ``as real`` if the interval of (candidate − control) holds 0.

    That is no proof: ``detectable`` says which difference would have been noticed. The value may be
    infinite or unknown where the interval has an end that decides, as with the support of samples
    without duplicates; no finite difference is sure to be noticed then.
    """
    if math.isnan(gap.low) or math.isnan(gap.high):
        return Judgement("", reason="a value is not finite.")
    if gap.low <= 0 <= gap.high:
        if not math.isfinite(gap.value):
            return _as_real(math.inf, worth)
        below, above = gap.value - gap.low, gap.high - gap.value
        half = {"lower": below, "higher": above, "real": max(below, above)}[better]
        return _as_real(half, worth)
    if better == "real":
        return Judgement("off")
    improved = gap.high < 0 if better == "lower" else gap.low > 0
    return Judgement("beyond real" if improved else "worse than real")


def _as_real(half: float, worth: Worth) -> Judgement:
    noticed = detectable(half)
    if not math.isfinite(noticed):
        return Judgement("as real", noticed, "±∞")
    if worth.weakness:
        return Judgement("as real", noticed, worth.weakness)
    if worth.yardstick is not None and noticed > LITTLE * worth.yardstick:
        return Judgement("as real", noticed, f"±{noticed:.2g}")
    return Judgement("as real", noticed)
