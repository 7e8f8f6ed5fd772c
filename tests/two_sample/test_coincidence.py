"""Nearest neighbours as a test: against a loop, its mean over assignments, ties."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from kit.gaussians import binomial_bounds, normal
from saddlepoint.errors import BadInput
from saddlepoint.two_sample.coincidence import nearest_neighbour_test

Array = NDArray[np.float64]


def coincidences(pooled: Array, first: tuple[int, ...], k: int) -> float:
    """The share of same-sided neighbours, in a loop."""
    same = 0
    for i in range(len(pooled)):
        others = [j for j in range(len(pooled)) if j != i]
        others.sort(key=lambda j: math.dist(pooled[i], pooled[j]))
        same += sum((i in first) == (j in first) for j in others[:k])
    return same / (len(pooled) * k)


@pytest.mark.parametrize("k", [1, 3])
def test_statistic_mean_and_p_value_are_those_of_all_assignments(k: int) -> None:
    n, m = 5, 4
    x, y = normal(n, 2, 2), normal(m, 2, 3, mean=2.0 if k == 3 else 3.0)
    outcome = nearest_neighbour_test(x, y, permutations=20_000, neighbours=k)
    pooled = torch.cat([x, y]).numpy()
    observed = coincidences(pooled, tuple(range(n)), k)
    assert outcome.statistic.value == pytest.approx(observed)
    values = np.array([coincidences(pooled, s, k) for s in itertools.combinations(range(9), n)])
    assert values.mean() == pytest.approx((n * (n - 1) + m * (m - 1)) / (9 * 8))
    share = float((values >= observed - 1e-12).mean())
    assert 0 < share < 0.5
    error = 4 * math.sqrt(share * (1 - share) / 20_000)
    assert outcome.p_value == pytest.approx(share, abs=error + 1e-4)


def test_apart_is_one_and_mixed_is_a_half() -> None:
    x, y = normal(100, 3, 0), normal(100, 3, 1)
    apart = nearest_neighbour_test(x, y + 100)
    assert (apart.statistic.value, apart.p_value) == (1.0, 1 / 501)
    assert nearest_neighbour_test(x, y).statistic.value == pytest.approx(0.5, abs=0.1)


def test_equally_near_samples_do_not_know_their_side() -> None:
    """Of two values there are many nearest neighbours each; taken in order they would tell."""
    trials = 300
    count = 0
    for s in range(trials):
        random = np.random.default_rng(s)
        x, y = (torch.from_numpy(random.integers(0, 2, size=(12, 1))) for _ in range(2))
        count += nearest_neighbour_test(x, y, 19, s).p_value <= 0.05
    assert count <= binomial_bounds(trials, 0.05)[1]


def test_neighbours_among_equal_samples_are_drawn_from_all_of_them() -> None:
    """Then the statistic has the mean that it has over all assignments."""
    n, m = 24, 6
    x = torch.ones(n, 2)
    outcomes = [nearest_neighbour_test(x, x[:m], 19, s) for s in range(200)]
    values = np.array([each.statistic.value for each in outcomes])
    expected = (n * (n - 1) + m * (m - 1)) / ((n + m) * (n + m - 1))
    assert values.std() > 0
    assert values.mean() == pytest.approx(expected, abs=4 * values.std() / math.sqrt(200))
    assert sum(each.p_value <= 0.05 for each in outcomes) <= binomial_bounds(200, 0.05)[1]


def test_it_repeats_itself_and_draws_of_many() -> None:
    x, y = normal(80, 2, 0), normal(60, 2, 1)
    assert nearest_neighbour_test(x, y, seed=3) == nearest_neighbour_test(x, y, seed=3)
    few = nearest_neighbour_test(x, y, limit=20).statistic
    assert (few.n_real, few.n_fake) == (20, 20)


@pytest.mark.parametrize("neighbours", [0, 7])
def test_neighbours_that_are_not_there_are_refused(neighbours: int) -> None:
    x = normal(4, 2, 0)
    with pytest.raises(BadInput, match=rf"has 7 others.*neighbours={neighbours}"):
        nearest_neighbour_test(x, x, neighbours=neighbours)
