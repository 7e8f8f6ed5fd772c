"""Scores of class probabilities: closed forms, exact floors, intervals that cover."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from saddlepoint.errors import BadInput
from saddlepoint.metrics.classified import (
    _divergence,
    _ends,
    expected_modes,
    inception_type_score,
    kl_floor,
    mode_coverage,
)
from saddlepoint.metrics.estimate import blocks, jackknife

Array = NDArray[np.float64]


def one_hot(labels: Array, classes: int) -> Tensor:
    return torch.eye(classes, dtype=torch.float64)[torch.from_numpy(labels)]


def predictions(n: int, classes: int, seed: int, sure: float = 2.0) -> Tensor:
    """Softmax outputs of a classifier that is fairly sure of one class per sample."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=(n, classes))
    logits[np.arange(n), random.integers(classes, size=n)] += sure
    return torch.from_numpy(2 * logits).softmax(1)


def labels_of(counts: Array | list[int]) -> Tensor:
    return torch.repeat_interleave(torch.arange(len(counts)), torch.as_tensor(counts))


# ---------------------------------------------------------------------- inception-type score


def test_score_has_its_closed_forms() -> None:
    constant = torch.tensor([0.2, 0.5, 0.3]).repeat(50, 1)
    estimate = inception_type_score(constant)
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((1, 1, 1), abs=1e-6)
    every = inception_type_score(one_hot(np.tile(np.arange(7), 40), 7))
    assert every.value == pytest.approx(7)
    assert every.high <= 7
    # shares 3/4 and 1/4, certain: exp of the entropy of the shares
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    uneven = inception_type_score(one_hot(np.tile([0, 0, 1, 0], 25), 5))
    assert uneven.value == pytest.approx(math.exp(entropy))
    # symmetric noise: log K − H(p(y|x))
    row = np.array([0.7, 0.1, 0.1, 0.1])
    rotated = torch.from_numpy(np.stack([np.roll(row, i % 4) for i in range(80)]))
    entropy = -float((row * np.log(row)).sum())
    assert inception_type_score(rotated).value == pytest.approx(math.exp(math.log(4) - entropy))


def naive_score(p: Array) -> float:
    marginal = p.mean(0)
    total = 0.0
    for row in p:
        total += sum(a * math.log(a / b) for a, b in zip(row, marginal, strict=True) if a > 0)
    return math.exp(total / len(p))


@pytest.mark.parametrize("n", [111, 40, 9])
def test_score_and_its_replicates_equal_a_naive_loop(n: int) -> None:
    p = predictions(n, 6, 0)
    p[0] = torch.eye(6)[2]  # exact zeros
    estimate = inception_type_score(p)
    assert estimate.value == pytest.approx(naive_score(p.numpy()))
    assert (estimate.n_real, estimate.n_fake) == (0, n)
    parts = blocks(n, min(20, n // 2))
    assert len(estimate.replicates) == len(parts)
    for part, replicate in zip(parts, estimate.replicates, strict=True):
        assert replicate == pytest.approx(naive_score(np.delete(p.numpy(), part, axis=0)))
    single = inception_type_score(p.float())
    assert single.value == pytest.approx(estimate.value, rel=1e-5)


def test_score_stays_within_its_bounds() -> None:
    for seed in range(10):
        sure = one_hot(np.random.default_rng(seed).integers(4, size=60), 4)
        for p in (sure, predictions(60, 4, seed, 0.1), predictions(4, 1, seed)):
            estimate = inception_type_score(p)
            assert 1 <= estimate.low <= estimate.value + 1e-12
            assert estimate.value - 1e-12 <= estimate.high <= p.shape[1]


def test_score_is_too_low_on_average_by_the_derived_bias() -> None:
    classes, n, trials = 10, 200, 600
    random = np.random.default_rng(0)
    logs = [
        math.log(inception_type_score(one_hot(random.integers(classes, size=n), classes)).value)
        for _ in range(trials)
    ]
    error = np.std(logs) / math.sqrt(trials)
    # the next term of the entropy's bias, (K² − 1)/(12 n²), is 2e-4
    assert np.mean(logs) == pytest.approx(math.log(10) - 9 / (2 * n), abs=4 * error + 3e-4)
    p = predictions(200_000, 10, 1)
    variance = p.var(0, correction=0)
    bias = float((variance / (2 * n * p.mean(0))).sum())
    many = p.reshape(1000, n, 10)
    logs = [math.log(inception_type_score(x).value) for x in many]
    error = np.std(logs) / math.sqrt(1000)
    truth = math.log(inception_type_score(p).value)
    assert bias > 8 * error
    assert np.mean(logs) == pytest.approx(truth - bias, abs=4 * error)


@pytest.mark.parametrize("kind", ["unsure", "sure", "certain", "certain and uneven"])
def test_score_intervals_cover(kind: str) -> None:
    def draw(seed: int) -> Tensor:
        if kind in ("unsure", "sure"):
            return predictions(500, 10, seed, 1.0 if kind == "unsure" else 4.0)
        even = np.full(10, 0.1)
        shares = even if kind == "certain" else np.r_[np.full(5, 0.18), np.full(5, 0.02)]
        return one_hot(np.random.default_rng(seed).choice(10, size=500, p=shares), 10)

    expected = np.mean([inception_type_score(draw(s)).value for s in range(1000, 1600)])
    estimates = [inception_type_score(draw(s)) for s in range(200)]
    assert np.mean([each.low <= expected <= each.high for each in estimates]) >= 0.9


# ------------------------------------------------------------------------------ mode coverage


def test_counts_shares_and_divergence_by_hand() -> None:
    coverage = mode_coverage(labels_of([6, 3, 0, 1]), 4)
    expected = 0.6 * math.log(2.4) + 0.3 * math.log(1.2) + 0.1 * math.log(0.4)
    assert coverage.kl.value == pytest.approx(expected)
    assert (coverage.found.value, coverage.total) == (3, 4)
    assert (coverage.kl.n_real, coverage.kl.n_fake, coverage.found.n_fake) == (0, 10, 10)
    same = mode_coverage(one_hot(labels_of([6, 3, 0, 1]).numpy(), 4) * 0.9 + 0.025, 4)
    assert same == coverage


def test_the_reference_may_be_shares_or_counts_of_real_data() -> None:
    labels = labels_of([60, 30, 10])
    shares = torch.tensor([0.5, 0.25, 0.25])
    expected = 0.6 * math.log(1.2) + 0.3 * math.log(1.2) + 0.1 * math.log(0.4)
    coverage = mode_coverage(labels, 3, shares)
    assert coverage.kl.value == pytest.approx(expected)
    assert coverage.kl.n_real == coverage.found.n_real == 0
    counted = mode_coverage(labels, 3, torch.tensor([500, 250, 250]))
    assert counted.kl.value == pytest.approx(expected)
    assert counted.kl.n_real == counted.found.n_real == 1000
    exact = mode_coverage(labels, 3, torch.tensor([6, 3, 1]))
    assert exact.kl.value == pytest.approx(0, abs=1e-12)
    assert exact.kl.low >= 0


def test_a_class_that_the_reference_lacks() -> None:
    coverage = mode_coverage(labels_of([5, 5, 2]), 3, torch.tensor([0.5, 0.5, 0.0]))
    assert (coverage.kl.value, coverage.kl.low, coverage.kl.high) == (math.inf, math.inf, math.inf)
    assert (coverage.found.value, coverage.total) == (2, 2)
    without = mode_coverage(labels_of([5, 5, 0]), 3, torch.tensor([0.5, 0.5, 0.0]))
    assert without.kl.value == 0
    assert math.isfinite(without.kl.high)


def test_collapse_to_one_class_has_the_log_of_the_number_of_classes() -> None:
    coverage = mode_coverage(labels_of([0, 500, 0, 0]), 4)
    assert coverage.kl.value == pytest.approx(math.log(4))
    assert coverage.kl.low < coverage.kl.value <= coverage.kl.high
    assert (coverage.found.value, coverage.found.low) == (1, 1)
    assert 1 < coverage.found.high < 4  # a class of one in 500 might have been missed
    alone = mode_coverage(labels_of([30]), 1)
    assert (alone.kl.low, alone.kl.value, alone.kl.high) == (0, 0, 0)
    assert (alone.found.low, alone.found.value, alone.found.high) == (1, 1, 1)


@pytest.mark.parametrize(
    ("classes", "n", "draws"), [(10, 500, 4000), (1000, 26_000, 400)], ids=["10", "stacked digits"]
)
def test_a_perfect_sampler_has_the_derived_floor(classes: int, n: int, draws: int) -> None:
    """Mean (K − 1)/(2n) and standard deviation √((K − 1)/2)/n: .0193 ± .0009 in the second case."""
    random = np.random.default_rng(0)
    counts = random.multinomial(n, np.full(classes, 1 / classes), size=draws)
    divergences = _divergence(counts.astype(float), np.full(classes, 1 / classes))
    spread = math.sqrt((classes - 1) / 2) / n
    second = (classes**2 - 1) / (12 * n**2)
    floor = kl_floor(classes, n)
    assert divergences.mean() == pytest.approx(floor + second, abs=4 * spread / math.sqrt(draws))
    assert divergences.std() == pytest.approx(spread, rel=4 / math.sqrt(2 * draws) + 0.03)
    if classes == 1000:
        assert (round(floor + second, 4), round(spread, 4)) == (0.0193, 0.0009)
        assert divergences.mean() == pytest.approx(0.0193, abs=1e-4)


def test_expected_number_of_modes() -> None:
    random = np.random.default_rng(1)
    for shares in (np.full(50, 0.02), random.dirichlet(np.full(50, 0.3))):
        counts = random.multinomial(100, shares, size=4000)
        seen = (counts > 0).sum(1)
        error = seen.std() / math.sqrt(4000)
        assert expected_modes(shares, 100) == pytest.approx(seen.mean(), abs=4 * error)
    assert expected_modes(np.full(1000, 1e-3), 26_000) == pytest.approx(1000, abs=1e-7)
    # 2,500 samples of 1,000 classes: 1 − (1 − 1/1000)^2500 of them
    assert expected_modes(np.full(1000, 1e-3), 2500) == pytest.approx(918.02, abs=0.01)
    assert expected_modes(np.array([1.0, 0.0]), 5) == 1


def test_ends_are_those_of_the_noncentral_chi_square_of_two_classes() -> None:
    """With one degree of freedom: z ± 1.96 squared, z the root of 2n·KL, in closed form."""
    n = 1000
    floor, variance = 1 / (2 * n), 2 / (2 * n) ** 2  # of χ² with 1 degree of freedom over 2n
    for z in (4.5, 3.6):
        low, high = _ends(z**2 / (2 * n), floor, variance, 2.0, n)
        # the far tail of the folded normal adds less than 1e-5 to the probability
        assert low == pytest.approx((1 + (z - 1.959964) ** 2) / (2 * n), rel=2e-3)
        assert high == pytest.approx((1 + (z + 1.959964) ** 2) / (2 * n), rel=1e-4)
    low, high = _ends(0.5 / (2 * n), floor, variance, 2.0, n)
    assert 0 <= low < floor < high
    low, high = _ends(0.0, floor, variance, 2.0, n)
    assert low == 0
    assert high >= floor


def test_ends_far_from_the_floor_are_normal() -> None:
    """There the variance is growth · (value − floor) / n."""
    low, high = _ends(1.0, 0.001, 1e-8, 1.5, 100_000)
    half = 1.959964 * math.sqrt(1.5 / 100_000)
    assert (1.0 - low, high - 1.0) == pytest.approx((half, half), rel=0.01)


def sampler(kind: str, classes: int) -> Array:
    grid = np.arange(classes, dtype=float)
    weights = {
        "even": np.ones(classes),
        "tilted": 1 + 0.1 * np.linspace(-1, 1, classes),
        "steep": 1 + 0.5 * np.linspace(-1, 1, classes),
        "half": (grid < classes // 2).astype(float),
        "zipf": 1 / (grid + 1),
        "uneven": np.random.default_rng(9).dirichlet(np.full(classes, 0.3)),
        # nine of ten samples in one class, and rare ones of which some will be missed
        "rare": np.r_[1.0, np.full(classes - 1, 0.002)],
    }[kind]
    return weights / weights.sum()


def coverages(kind: str, classes: int, n: int, simulations: int) -> tuple[float, float, float]:
    shares, even = sampler(kind, classes), np.full(classes, 1 / classes)
    random = np.random.default_rng(0)
    fresh = _divergence(random.multinomial(n, shares, size=4000).astype(float), even)
    kl, covered, width = [], [], []
    for seed in range(simulations):
        each = mode_coverage(labels_of(random.multinomial(n, shares)), classes, seed=seed)
        kl.append(each.kl.low <= fresh.mean() <= each.kl.high)
        modes = expected_modes(shares, n)
        covered.append(each.found.low <= modes + 1e-9 and modes - 1e-9 <= each.found.high)
        width.append(each.kl.high - each.kl.low)
    widths = np.quantile(fresh, 0.975) - np.quantile(fresh, 0.025)
    return float(np.mean(kl)), float(np.mean(covered)), float(np.mean(width) / widths)


KINDS = ["even", "tilted", "steep", "half", "zipf", "uneven", "rare"]


@pytest.mark.parametrize("n", [100, 1000])
@pytest.mark.parametrize("kind", KINDS)
def test_intervals_cover_with_ten_classes(kind: str, n: int) -> None:
    kl, covered, width = coverages(kind, 10, n, 200)
    assert kl >= 0.9
    assert covered >= 0.9
    if kind in ("even", "tilted", "steep", "zipf"):  # with no class missing they are not too wide
        assert width < 1.4


@pytest.mark.slow
@pytest.mark.parametrize("n", [2500, 26_000])
@pytest.mark.parametrize("kind", KINDS)
def test_intervals_cover_with_a_thousand_classes(kind: str, n: int) -> None:
    kl, covered, width = coverages(kind, 1000, n, 200)
    assert kl >= 0.9
    assert covered >= 0.9
    assert width < 1.5


def test_the_jackknife_would_be_wrong_at_the_floor() -> None:
    """What the docstring says: its variance is about twice what it should be."""
    random = np.random.default_rng(3)
    even, n = np.full(1000, 1e-3), 26_000
    labels = random.integers(1000, size=n)
    counts = np.bincount(labels, minlength=1000).astype(float)
    without = [
        float(_divergence((counts - np.bincount(labels[part], minlength=1000))[None], even)[0])
        for part in blocks(n)
    ]
    estimate = jackknife(float(_divergence(counts[None], even)[0]), without, 0, n)
    error = (estimate.high - estimate.value) / 2.093
    # 20 blocks know the variance to a relative error of √(2/19)
    assert (error / (math.sqrt(999 / 2) / n)) ** 2 == pytest.approx(2, abs=4 * 2 * 0.33 / 2)


def test_mode_coverage_is_a_function_of_its_seed() -> None:
    labels = torch.from_numpy(np.random.default_rng(0).integers(10, size=300))
    assert mode_coverage(labels, 10, seed=4) == mode_coverage(labels, 10, seed=4)
    assert mode_coverage(labels, 10, seed=4).kl != mode_coverage(labels, 10, seed=5).kl
    state = np.random.get_state()[1].copy()  # type: ignore[union-attr]
    mode_coverage(labels, 10)
    assert (np.random.get_state()[1] == state).all()  # type: ignore[index]


def test_bad_inputs_are_refused() -> None:
    labels = labels_of([3, 3])
    with pytest.raises(BadInput, match="softmax"):
        inception_type_score(torch.randn(20, 3))
    with pytest.raises(BadInput, match="softmax"):
        inception_type_score(torch.full((20, 3), math.nan))
    with pytest.raises(BadInput, match="softmax"):
        inception_type_score(torch.full((20, 3), 0.5))
    with pytest.raises(BadInput, match="at least 4"):
        inception_type_score(torch.full((3, 2), 0.5))
    with pytest.raises(BadInput, match="run from 0 to 1, and 1 classes"):
        mode_coverage(labels, 1)
    with pytest.raises(BadInput, match="labels run from -1"):
        mode_coverage(labels - 1, 2)
    with pytest.raises(BadInput, match="probabilities of 2 classes"):
        mode_coverage(torch.full((5, 2), 0.5), 3)
    with pytest.raises(BadInput, match="as integers"):
        mode_coverage(labels.float(), 2)
    with pytest.raises(BadInput, match="at least one sample"):
        mode_coverage(labels[:0], 2)
    for reference in (torch.ones(3), torch.zeros(2), torch.tensor([1.0, -1.0])):
        with pytest.raises(BadInput, match="reference must be 2 shares"):
            mode_coverage(labels, 2, reference)
