"""A figure with its interval, and the ways in which intervals are made (torch-free).

Plain bootstraps repeat samples, which biases Fréchet distances and breaks everything that looks at
nearest neighbours; so scores of two samples use a delete-block jackknife: no sample occurs twice.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

BLOCKS = 20
LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A score and its 95 % interval.

    Attributes:
        value: The score.
        low: Lower end.
        high: Upper end.
        method: How the interval was made, in a few words.
        n_real: Real samples that went in; 0 if the score looks at generated ones alone.
        n_fake: Generated samples that went in.
        replicates: The score without each block in turn, for differences of scores that share
            blocks; empty if the interval does not come from a jackknife.
    """

    value: float
    low: float
    high: float
    method: str
    n_real: int
    n_fake: int
    replicates: tuple[float, ...] = ()


def blocks(n: int, count: int = BLOCKS) -> list[slice]:
    """``count`` consecutive blocks of n samples whose sizes differ by at most one.

    Raises:
        ValueError: Fewer than two samples a block.
    """
    if n < 2 * count:
        raise ValueError(f"{count} blocks need at least {2 * count} samples, and there are {n}.")
    edges = [round(i * n / count) for i in range(count + 1)]
    return [slice(low, high) for low, high in itertools.pairwise(edges)]


def jackknife(value: float, replicates: Sequence[float], n_real: int, n_fake: int) -> Estimate:
    """Delete-block jackknife: v = (B − 1)/B · Σ (θ₋ᵦ − mean θ₋)², θ ± t_{B−1} √v.

    Args:
        value: The score θ of all samples.
        replicates: θ₋ᵦ, the score without the b-th block of the real and of the generated samples.
        n_real: Real samples.
        n_fake: Generated samples.

    Reference: Shao & Wu, A general theory for jackknife variance estimation, 1989.
    """
    count = len(replicates)
    error = math.sqrt((count - 1) / count) * float(
        np.linalg.norm(np.asarray(replicates) - np.mean(replicates))
    )
    half = float(stats.t.ppf((1 + LEVEL) / 2, count - 1)) * error
    return Estimate(
        value,
        value - half,
        value + half,
        f"delete-block jackknife, {count} blocks",
        n_real,
        n_fake,
        tuple(float(r) for r in replicates),
    )


def mean_of(values: Sequence[float] | np.ndarray, n_real: int, n_fake: int) -> Estimate:
    """Mean of independent values with Student's interval."""
    array = np.asarray(values, dtype=np.float64)
    value = float(array.mean())
    if not math.isfinite(value):
        return Estimate(value, -math.inf, math.inf, "a value is not finite", n_real, n_fake)
    error = float(array.std(ddof=1)) / math.sqrt(len(array)) if len(array) > 1 else math.inf
    half = float(stats.t.ppf((1 + LEVEL) / 2, max(len(array) - 1, 1))) * error
    return Estimate(value, value - half, value + half, "Student's t", n_real, n_fake)


def proportion(successes: int, trials: int, n_real: int, n_fake: int) -> Estimate:
    """Share of successes with the Clopper–Pearson interval, which covers at least 95 %."""
    tail = (1 - LEVEL) / 2
    low = float(stats.beta.ppf(tail, successes, trials - successes + 1)) if successes else 0.0
    high = (
        float(stats.beta.ppf(1 - tail, successes + 1, trials - successes))
        if successes < trials
        else 1.0
    )
    return Estimate(successes / trials, low, high, "Clopper–Pearson", n_real, n_fake)


def difference(first: Estimate, second: Estimate) -> Estimate:
    """First − second, both jackknifed over the same blocks of the same real samples.

    Raises:
        ValueError: Not as many blocks in both, or none.
    """
    if not first.replicates or len(first.replicates) != len(second.replicates):
        raise ValueError("a difference needs two jackknifed estimates with as many blocks.")
    pairs = zip(first.replicates, second.replicates, strict=True)
    return jackknife(
        first.value - second.value, [a - b for a, b in pairs], first.n_real, first.n_fake
    )
