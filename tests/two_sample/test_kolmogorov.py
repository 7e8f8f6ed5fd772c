"""Kolmogorov–Smirnov: against a loop and exact enumeration, and what pooled coordinates do."""

from __future__ import annotations

import itertools
import math
import warnings

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats

from kit.gaussians import binomial_bounds, normal
from saddlepoint.errors import BadInput
from saddlepoint.two_sample.kolmogorov import kolmogorov_smirnov_test

Array = NDArray[np.float64]


def largest_gap(x: Array, y: Array) -> float:
    return max(abs(float((x <= t).mean() - (y <= t).mean())) for t in np.concatenate([x, y]))


def test_statistic_and_p_value_are_those_of_all_assignments() -> None:
    x, y = normal(5, 1, 0), normal(4, 1, 1, mean=1.5)
    outcome = kolmogorov_smirnov_test(x, y)
    observed = largest_gap(x.numpy()[:, 0], y.numpy()[:, 0])
    assert outcome.statistic.value == pytest.approx(observed)
    pooled = torch.cat([x, y]).numpy()[:, 0]
    gaps = [
        largest_gap(pooled[list(side)], np.delete(pooled, side))
        for side in itertools.combinations(range(9), 5)
    ]
    assert outcome.p_value == pytest.approx(float(np.mean(np.array(gaps) >= observed - 1e-12)))


def test_it_is_the_same_for_monotone_maps() -> None:
    x, y = normal(40, 1, 2), normal(30, 1, 3, mean=0.4)
    assert kolmogorov_smirnov_test(x.exp(), y.exp()) == kolmogorov_smirnov_test(x, y)


def test_the_interval_holds_the_distance_of_the_distributions() -> None:
    # sup |Φ(t) − Φ(t − θ)| = 2Φ(θ/2) − 1, at t = θ/2
    distance = 2 * stats.norm.cdf(0.4) - 1
    found = [
        kolmogorov_smirnov_test(normal(150, 1, s), normal(90, 1, 5000 + s, 0.8)).statistic
        for s in range(100)
    ]
    held = sum(each.low <= distance <= each.high for each in found)
    assert held >= stats.binom.ppf(0.001, 100, 0.95)
    half = math.sqrt(math.log(80) / 300) + math.sqrt(math.log(80) / 180)
    assert found[0].high == pytest.approx(min(1.0, found[0].value + half))


def test_many_samples_are_held_to_the_limit_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        outcome = kolmogorov_smirnov_test(normal(10_001, 1, 0), normal(10_050, 1, 1))
    # P(√(nm/(n + m)) D > x) → 2 Σ (−1)ⁿ⁻¹ exp(−2 n² x²)
    x = math.sqrt(10_001 * 10_050 / 20_051) * outcome.statistic.value
    limit = 2 * sum((-1) ** (n - 1) * math.exp(-2 * n * n * x * x) for n in range(1, 100))
    assert outcome.p_value == pytest.approx(limit, abs=0.01)


def correlated(n: int, seed: int) -> torch.Tensor:
    """Four coordinates, each nearly the same as the first."""
    return normal(n, 1, seed) + 0.3 * normal(n, 4, 70_000 + seed)


def test_several_dimensions_are_refused_and_in_one_heap_would_break_the_level() -> None:
    with pytest.raises(BadInput, match="4 dimensions"):
        kolmogorov_smirnov_test(correlated(20, 0), correlated(20, 1))
    heaped = [
        kolmogorov_smirnov_test(*(correlated(20, s).reshape(-1, 1) for s in (i, 20_000 + i)))
        for i in range(200)
    ]
    assert sum(each.p_value <= 0.05 for each in heaped) > binomial_bounds(200, 0.05)[1]
