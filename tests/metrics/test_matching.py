"""The best matching of groups with classes, against all matchings tried one by one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from saddlepoint.metrics.matching import best_matching


@pytest.mark.parametrize(("groups", "classes"), [(4, 4), (3, 5), (5, 3)])
@pytest.mark.parametrize("seed", range(3))
def test_no_other_matching_puts_more_examples_right(groups: int, classes: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    found, labels = random.integers(0, groups, 60), random.integers(0, classes, 60)
    matched = best_matching(found, labels, groups, classes)
    right = int((matched[found] == labels).sum())
    taken = matched[matched >= 0]
    assert len(set(taken)) == len(taken) == min(groups, classes)
    size = max(groups, classes)
    best = max(
        int((np.array(order)[found] == labels).sum())
        for order in itertools.permutations(range(size))
    )
    assert right == best


def test_a_majority_in_each_group_is_not_the_best_matching() -> None:
    """Two groups with the same most frequent class cannot both have it."""
    groups = np.array([0] * 10 + [1] * 10)
    labels = np.array([0] * 9 + [1] + [0] * 6 + [1] * 4)
    assert best_matching(groups, labels, 2, 2).tolist() == [0, 1]
