"""The classifier test: exact under the null, powerful against what generators get wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor

from kit.gaussians import normal, rejections_allowed
from saddlepoint.two_sample.learned import Classifier, classifier_test, logistic, neighbours

Array = NDArray[np.float64]


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
