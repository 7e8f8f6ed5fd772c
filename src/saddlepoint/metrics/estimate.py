"""A figure with its interval, and the ways in which intervals are made (torch-free).

Plain bootstraps repeat samples, which biases Fréchet distances and breaks everything that looks at
nearest neighbours; so scores of two samples use a delete-block jackknife: no sample occurs twice.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from saddlepoint.errors import BadInput

BLOCKS = 20
LEVEL = 0.95
POWER = 0.8


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
        influences: By how much the score rises with the weight of each block, half of the change
            from leaving it out to counting it twice; empty where only ``replicates`` were made.

    Example:
        >>> from saddlepoint.metrics.estimate import proportion
        >>> share = proportion(30, 40, n_real=0, n_fake=40)
        >>> print(f"{share.value} [{share.low:.2f}, {share.high:.2f}], {share.method}")
        0.75 [0.59, 0.87], Clopper–Pearson
    """

    value: float
    low: float
    high: float
    method: str
    n_real: int
    n_fake: int
    replicates: tuple[float, ...] = ()
    influences: tuple[float, ...] = ()


def blocks(n: int, count: int = BLOCKS) -> list[slice]:
    """``count`` consecutive blocks of n samples whose sizes differ by at most one.

    Raises:
        BadInput: Fewer than two samples a block.
    """
    if n < 2 * count:
        raise BadInput(
            f"an interval from {count} blocks needs at least {2 * count} samples of each kind, and "
            f"there are {n}: use more."
        )
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
    half = _quantile(len(replicates)) * _error(np.asarray(replicates))
    return Estimate(
        value,
        value - half,
        value + half,
        f"delete-block jackknife, {len(replicates)} blocks",
        n_real,
        n_fake,
        tuple(float(r) for r in replicates),
    )


def skewed_jackknife(
    value: float,
    replicates: Sequence[float],
    n_real: int,
    n_fake: int,
    influences: Sequence[float] = (),
) -> Estimate:
    """The jackknife's interval, with each end moved out as far as skewness asks.

    Where few samples carry a score, most draws hold fewer of them than they should, and then the
    value and its error are too small together: θ ± t √v ends too low. Of the blocks' influences on
    the score let s be the jackknife's error and γ the skewness. Hall's transformation of Student's
    t = (θ̂ − θ)/s,

        g(t) = t + a t²/3 + a² t³/27 + a/6,   a = γ/√B,

    is nearly free of skew and has an inverse everywhere, which gives the ends θ̂ − s g⁻¹(± t_{B−1}).
    The interval is the union of this one and of the jackknife's, so never narrower than that.

    What was not drawn at all leaves no trace: a mode of share p is missed with probability
    (1 − p)ⁿ, and then no interval from these samples can allow for it.

    Args:
        value: The score θ of all samples.
        replicates: θ₋ᵦ, as for ``jackknife``.
        n_real: Real samples.
        n_fake: Generated samples.
        influences: (θ₊ᵦ − θ₋ᵦ)/2, where θ₊ᵦ is the score with the b-th block counted twice; −θ₋ᵦ
            takes their place if there are none. They tell more where a score is curved: a lone
            sample far off may hardly change a distance by leaving, but much by coming again.

    Reference: Hall, On the removal of skewness by transformation, 1992.
    """
    plain = jackknife(value, replicates, n_real, n_fake)
    given = np.asarray(influences if len(influences) else [-r for r in plain.replicates])
    plain = replace(plain, influences=tuple(float(i) for i in influences))
    error, off = _error(given), given - given.mean()
    if not 0 < error < math.inf:
        return plain
    off = off / np.abs(off).max()
    skew = float((off**3).mean() / (off**2).mean() ** 1.5) / math.sqrt(len(off))
    quantile = _quantile(len(off))
    return replace(
        plain,
        low=min(plain.low, value - error * _unskewed(quantile, skew)),
        high=max(plain.high, value - error * _unskewed(-quantile, skew)),
        method=f"{plain.method}, widened for skewness",
    )


def _quantile(count: int) -> float:
    return float(stats.t.ppf((1 + LEVEL) / 2, count - 1))


def _error(replicates: np.ndarray) -> float:
    """The jackknife's standard error, √((B − 1)/B · Σ (θ₋ᵦ − mean θ₋)²)."""
    scale = math.sqrt((len(replicates) - 1) / len(replicates))
    return scale * float(np.linalg.norm(replicates - np.mean(replicates)))


def _unskewed(y: float, skew: float) -> float:
    """g⁻¹(y) for a = ``skew``, as g(t) = ((1 + a t/3)³ − 1)/a + a/6."""
    if abs(skew) < 1e-6:
        return y
    return float(3 / skew * (np.cbrt(1 + skew * (y - skew / 6)) - 1))


def mean_of(values: Sequence[float] | np.ndarray, n_real: int, n_fake: int) -> Estimate:
    """Mean of independent values with Student's interval."""
    array = np.asarray(values, dtype=np.float64)
    value = float(array.mean())
    if not math.isfinite(value):
        return Estimate(value, -math.inf, math.inf, "a value is not finite", n_real, n_fake)
    error = float(array.std(ddof=1)) / math.sqrt(len(array)) if len(array) > 1 else math.inf
    half = float(stats.t.ppf((1 + LEVEL) / 2, max(len(array) - 1, 1))) * error
    return Estimate(value, value - half, value + half, "Student's t", n_real, n_fake)


def mean_gap(gaps: Sequence[Estimate]) -> Estimate:
    """Mean over seeds of (candidate − control); its interval is never narrower than one seed's.

    All seeds share the control, whose error does not shrink with their number.
    """
    mean = mean_of([gap.value for gap in gaps], gaps[0].n_real, gaps[0].n_fake)
    if not math.isfinite(mean.value):  # each gap lies within its own interval, so the mean does too
        low, high = (float(np.mean([getattr(g, end) for g in gaps])) for end in ("low", "high"))
        return replace(mean, low=low, high=high)
    below = max(mean.value - mean.low, *(gap.value - gap.low for gap in gaps))
    above = max(mean.high - mean.value, *(gap.high - gap.value for gap in gaps))
    return replace(mean, low=mean.value - below, high=mean.value + above)


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


def detectable(half: float, blocks: int = BLOCKS) -> float:
    """The true difference that an interval of half width ``half`` notices in 80 % of tries.

    A difference δ is noticed with probability Φ(δ/s − z), s the standard error and z the interval's
    quantile of Student's t, so in 80 % of tries where δ = (z + 0.84) s: 1.4 times the half width.
    """
    quantile = float(stats.t.ppf((1 + LEVEL) / 2, blocks - 1))
    return half * (1 + float(stats.norm.ppf(POWER)) / quantile)


def difference(first: Estimate, second: Estimate) -> Estimate:
    """First − second, both jackknifed over the same blocks of the same real samples.

    Made as by ``skewed_jackknife``, with the influence that a block has on the difference.

    Raises:
        ValueError: Not as many blocks in both, or none.
    """
    if not first.replicates or len(first.replicates) != len(second.replicates):
        raise ValueError("a difference needs two jackknifed estimates with as many blocks.")
    without = np.subtract(first.replicates, second.replicates)
    both = len(first.influences) == len(second.influences)
    gap = np.subtract(first.influences, second.influences) if both else np.empty(0)
    return skewed_jackknife(
        first.value - second.value, without.tolist(), first.n_real, first.n_fake, gap.tolist()
    )


def independent_difference(first: Estimate, second: Estimate) -> Estimate:
    """First − second of two estimates that share no sample, from their own intervals.

    The variance of each end is recovered from the intervals (MOVER): with values v and intervals
    [l, u] the difference lies in

        [d − √((v₁ − l₁)² + (u₂ − v₂)²), d + √((u₁ − v₁)² + (v₂ − l₂)²)],   d = v₁ − v₂,

    which keeps the skewness of both and is never wider than [l₁ − u₂, u₁ − l₂]. Where a value is
    infinite, as the support of samples without duplicates is, it is that wider one.

    Raises:
        ValueError: An interval does not begin at a finite number.

    Reference: Zou & Donner, Construction of confidence limits about effect measures: a general
    approach, 2008.
    """
    if not (math.isfinite(first.low) and math.isfinite(second.low)):
        raise ValueError("a difference needs two intervals that begin at finite numbers.")
    value = first.value - second.value
    if math.isfinite(value):
        below = math.hypot(first.value - first.low, second.high - second.value)
        above = math.hypot(first.high - first.value, second.value - second.low)
        low, high = value - below, value + above
    else:
        low, high = first.low - second.high, first.high - second.low
    method = first.method if first.method == second.method else f"{first.method}; {second.method}"
    return Estimate(value, low, high, f"{method}, both combined", first.n_real, first.n_fake)
