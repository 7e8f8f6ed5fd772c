"""Whether a score of two groups of trainings differs: over seeds, or of these checkpoints."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import stats

from saddlepoint.metrics.estimate import LEVEL, Estimate, difference, skewed_jackknife

Scope = Literal["method", "checkpoint"]


@dataclass(frozen=True)
class Test:
    """The outcome of one comparison.

    Attributes:
        scope: Of what it speaks: of the methods, or of these checkpoints alone.
        difference: First − second with a 95 % interval; None if there is none.
        p_value: Of no difference; None if nothing can be tested.
        name: The test in a few words.
        reason: Why nothing can be tested; empty otherwise.
    """

    scope: Scope
    difference: Estimate | None
    p_value: float | None
    name: str
    reason: str = ""

    def refused(self, reason: str) -> Test:
        """The same without a p-value."""
        return replace(self, p_value=None, reason=reason)


def compare_groups(first: Sequence[Estimate], second: Sequence[Estimate]) -> Test:
    """The score's estimates of the seeds of two groups.

    With two seeds or more on both sides: Welch's t-test over seeds. Else the difference of the
    means over all seeds of each side, by the jackknife over blocks of real examples, which all
    share, and of samples; it speaks of these checkpoints. The outcome changes its sign with the
    order of the groups, and nothing else.
    """
    scope: Scope = "method" if min(len(first), len(second)) > 1 else "checkpoint"
    values = [np.array([e.value for e in side]) for side in (first, second)]
    sizes = (first[0].n_real, first[0].n_fake)
    if not all(np.isfinite(side).all() for side in values):
        unknown = Test(scope, None, None, "none")
        return unknown.refused("a value is not finite.")
    if scope == "method":
        return _welch(values[0], values[1], sizes)
    return _jackknifed(first, second)


def _welch(a: np.ndarray, b: np.ndarray, sizes: tuple[int, int]) -> Test:
    name = f"Welch's t over {len(a)} and {len(b)} seeds"
    gap = float(a.mean() - b.mean())
    variance = a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)
    error = math.sqrt(sum(variance))
    if error <= 1e-12 * max(np.abs(a).max(), np.abs(b).max()):
        point = Estimate(gap, gap, gap, "no spread", *sizes)
        return Test("method", point, None, name, "the seeds have no spread.")
    freedom = sum(variance) ** 2 / (
        variance[0] ** 2 / (len(a) - 1) + variance[1] ** 2 / (len(b) - 1)
    )
    half = float(stats.t.ppf((1 + LEVEL) / 2, freedom)) * error
    p_value = float(2 * stats.t.sf(abs(gap) / error, freedom))
    return Test("method", Estimate(gap, gap - half, gap + half, "Welch's t", *sizes), p_value, name)


def _jackknifed(first: Sequence[Estimate], second: Sequence[Estimate]) -> Test:
    name = "difference over shared blocks, jackknife"
    counts = {len(e.replicates) for e in (*first, *second)}
    if len(counts) > 1 or 0 in counts:
        return Test("checkpoint", None, None, "none", "this score's interval allows no difference.")
    gap = difference(_mean(first), _mean(second))
    if not math.isfinite(gap.low + gap.high):
        return Test("checkpoint", gap, None, name, "a value is not finite.")
    scale = max(abs(e.value) for e in (*first, *second))
    if gap.high - gap.low <= 1e-12 * scale:
        return Test("checkpoint", gap, None, name, "the blocks have no spread.")
    freedom = len(first[0].replicates) - 1
    # The end that lies towards zero decides, so that p < 0.05 says the same as the interval.
    towards = gap.value - gap.low if gap.value > 0 else gap.high - gap.value
    error = towards / float(stats.t.ppf((1 + LEVEL) / 2, freedom))
    if error <= 1e-12 * scale:
        return Test("checkpoint", gap, None, name, "the blocks have no spread.")
    return Test("checkpoint", gap, float(2 * stats.t.sf(abs(gap.value) / error, freedom)), name)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number by Holm's step-down method (1979), in their order."""
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: (p_values[i], i))):
        largest = max(largest, min(1.0, p_values[index] * (len(p_values) - rank)))
        adjusted[index] = largest
    return adjusted


def _mean(estimates: Sequence[Estimate]) -> Estimate:
    """The mean over seeds, block by block."""
    if len(estimates) == 1:
        return estimates[0]
    first = estimates[0]
    value = float(np.mean([e.value for e in estimates]))
    replicates = np.mean([e.replicates for e in estimates], axis=0).tolist()
    influences: list[float] = []
    if all(len(e.influences) == len(first.influences) for e in estimates):
        influences = np.mean([e.influences for e in estimates], axis=0).tolist()
    return skewed_jackknife(value, replicates, first.n_real, first.n_fake, influences)
