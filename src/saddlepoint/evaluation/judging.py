"""How a candidate stands to the control, and what would have been noticed at all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from scipy import stats

from saddlepoint.metrics.estimate import BLOCKS, LEVEL, Estimate

if TYPE_CHECKING:
    from saddlepoint.evaluation.result import Row

Kind = Literal["as real", "worse than real", "beyond real", "off", "differs", ""]
POWER = 0.8
LITTLE = 0.2  # of the yardstick


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


def judge(row: Row) -> Judgement:
    """The verdict of a row.

    A test says ``as real`` if p ≥ 0.05, any other score if the interval of (candidate − control)
    holds 0. Neither is a proof: a true difference δ is noticed with probability Φ(δ/s − z), s the
    standard error and z the interval's quantile, so in 80 % of tries where
    δ = (z + 0.84) s, which is 1.4 times the half width of the interval.

    No verdict is given where the control has another size than the candidate and the score is
    biased at finite n, nor where there is no control.
    """
    if row.figure.p_value is not None:
        if row.figure.p_value < 1 - LEVEL:
            return Judgement("differs")
        return _as_real(row, row.figure.estimate)
    if row.control is None:
        return Judgement("", reason="there is no control.")
    if not row.comparable:
        return Judgement("", reason="the control has another size, on which this score depends.")
    gap = row.gap
    if gap is None:
        return Judgement("", reason="this score's interval allows no difference.")
    if not all(map(math.isfinite, (gap.low, gap.value, gap.high))):
        return Judgement("", reason="a value is not finite.")
    if gap.low <= 0 <= gap.high:
        return _as_real(row, gap)
    if row.better == "real":
        return Judgement("off")
    improved = gap.high < 0 if row.better == "lower" else gap.low > 0
    return Judgement("beyond real" if improved else "worse than real")


def _as_real(row: Row, gap: Estimate) -> Judgement:
    below, above = gap.value - gap.low, gap.high - gap.value
    half = {"lower": below, "higher": above, "real": max(below, above)}[row.better]
    if row.figure.p_value is not None:  # a share of 0 or 1 has no room on one side
        half = max(below, above)
    quantile = float(stats.t.ppf((1 + LEVEL) / 2, BLOCKS - 1))
    detectable = half * (1 + float(stats.norm.ppf(POWER)) / quantile)
    if not math.isfinite(detectable):
        return Judgement("as real", detectable, "±∞")
    if row.weakness:
        return Judgement("as real", detectable, row.weakness)
    if row.yardstick is not None and detectable > LITTLE * row.yardstick:
        return Judgement("as real", detectable, f"±{detectable:.2g}")
    return Judgement("as real", detectable)
