"""Tests between groups of trainings: what gives a p-value, and what a reason."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from saddlepoint.metrics.estimate import Estimate, detectable, jackknife, mean_gap, mean_of
from saddlepoint.metrics.group_tests import compare_groups, holm


def point(value: float) -> Estimate:
    return Estimate(value, value, value, "", 1, 1)


def test_values_that_are_not_finite_or_have_no_spread_give_a_reason() -> None:
    for a, b, reason in (
        ([math.inf, 1.0], [1.0, 2.0], "not finite"),
        ([math.nan, 1.0], [1.0, 2.0], "not finite"),
        ([2.0, 2.0], [2.0, 2.0], "no spread"),
        ([2.0, 2.0], [3.0, 3.0], "no spread"),
        ([math.inf], [1.0, 2.0], "not finite"),
        ([1.0], [2.0], "allows no difference"),
    ):
        test = compare_groups([point(v) for v in a], [point(v) for v in b])
        assert test.p_value is None, (a, b)
        assert reason in test.reason
    flat = jackknife(1.0, [1.0] * 20, 40, 40)
    assert compare_groups([flat], [flat]).reason == "the blocks have no spread."


def test_checkpoint_p_values_agree_with_their_intervals() -> None:
    random = np.random.default_rng(0)
    for shift in np.linspace(-0.4, 0.4, 41):
        base = random.normal(size=200)
        pair = []
        for offset in (0.0, shift):
            x = base + 0.5 * random.normal(size=200) + offset
            left = [np.delete(x, slice(10 * b, 10 * b + 10)).mean() for b in range(20)]
            pair.append(jackknife(x.mean(), left, 200, 200))
        test = compare_groups([pair[0]], [pair[1]])
        swapped = compare_groups([pair[1]], [pair[0]])
        assert test.difference is not None
        assert test.p_value is not None
        inside = test.difference.low <= 0 <= test.difference.high
        assert inside == (test.p_value >= 0.05)
        assert swapped.p_value == pytest.approx(test.p_value)


def test_holm_is_the_step_down_method() -> None:
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_a_difference_is_noticed_as_often_as_promised() -> None:
    error = 0.3
    half = float(stats.t.ppf(0.975, 19)) * error
    noticed = 1 - stats.norm.cdf(stats.t.ppf(0.975, 19) - detectable(half) / error)
    assert noticed == pytest.approx(0.8)


def test_the_mean_over_seeds_is_never_surer_than_one_seed() -> None:
    wide, narrow = Estimate(1, -1, 4, "", 9, 8), Estimate(1.1, 1.0, 1.2, "", 9, 8)
    gap = mean_gap([wide, narrow])
    plain = mean_of([1, 1.1], 9, 8)
    assert gap.value == pytest.approx(1.05)
    assert gap.value - gap.low == max(plain.value - plain.low, 2)
    assert gap.high - gap.value == max(plain.high - plain.value, 3)
