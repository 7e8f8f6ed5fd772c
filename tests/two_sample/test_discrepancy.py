"""Discrepancies as tests: exact under the null, equal to naive loops and closed forms."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor

from kit.gaussians import normal, rejections_allowed
from saddlepoint.errors import BadInput
from saddlepoint.metrics.estimate import blocks
from saddlepoint.metrics.kernel import kernel_distance
from saddlepoint.two_sample.discrepancy import (
    _jackknifed,
    energy_test,
    mmd_cubic_test,
    mmd_test,
)
from saddlepoint.two_sample.gram import gaussian_gram
from saddlepoint.two_sample.outcome import Outcome

Array = NDArray[np.float64]


def naive_mmd(x: Array, y: Array, bandwidth: float) -> float:
    def kernel(a: Array, b: Array) -> float:
        return math.exp(-float(((a - b) ** 2).sum()) / (2 * bandwidth**2))

    n, m = len(x), len(y)
    xx = sum(kernel(x[i], x[j]) for i in range(n) for j in range(n) if i != j)
    yy = sum(kernel(y[i], y[j]) for i in range(m) for j in range(m) if i != j)
    xy = sum(kernel(a, b) for a in x for b in y)
    return xx / (n * (n - 1)) + yy / (m * (m - 1)) - 2 * xy / (n * m)


def test_mmd_equals_a_naive_loop_with_the_median_of_all_pairs() -> None:
    x, y = normal(23, 3, 0), normal(31, 3, 1, mean=0.4)
    pooled = torch.cat([x, y]).numpy()
    distances = [
        math.dist(pooled[i], pooled[j]) for i in range(len(pooled)) for j in range(i)
    ]  # 1,431 of them, so that the median is one of them
    expected = naive_mmd(x.numpy(), y.numpy(), float(np.median(distances)))
    assert mmd_test(x, y).statistic.value == pytest.approx(expected, rel=1e-9)
    expected = naive_mmd(x.numpy(), y.numpy(), 0.7)
    assert mmd_test(x, y, bandwidth=0.7).statistic.value == pytest.approx(expected, rel=1e-9)


def test_mmd_has_the_closed_form_of_gaussians_as_its_mean() -> None:
    # E k = σ/√(σ² + 2) · exp(−δ²/(2(σ² + 2))) for x − y ~ N(δ, 2), in one dimension
    sigma, shift = 1.3, 0.8
    scale = sigma / math.sqrt(sigma**2 + 2)
    expected = 2 * scale * (1 - math.exp(-(shift**2) / (2 * (sigma**2 + 2))))
    values = [
        mmd_test(normal(60, 1, s), normal(60, 1, 1000 + s, shift), 19, bandwidth=sigma).statistic
        for s in range(150)
    ]
    results = np.array([each.value for each in values])
    assert results.mean() == pytest.approx(expected, abs=4 * results.std() / math.sqrt(150))


def test_permuted_statistics_are_those_of_permuted_samples() -> None:
    """All ways of splitting 4 + 4 samples, in a loop, against the share that permutations find."""
    x, y = normal(4, 2, 2), normal(4, 2, 3, mean=2.5)
    pooled = torch.cat([x, y]).numpy()
    observed = naive_mmd(pooled[:4], pooled[4:], 1.0)
    reached = 0
    for side in itertools.combinations(range(8), 4):
        other = [i for i in range(8) if i not in side]
        reached += naive_mmd(pooled[list(side)], pooled[other], 1.0) >= observed - 1e-12
    share = reached / math.comb(8, 4)
    p_value = mmd_test(x, y, permutations=20_000, bandwidth=1.0).p_value
    assert 0 < share < 0.5
    assert p_value == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / 20_000) + 1e-4)


def test_mmd_p_values_are_uniform_under_the_null() -> None:
    trials, permutations = 400, 39
    values = np.array(
        [mmd_test(normal(12, 2, s), normal(9, 2, 10_000 + s), permutations, s).p_value
         for s in range(trials)]
    )  # fmt: skip
    steps = values * (permutations + 1)
    assert np.allclose(steps, steps.round())
    assert steps.min() == pytest.approx(1)
    # with a uniform number inside each step, exact p-values are uniform
    smooth = values - np.random.default_rng(0).random(trials) / (permutations + 1)
    assert stats.kstest(smooth, "uniform").pvalue > 0.01
    assert (values <= 0.05).sum() <= rejections_allowed(trials)


@pytest.mark.slow
def test_mmd_type_one_error_in_a_thousand_trials() -> None:
    tests = [mmd_test(normal(40, 5, s), normal(40, 5, 9999 + s), 99, s) for s in range(1000)]
    assert rejections_allowed(1000) == 67
    assert sum(each.p_value <= 0.05 for each in tests) <= 67


def test_mmd_sees_a_shift_and_a_narrowing() -> None:
    shifted = [mmd_test(normal(100, 10, s), normal(100, 10, 500 + s, 0.3), 99) for s in range(20)]
    assert sum(each.p_value <= 0.05 for each in shifted) >= 18
    narrow = [
        mmd_test(normal(100, 10, s), normal(100, 10, 500 + s, std=0.7), 99) for s in range(20)
    ]
    assert sum(each.p_value <= 0.05 for each in narrow) >= 18


def test_mmd_does_not_depend_on_place_and_scale() -> None:
    x, y = normal(60, 3, 4), normal(50, 3, 5, mean=0.3)
    plain = mmd_test(x, y, seed=2)
    moved = mmd_test(1e4 + 1e-3 * x, 1e4 + 1e-3 * y, seed=2)
    assert moved.statistic.value == pytest.approx(plain.statistic.value, rel=1e-6)
    assert moved.p_value == plain.p_value
    huge = mmd_test(1e200 * x, 1e200 * y, seed=2)
    assert huge.statistic.value == pytest.approx(plain.statistic.value, rel=1e-9)
    assert mmd_test(10 * x, 10 * y, bandwidth=10.0).statistic.value == pytest.approx(
        mmd_test(x, y, bandwidth=1.0).statistic.value, rel=1e-9
    )


def test_mmd_with_ties_and_constant_features() -> None:
    constant = torch.full((20, 3), 2.5)
    same = mmd_test(constant, constant)
    assert (same.statistic.value, same.p_value) == (pytest.approx(0, abs=1e-12), 1.0)
    # most pairs coincide: the median distance is 0, the root mean square is not
    x = torch.cat([torch.zeros(18, 1), torch.ones(2, 1)])
    y = torch.cat([torch.zeros(15, 1), torch.ones(5, 1)])
    square = 2 * 7 * 33 / (40 * 39)
    test = mmd_test(x, y)
    expected = naive_mmd(x.numpy(), y.numpy(), math.sqrt(square))
    assert test.statistic.value == pytest.approx(expected, rel=1e-9)
    # 7 ones fall 2 to 5, 5 to 2 or further apart: the ties of the observed split count
    share = float(2 * stats.hypergeom.cdf(2, 40, 20, 7))
    assert test.p_value == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / 500))
    integers = torch.from_numpy(np.random.default_rng(0).integers(0, 2, size=(60, 4)))
    assert 0 < mmd_test(integers[:30], integers[30:]).p_value <= 1


def test_mmd_of_many_samples_uses_a_seeded_subset() -> None:
    x, y = normal(300, 2, 6), normal(200, 2, 7)
    first = mmd_test(x, y, limit=50, seed=1)
    assert (first.statistic.n_real, first.statistic.n_fake) == (50, 50)
    assert first == mmd_test(x, y, limit=50, seed=1)
    assert first.statistic.value != mmd_test(x, y, limit=50, seed=2).statistic.value
    whole = mmd_test(x, y).statistic
    assert (whole.n_real, whole.n_fake) == (300, 200)


@pytest.mark.parametrize("sizes", [(67, 93), (40, 40), (4, 5)])
def test_mmd_interval_is_made_of_the_naive_leave_one_out_values(sizes: tuple[int, int]) -> None:
    n, m = sizes
    x, y = normal(n, 2, 8), normal(m, 2, 9, mean=0.5)
    value, replicates = _jackknifed(gaussian_gram(torch.cat([x, y]), 0.9), n, m)
    assert value == pytest.approx(naive_mmd(x.numpy(), y.numpy(), 0.9), abs=1e-12)
    count = min(20, n // 2, m // 2)
    for b, replicate in enumerate(replicates):
        left = [np.delete(z.numpy(), blocks(len(z), count)[b], axis=0) for z in (x, y)]
        assert replicate == pytest.approx(naive_mmd(left[0], left[1], 0.9), abs=1e-12)


def test_mmd_interval_adds_the_variances_of_blocks_and_of_permutations() -> None:
    x, y = normal(80, 2, 12), normal(70, 2, 22, mean=0.05)
    pooled = torch.cat([x, y])
    value, replicates = _jackknifed(gaussian_gram(pooled, 1.1), 80, 70)
    blockwise = 19 / 20 * float(((np.array(replicates) - np.mean(replicates)) ** 2).sum())
    random = np.random.default_rng(0)
    permuted = [
        _jackknifed(gaussian_gram(pooled[random.permutation(150)], 1.1), 80, 70)[0]
        for _ in range(400)
    ]
    half = stats.t.ppf(0.975, 19) * math.sqrt(blockwise + np.var(permuted))
    estimate = mmd_test(x, y, permutations=2000, bandwidth=1.1).statistic
    assert estimate.high - value == pytest.approx(half, rel=0.06)
    assert value - estimate.low == pytest.approx(half, rel=0.06)
    assert 1 / 7 < blockwise / np.var(permuted) < 7  # so that the lack of either would show


def coverage(n: int, shift: float, simulations: int) -> float:
    def draw(seed: int) -> Tensor:
        return normal(n, 2, seed)

    fresh = [
        mmd_test(draw(s), draw(50_000 + s) + shift, 19).statistic.value for s in range(1000, 2000)
    ]
    expected = float(np.mean(fresh))
    estimates = [
        mmd_test(draw(s), draw(70_000 + s) + shift, 99).statistic for s in range(simulations)
    ]
    return float(np.mean([each.low <= expected <= each.high for each in estimates]))


@pytest.mark.slow
@pytest.mark.parametrize("shift", [0.0, 0.1, 0.2, 0.5])
def test_mmd_intervals_cover(shift: float) -> None:
    assert coverage(200, shift, 200) >= 0.9


# ------------------------------------------------------------------ energy and cubic kernel


def mean_distance(shift: float) -> float:
    """E|x − y| for x − y ~ N(shift, 2)."""
    s = math.sqrt(2)
    inner = s * math.sqrt(2 / math.pi) * math.exp(-(shift**2) / (2 * s * s))
    return inner + shift * (1 - 2 * float(stats.norm.cdf(-shift / s)))


def test_energy_has_the_closed_form_of_gaussians_as_its_mean() -> None:
    values = np.array(
        [energy_test(normal(40, 1, s), normal(30, 1, 999 + s, 0.8), 19).statistic.value
         for s in range(150)]
    )  # fmt: skip
    expected = 2 * (mean_distance(0.8) - mean_distance(0))
    assert values.mean() == pytest.approx(expected, abs=4 * values.std() / math.sqrt(150))


def test_energy_has_the_unit_of_the_features() -> None:
    x, y = normal(40, 3, 0), normal(30, 3, 1, mean=0.4)
    plain, large = energy_test(x, y, seed=1), energy_test(1e3 * x + 7, 1e3 * y + 7, seed=1)
    assert large.statistic.value == pytest.approx(1e3 * plain.statistic.value, rel=1e-6)
    assert large.p_value == plain.p_value


def test_the_cubic_test_is_the_kernel_distance_with_a_p_value() -> None:
    x, y = normal(50, 4, 0), normal(60, 4, 1, mean=0.6)
    outcome = mmd_cubic_test(x, y)
    assert outcome.statistic.value == pytest.approx(kernel_distance(x, y), rel=1e-9)
    assert outcome.p_value == 1 / 501


def test_the_cubic_kernel_is_blind_to_what_leaves_three_moments_as_they_are() -> None:
    """±1, each with probability 1/2, has mean 0, variance 1 and third moment 0, as N(0, 1) has."""
    random = np.random.default_rng(0)
    cubic = gaussian = 0
    for s in range(40):
        x, y = normal(120, 1, s), torch.from_numpy(random.choice([-1.0, 1.0], size=(120, 1)))
        cubic += mmd_cubic_test(x, y, 39, s).p_value <= 0.05
        gaussian += mmd_test(x, y, 39, s, bandwidth=0.5).p_value <= 0.05
    assert gaussian == 40
    assert cubic <= 8


@pytest.mark.parametrize("test", [energy_test, mmd_cubic_test])
def test_permuted_statistics_with_ties_count_as_reached(test: Callable[..., Outcome]) -> None:
    constant = torch.full((20, 3), 2.5)
    assert test(constant, constant).p_value == 1.0
    # of 7 ones among 40, dealt 2 to 5, as many or more unequal deals reach the statistic
    x = torch.cat([torch.zeros(18, 1), torch.ones(2, 1)])
    y = torch.cat([torch.zeros(15, 1), torch.ones(5, 1)])
    share = float(2 * stats.hypergeom.cdf(2, 40, 20, 7))
    assert test(x, y).p_value == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / 500))


def test_kernel_values_that_overflow_are_refused() -> None:
    x = 1e80 * normal(20, 2, 0)
    with pytest.raises(BadInput, match="divide the features"):
        mmd_cubic_test(x, x)
    assert 0 < energy_test(x, 2 * x).p_value <= 1
