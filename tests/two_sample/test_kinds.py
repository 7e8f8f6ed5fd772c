"""All tests of the registry: valid, never sure, and refusing what they cannot compare."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats

from kit.gaussians import binomial_bounds, nearer_mean, normal, three_nearest
from saddlepoint.errors import BadInput
from saddlepoint.two_sample.kinds import TWO_SAMPLE_TESTS, TwoSampleTest, two_sample_test
from saddlepoint.two_sample.learned import classifier_test

Array = NDArray[np.float64]

ALL = pytest.mark.parametrize("entry", TWO_SAMPLE_TESTS.values(), ids=lambda e: e.name)
# What makes a test quick: few permutations, and a classifier that learns two means.
QUICK: dict[str, Any] = {"permutations": 19, "classifier": nearer_mean}


def width(entry: TwoSampleTest) -> int:
    return 1 if entry.one_dimensional else 2


def chosen(entry: TwoSampleTest, options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name in entry.options}


def null_p_values(
    entry: TwoSampleTest, trials: int, n: int, m: int, options: dict[str, Any]
) -> Array:
    d, own = width(entry), chosen(entry, options)
    pairs = ((normal(n, d, s), normal(m, d, 100_000 + s), s) for s in range(trials))
    return np.array([two_sample_test(x, y, entry.name, s, **own).p_value for x, y, s in pairs])


# Tests whose p-values have steps so fine that they reject exactly as often as they say.
EXACT = {"mmd", "mmd_cubic", "energy"}


@ALL
def test_the_type_one_error_is_within_its_binomial_bounds(entry: TwoSampleTest) -> None:
    trials = 400
    values = null_p_values(entry, trials, 14, 11, QUICK)
    assert values.min() > 0
    assert values.max() <= 1
    for level in (0.05, 0.25):
        low, high = binomial_bounds(trials, level)
        rejections = int((values <= level).sum())
        assert rejections <= high
        if entry.name in EXACT:
            assert rejections >= low
        else:  # statistics of few values cannot use the level up, but they do use most of it
            assert rejections >= binomial_bounds(trials, level / 5)[0]


@pytest.mark.slow
@ALL
def test_the_type_one_error_of_the_tests_as_they_are(entry: TwoSampleTest) -> None:
    trials = 2000
    values = null_p_values(entry, trials, 40, 40, {"permutations": 99})
    for level in (0.01, 0.05, 0.25):
        assert (values <= level).sum() <= binomial_bounds(trials, level)[1]
    smallest = 1 if entry.name in EXACT else 0
    assert (values <= 0.05).sum() >= smallest * binomial_bounds(trials, 0.05)[0]


def test_an_exact_level_of_ranks_is_met() -> None:
    """Kolmogorov and Smirnov reject with the probability of the smallest gap that is significant.

    For n = m, P(D ≥ k/n) = 2 Σ (−1)ⁱ⁺¹ C(2n, n − ik) / C(2n, n), i = 1, 2, ...: by reflection of
    the walk that steps up for the one side and down for the other.
    """
    n = 14

    def reached(k: int) -> float:
        terms = ((-1) ** (i + 1) * math.comb(2 * n, n - i * k) for i in range(1, n // k + 1))
        return 2 * sum(terms) / math.comb(2 * n, n)

    attained = max(p for p in map(reached, range(1, n + 1)) if p <= 0.05)
    values = null_p_values(TWO_SAMPLE_TESTS["kolmogorov_smirnov"], 400, n, n, {})
    low, high = binomial_bounds(400, attained)
    assert attained > 0.01
    assert low <= (values <= 0.05).sum() <= high
    assert {round(p, 9) for p in values} <= {round(reached(k), 9) for k in range(1, n + 1)}


def memoriser(x: Array, y: Array) -> float:
    """The p-value of a classifier on the samples that it was trained on: wrong."""
    both, labels = np.concatenate([x, y]), np.repeat([1, 0], [len(x), len(y)])
    called = three_nearest(both, labels, both)
    right = int(((called == 1) & (labels == 1)).sum())
    return float(stats.hypergeom.sf(right - 1, len(both), len(x), int(called.sum())))


def test_a_classifier_judged_where_it_was_trained_breaks_the_level() -> None:
    trials = 200
    wrong = [memoriser(normal(30, 2, s).numpy(), normal(30, 2, 9000 + s).numpy()) <= 0.05
             for s in range(trials)]  # fmt: skip
    right = [
        classifier_test(normal(30, 2, s), normal(30, 2, 9000 + s), s, three_nearest).p_value <= 0.05
        for s in range(trials)
    ]
    assert sum(right) <= binomial_bounds(trials, 0.05)[1] < sum(wrong)


@ALL
def test_samples_that_lie_apart_are_told_and_the_p_value_is_not_zero(entry: TwoSampleTest) -> None:
    """Where no permutation limits it, it is below 1e-900, too small for a number."""
    random = np.random.default_rng(0)
    n = 100 if "permutations" in entry.options else 3000
    real, fake = (random.normal(place, size=(n, width(entry))) for place in (0, 30))
    outcome = two_sample_test(real, fake, entry.name, **chosen(entry, QUICK))
    smallest = 1 / 20 if "permutations" in entry.options else sys.float_info.min
    assert outcome.p_value == smallest
    assert outcome.statistic.low <= outcome.statistic.value <= outcome.statistic.high
    assert (outcome.statistic.n_real, outcome.statistic.n_fake) == (n, n)


@ALL
def test_numbers_arrays_and_tensors_are_the_same_samples(entry: TwoSampleTest) -> None:
    x, y = normal(20, 1, 0).numpy(), normal(24, 1, 1, mean=0.5).numpy()
    outcome = two_sample_test(x, y, entry.name, seed=3)
    assert two_sample_test(x[:, 0], y[:, 0].tolist(), entry.name, seed=3) == outcome
    tensors = (torch.from_numpy(x).requires_grad_(), torch.from_numpy(y))
    assert two_sample_test(*tensors, entry.name, seed=3) == outcome
    counts = two_sample_test(np.arange(8), np.arange(8, dtype=np.uint8), entry.name)
    assert counts.p_value > 0.05


@ALL
def test_an_entry_says_what_it_is(entry: TwoSampleTest) -> None:
    assert TWO_SAMPLE_TESTS[entry.name] is entry
    assert entry.seeded == ("permutations" in entry.options or "classifier" in entry.options)
    for text in (entry.equation, entry.null, entry.sees, entry.blind, entry.paper):
        assert len(text) > 10
        assert not text.endswith(".")


Bad = Callable[[Array], Any]


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (lambda x: np.where(x > 0, math.nan, x), "not all finite"),
        (lambda x: np.where(x > 0, math.inf, x), "not all finite"),
        (lambda x: x[:0], "at least 4"),
        (lambda x: x[:3], "at least 4"),
        (lambda x: np.concatenate([x, x], 1), "same d"),
        (lambda x: x[:, :0], "same d"),
        (lambda x: x[:, :, None], "flatten images"),
        (lambda x: x.astype(str), "no real numbers"),
        (lambda x: x + 1j, "no real numbers"),
        (lambda x: torch.from_numpy(x + 1j), "complex"),
        (lambda x: [[1.0], [1.0, 2.0]], "different lengths"),
        (lambda x: None, "no real numbers"),
    ],
)
@ALL
def test_what_cannot_be_compared_is_refused(entry: TwoSampleTest, bad: Bad, why: str) -> None:
    x = normal(12, width(entry), 0).numpy()
    with pytest.raises(BadInput, match=why):
        two_sample_test(x, bad(x), entry.name)
    with pytest.raises(BadInput, match=why):
        two_sample_test(bad(x), x, entry.name)


def test_names_and_options_that_are_not_there_are_refused() -> None:
    x = normal(12, 1, 0)
    with pytest.raises(BadInput, match=r"no two-sample test 'enery'.*Did you mean 'energy'"):
        two_sample_test(x, x, "enery")
    with pytest.raises(BadInput, match=r"no option 'permutation'.*Did you mean 'permutations'"):
        two_sample_test(x, x, permutation=99)
    with pytest.raises(BadInput, match="only none"):
        two_sample_test(x, x, "kolmogorov_smirnov", permutations=99)
    with pytest.raises(BadInput, match="positive bandwidth"):
        two_sample_test(x, x, bandwidth=-1.0)
    for test in ("mmd", "mmd_cubic", "energy", "nearest_neighbour"):
        with pytest.raises(BadInput, match="at least 19 permutations"):
            two_sample_test(x, x, test, permutations=18)
