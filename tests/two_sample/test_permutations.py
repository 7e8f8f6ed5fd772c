"""Permutation p-values: exact with the ones, too small without."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from kit.gaussians import binomial_bounds
from saddlepoint.errors import BadInput
from saddlepoint.two_sample.permutations import (
    check_permutations,
    p_value,
    permuted_sides,
    permuted_values,
)

Array = NDArray[np.float64]


def test_p_values_count_the_observed_assignment_too() -> None:
    assert p_value(3.0, np.arange(9.0)) == (1 + 6) / 10
    assert p_value(99.0, np.arange(9.0)) == 1 / 10
    assert p_value(-1.0, np.arange(9.0)) == 1.0
    assert p_value(8 + 1e-13, np.arange(9.0), tolerance=1e-10) == 2 / 10


def test_assignments_keep_the_sizes_and_are_all_equally_likely() -> None:
    sides = np.concatenate(list(permuted_sides(2, 2, 6000, np.random.default_rng(0))))
    assert sides.shape == (6000, 4)
    assert (sides.sum(1) == 2).all()
    _, counts = np.unique(sides @ [8, 4, 2, 1], return_counts=True)
    assert len(counts) == 6
    assert np.abs(counts - 1000).max() < 4 * np.sqrt(6000 * 5 / 36)


def rejections(of: object, trials: int, permutations: int, level: float) -> int:
    """Of a test of means under the null."""
    random = np.random.default_rng(0)
    count = 0
    for _ in range(trials):
        pooled = random.normal(size=16)

        def difference(sides: Array, pooled: Array = pooled) -> Array:
            return np.asarray(sides @ pooled - (1 - sides) @ pooled)

        observed = float(difference(np.repeat([[1.0, 0.0]], 8, 1))[0])
        permuted = permuted_values(difference, 8, 8, permutations, random)
        count += of(observed, permuted) <= level  # type: ignore[operator]
    return count


def without_the_ones(observed: float, permuted: Array) -> float:
    return float((permuted >= observed).mean())


def test_the_ones_hold_the_level_and_their_lack_breaks_it() -> None:
    """At B = 20 and α = 0.05 the test rejects with probability 1/21, without the ones 2/21."""
    trials = 2000
    low, high = binomial_bounds(trials, 1 / 21)
    assert low <= rejections(p_value, trials, 20, 0.05) <= high
    assert rejections(without_the_ones, trials, 20, 0.05) > binomial_bounds(trials, 0.05)[1]


def test_so_few_permutations_that_nothing_can_be_rejected_are_refused() -> None:
    check_permutations(19)
    with pytest.raises(BadInput, match=r"at least 19 permutations.*permutations=18"):
        check_permutations(18)
