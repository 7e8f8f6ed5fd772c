"""Two-sample tests: exact under the null, powerful against what generators get wrong."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor

from saddlepoint.errors import BadInput
from saddlepoint.metrics.estimate import blocks
from saddlepoint.metrics.two_sample import (
    Classifier,
    _gram,
    _jackknifed,
    classifier_test,
    logistic,
    mmd_test,
    neighbours,
)

Array = NDArray[np.float64]


def normal(n: int, d: int, seed: int, mean: float = 0.0, std: float = 1.0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(mean, std, size=(n, d)))


def naive_mmd(x: Array, y: Array, bandwidth: float) -> float:
    def kernel(a: Array, b: Array) -> float:
        return math.exp(-float(((a - b) ** 2).sum()) / (2 * bandwidth**2))

    n, m = len(x), len(y)
    xx = sum(kernel(x[i], x[j]) for i in range(n) for j in range(n) if i != j)
    yy = sum(kernel(y[i], y[j]) for i in range(m) for j in range(m) if i != j)
    xy = sum(kernel(a, b) for a in x for b in y)
    return xx / (n * (n - 1)) + yy / (m * (m - 1)) - 2 * xy / (n * m)


def rejections_allowed(trials: int, level: float = 0.05) -> int:
    """Of a test whose type-I error is the level, 99 % of experiments have at most so many."""
    return int(stats.binom.ppf(0.99, trials, level))


# ---------------------------------------------------------------------------- kernel test


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
    value, replicates = _jackknifed(_gram(torch.cat([x, y]), 0.9), n, m)
    assert value == pytest.approx(naive_mmd(x.numpy(), y.numpy(), 0.9), abs=1e-12)
    count = min(20, n // 2, m // 2)
    for b, replicate in enumerate(replicates):
        left = [np.delete(z.numpy(), blocks(len(z), count)[b], axis=0) for z in (x, y)]
        assert replicate == pytest.approx(naive_mmd(left[0], left[1], 0.9), abs=1e-12)


def test_mmd_interval_adds_the_variances_of_blocks_and_of_permutations() -> None:
    x, y = normal(80, 2, 12), normal(70, 2, 22, mean=0.05)
    pooled = torch.cat([x, y])
    value, replicates = _jackknifed(_gram(pooled, 1.1), 80, 70)
    blockwise = 19 / 20 * float(((np.array(replicates) - np.mean(replicates)) ** 2).sum())
    random = np.random.default_rng(0)
    permuted = [
        _jackknifed(_gram(pooled[random.permutation(150)], 1.1), 80, 70)[0] for _ in range(400)
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


# ------------------------------------------------------------------------ classifier test


@pytest.mark.parametrize("classifier", [logistic, neighbours])
def test_classifier_test_under_the_null_and_with_power(classifier: Classifier) -> None:
    trials = 60
    null = [
        classifier_test(normal(60, 4, s), normal(60, 4, 9000 + s), s, classifier)
        for s in range(trials)
    ]
    assert sum(each.p_value <= 0.05 for each in null) <= rejections_allowed(trials)
    accuracy = np.array([each.statistic.value for each in null])
    assert accuracy.mean() == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(60 * trials))
    shifted = classifier_test(normal(400, 4, 1), normal(400, 4, 2, 0.5), 0, classifier)
    assert shifted.p_value < 1e-4
    # the best rule separates N(0, I) from N(δ, I) with accuracy Φ(‖δ‖/2)
    best = stats.norm.cdf(0.5 * 2 / 2)
    assert 0.6 < shifted.statistic.value < best + 4 * 0.5 / math.sqrt(400)
    assert shifted.statistic.low < best


@pytest.mark.slow
@pytest.mark.parametrize("classifier", [logistic, neighbours])
def test_classifier_type_one_error_in_a_thousand_trials(classifier: Classifier) -> None:
    tests = [
        classifier_test(normal(50, 3, s), normal(50, 3, 9999 + s), s, classifier)
        for s in range(1000)
    ]
    assert sum(each.p_value <= 0.05 for each in tests) <= 67


def coin(share: float) -> Classifier:
    """A classifier that has learnt nothing and calls each sample real with this probability."""

    def classify(train: Array, labels: Array, test: Array) -> Array:
        random = np.random.default_rng(abs(hash(float(test[0, 0]))) % 2**32)
        return (random.random(len(test)) < share).astype(int)

    return classify


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_classifier_p_values_are_exact_for_whatever_classifier(share: float) -> None:
    trials = 4000
    values = np.array(
        [classifier_test(normal(24, 1, s), normal(24, 1, 99_999 + s), s, coin(share)).p_value
         for s in range(trials)]
    )  # fmt: skip
    for level in (0.01, 0.05, 0.2):
        assert (values <= level).sum() <= rejections_allowed(trials, level)
    assert 0.2 < np.mean(values <= 0.5) <= 0.5 + 3 * 0.5 / math.sqrt(trials)


def test_classifier_p_value_is_the_share_of_relabellings_that_do_as_well() -> None:
    x, y = normal(40, 2, 1), normal(40, 2, 2, 0.4)
    seen: dict[str, Array] = {}

    def remember(train: Array, labels: Array, test: Array) -> Array:
        seen["called"] = logistic(train, labels, test)
        return seen["called"]

    outcome = classifier_test(x, y, 3, remember)
    truth = np.repeat([1, 0], 20)
    assert outcome.statistic.value == pytest.approx((seen["called"] == truth).mean())
    random = np.random.default_rng(0)
    shuffled = random.permuted(truth[None].repeat(40_000, 0), axis=1)
    share = ((shuffled == seen["called"]).mean(1) >= outcome.statistic.value - 1e-12).mean()
    assert 0 < share < 0.5
    assert outcome.p_value == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / 40_000))


@pytest.mark.parametrize(("right", "rejects"), [(520, False), (532, True), (480, False)])
def test_with_a_thousand_test_samples_the_line_is_near_the_normal_one(
    right: int, rejects: bool
) -> None:
    """The normal approximation rejects above 1/2 + 1.645 · √(1 / 4000) = 0.526."""
    called = np.repeat([1, 0, 0, 1], [right // 2, 500 - right // 2, right // 2, 500 - right // 2])

    def fixed(train: Array, labels: Array, test: Array) -> Array:
        return called

    outcome = classifier_test(normal(1000, 1, 0), normal(1000, 1, 1), 0, fixed)
    assert outcome.statistic.value == right / 1000
    assert (outcome.p_value <= 0.05) == rejects
    # a normal tail with the continuity correction of steps of two
    z = (right - 1 - 500) / math.sqrt(500**2 / 999)
    assert outcome.p_value == pytest.approx(float(stats.norm.sf(z)), abs=2e-3)
    clopper = stats.binomtest(right, 1000).proportion_ci(0.95, "exact")
    assert (outcome.statistic.low, outcome.statistic.high) == pytest.approx(
        (clopper.low, clopper.high)
    )


def test_halves_are_disjoint_balanced_and_seeded() -> None:
    x = torch.arange(100.0)[:, None]
    y = 1000 + torch.arange(61.0)[:, None]
    parts: dict[int, tuple[Array, Array, Array]] = {}

    for seed in (0, 1):

        def remember(train: Array, labels: Array, test: Array, seed: int = seed) -> Array:
            parts[seed] = (train, labels, test)
            return (test[:, 0] < 500).astype(int)

        outcome = classifier_test(x, y, seed, remember)
        assert (outcome.statistic.value, outcome.statistic.high) == (1.0, 1.0)
        assert (outcome.statistic.n_real, outcome.statistic.n_fake) == (61, 61)
        # all right: only one of the ways of labelling does as well
        assert outcome.p_value == pytest.approx(1 / math.comb(62, 31))
        train, labels, test = parts[seed]
        assert ((train[:, 0] < 500) == (labels == 1)).all()
        assert (len(train), len(test), labels.sum()) == (60, 62, 30)
        assert len(np.unique(np.concatenate([train, test]))) == 122
    assert not np.array_equal(np.sort(parts[0][2], 0), np.sort(parts[1][2], 0))
    few = classifier_test(x, y, 0, neighbours, limit=20).statistic
    assert (few.n_real, few.n_fake) == (20, 20)


def test_classifier_test_repeats_itself() -> None:
    x, y = normal(80, 3, 0), normal(80, 3, 1)
    assert classifier_test(x, y, 5) == classifier_test(x, y, 5)
    assert classifier_test(x, y, 5) != classifier_test(x, y, 6)


# What a generator may get wrong while every coordinate's mean is right.
def narrow(n: int, d: int, seed: int) -> Tensor:
    x = normal(n, d, seed)
    x[:, 0] *= 0.4
    return x


def uncorrelated_or_not(n: int, d: int, seed: int, correlated: bool) -> Tensor:
    x = normal(n, d, seed)
    if correlated:
        x[:, 1::2] = 0.8 * x[:, ::2] + 0.6 * x[:, 1::2]
    return x


def test_the_default_classifier_sees_spread_and_correlation_in_many_dimensions() -> None:
    test = classifier_test(normal(700, 60, 0), narrow(700, 60, 1))
    assert test.p_value < 1e-3
    test = classifier_test(
        uncorrelated_or_not(700, 60, 0, True), uncorrelated_or_not(700, 60, 1, False)
    )
    assert test.p_value < 1e-6


def test_the_default_classifier_keeps_its_power_with_as_many_features_as_samples() -> None:
    real, fake = normal(600, 500, 0), normal(600, 500, 1)
    fake[:, :20] += 0.25  # ‖δ‖ = 1.1
    assert classifier_test(real, fake).p_value < 1e-3
    more_features_than_samples = [torch.cat([x, x[:, :300] ** 2], 1)[:300] for x in (real, fake)]
    estimate = classifier_test(*more_features_than_samples).statistic
    assert 0.45 < estimate.value <= 1


@pytest.mark.parametrize("classifier", [logistic, neighbours])
def test_classifiers_take_constant_tied_and_single_features(classifier: Classifier) -> None:
    x, y = normal(60, 3, 0), normal(60, 3, 1, 2.0)
    wide = [torch.cat([z, torch.full((60, 2), 0.1), z[:, :1]], 1) for z in (x, y)]
    assert classifier_test(*wide, 0, classifier).p_value < 0.05
    same = classifier_test(torch.full((40, 2), 7.0), torch.full((40, 2), 7.0), 0, classifier)
    assert same.p_value == 1.0
    assert same.statistic.value == 0.5
    assert classifier_test(x[:, :1], y[:, :1], 0, classifier).p_value < 0.05
    assert 0 < classifier_test(x[:4], y[:4], 0, classifier).p_value <= 1


def test_the_scale_and_place_of_features_do_not_matter_to_the_classifier() -> None:
    x, y = normal(200, 3, 0), normal(200, 3, 1, 0.3)
    factor, place = torch.tensor([1e-3, 1.0, 1e3]), torch.tensor([5.0, -2.0, 1e4])
    plain = classifier_test(x, y)
    assert classifier_test(x * factor + place, y * factor + place) == plain


def test_bad_features_are_refused() -> None:
    x = normal(20, 2, 0)
    broken = x.clone()
    broken[3, 1] = math.nan
    for test in (classifier_test, mmd_test):
        with pytest.raises(BadInput, match="not all finite"):
            test(x, broken)
        with pytest.raises(BadInput, match="same d"):
            test(x, x[:, :1])
        with pytest.raises(BadInput, match="same d"):
            test(x[:, 0], x[:, 0])
        with pytest.raises(BadInput, match="at least 4"):
            test(x, x[:3])
    with pytest.raises(BadInput, match="at least 19 permutations"):
        mmd_test(x, x, permutations=10)
    with pytest.raises(BadInput, match="positive bandwidth"):
        mmd_test(x, x, bandwidth=0.0)
