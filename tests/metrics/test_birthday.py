"""Effective support against discrete distributions, where everything is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from saddlepoint.errors import BadInput
from saddlepoint.metrics import birthday, neighbours
from saddlepoint.metrics.birthday import (
    closest_pairs,
    count_within,
    duplicate_threshold,
    support_estimate,
)


def normal(n: int, d: int, seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=generator, dtype=torch.float64).to(dtype)


def draw(points: Tensor, weights: Tensor, n: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return points[torch.multinomial(weights, n, replacement=True, generator=generator)]


@pytest.fixture(params=[False, True], ids=["one tile", "many tiles"])
def tiles(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param:
        monkeypatch.setattr(neighbours, "TILE", 29)


def distances(x: Tensor) -> np.ndarray:
    a = x.double().numpy()
    return np.sqrt(((a[:, None] - a[None]) ** 2).sum(2))


def wide_gap(sorted_distances: np.ndarray, near: int) -> float:
    """The middle of the widest gap near a rank, so that no rounding decides what lies within."""
    around = sorted_distances[near - 20 : near + 20]
    widest = int(np.diff(around).argmax())
    return float(around[widest : widest + 2].mean())


@pytest.mark.usefixtures("tiles")
@pytest.mark.parametrize("d", [2, 90])
def test_counting_is_that_of_loops(d: int) -> None:
    x = normal(100, d, 0)
    x[20:40] = x[:1]
    x[50:60] = x[1:2] + 1e-6
    table = distances(x)
    every = np.sort(table[np.triu_indices(100, 1)])
    for radius in (0.0, 1e-4, wide_gap(every, 700), wide_gap(every, 3000), 1e9):
        expected = (table <= radius).sum(1) - 1
        assert count_within(x, float(radius)).tolist() == expected.tolist()
    x = x[60:]
    one = float(closest_pairs(x, 300).distances[-1])  # is within itself, and not within less
    assert count_within(x, one).sum() == 600
    assert count_within(x, math.nextafter(one, 0)).sum() == 598
    assert count_within(x[:1].repeat(7, 1), 0.0).tolist() == [6] * 7


@pytest.mark.usefixtures("tiles")
@pytest.mark.parametrize("d", [2, 90])
@pytest.mark.parametrize("count", [1, 17, 400])
def test_closest_pairs_are_those_of_sorting(d: int, count: int) -> None:
    x = normal(80, d, 1)
    x[7] = x[60]
    table = distances(x)
    closest = closest_pairs(x, count)
    expected = np.sort(table[np.triu_indices(80, 1)])[:count]
    np.testing.assert_allclose(closest.distances.numpy(), expected, rtol=1e-12)
    i, j = closest.indices.T
    np.testing.assert_allclose(table[i, j], expected, rtol=1e-12)
    assert (i < j).all()
    assert len({*map(tuple, closest.indices.tolist())}) == count
    assert closest.indices[0].tolist() == [7, 60]


def test_close_pairs_far_from_the_rest_are_looked_up_again_in_float64() -> None:
    x = (1000 * normal(5, 90, 2)).repeat(8, 1) + 0.01 * normal(40, 90, 3)
    closest = closest_pairs(x, 9)
    expected = np.sort(distances(x)[np.triu_indices(40, 1)])[:9]
    np.testing.assert_allclose(closest.distances.numpy(), expected, rtol=1e-9)
    with pytest.raises(ValueError, match="do not have 781 pairs"):
        closest_pairs(x, 781)


def test_the_value_is_pairs_over_duplicates() -> None:
    points = normal(9, 5, 4)
    counts = torch.tensor([5, 1, 1, 4, 3, 1, 1, 1, 3])  # 10 + 6 + 3 + 3 pairs of equals
    estimate = support_estimate(points.repeat_interleave(counts, 0), 0.0)
    assert estimate.value == pytest.approx(20 * 19 / 2 / 22)
    assert 1 < estimate.low < estimate.value < estimate.high < math.inf
    assert (estimate.n_real, estimate.n_fake) == (0, 20)


def test_without_duplicates_there_is_a_lower_bound_only() -> None:
    estimate = support_estimate(normal(400, 3, 5), 0.0)
    assert estimate.value == estimate.high == math.inf
    # a point of probability p, the worst case, comes up at most once with 2.5 %
    p = 1 / math.sqrt(estimate.low)
    assert (1 - p) ** 400 + 400 * p * (1 - p) ** 399 == pytest.approx(0.025)
    assert estimate.low == pytest.approx((400 / 5.6) ** 2, rel=0.03)


def test_the_upper_end_is_that_of_poisson_where_no_point_stands_out() -> None:
    estimate = support_estimate(normal(30, 3, 5).repeat(2, 1), 0.0)  # 30 points twice each
    assert estimate.low == pytest.approx(60 * 59 / 2 / stats.gamma.ppf(0.975, 31))
    assert estimate.high == pytest.approx(60 * 59 / 2 / stats.gamma.ppf(0.025, 30))


def test_total_collapse_is_a_support_of_one() -> None:
    estimate = support_estimate(normal(1, 80, 6).repeat(500, 1), 0.0)
    assert estimate.value == estimate.low == 1
    assert estimate.high < 1.02


def test_the_interval_without_excess_is_the_exact_one_of_a_poisson_number() -> None:
    for count, low, high in (
        (0, 0.0, 3.688879),
        (1, 0.025318, 5.571643),
        (10, 4.795389, 18.390356),
    ):
        ends = birthday._expected(count, 0.0)  # Garwood 1936, as tabulated
        assert ends == pytest.approx((low, high), abs=2e-6)


def test_the_interval_with_excess_solves_the_tails_of_a_negative_binomial_number() -> None:
    for count, excess in ((7, 0.5), (40, 0.05), (300, 1.3)):
        low, high = birthday._expected(count, excess)
        tails = []
        for mean in (low, high):
            size, p = 1 / excess, 1 / (1 + mean * excess)
            number = stats.nbinom(size, p)
            assert number.var() == pytest.approx(mean + excess * mean**2)
            tails.append((number.sf(count - 1), number.cdf(count)))
        # no tail holds more, and one end is exact unless the scaled Poisson number goes further
        assert tails[0][0] <= 0.025 + 1e-9
        assert tails[1][1] <= 0.025 + 1e-9
        scale = 1 + excess * count
        poisson = scale * stats.gamma.ppf(0.975, count / scale + 1)
        assert high == pytest.approx(poisson) or tails[1][1] == pytest.approx(0.025)
        poisson = scale * stats.gamma.ppf(0.025, count / scale)
        assert low == pytest.approx(poisson) or tails[0][0] == pytest.approx(0.025)


def test_the_variance_of_the_pairs_is_estimated_without_bias(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Over many samples the mean of a · C² + C is the variance of C, clipping aside."""
    seen: list[tuple[float, float]] = []
    expected = birthday._expected

    def spied(count: float, excess: float) -> tuple[float, float]:
        seen.append((count, excess))
        return expected(count, excess)

    monkeypatch.setattr(birthday, "_expected", spied)
    weights = 0.8 ** torch.arange(40).double()
    points = normal(40, 2, 7)
    for seed in range(1000):
        support_estimate(draw(points, weights, 60, seed), 0.0)
    counts, excess = np.array(seen).T
    variance = (excess * counts**2 + counts).mean()
    assert variance == pytest.approx(counts.var(), rel=0.15)
    p = weights / weights.sum()
    square, cube = float((p**2).sum()), float((p**3).sum())
    pairs = 60 * 59 / 2
    exact = pairs * square * (1 - square) + 60 * 59 * 58 * (cube - square**2)
    assert variance == pytest.approx(exact, rel=0.15)
    assert counts.mean() == pytest.approx(pairs * square, rel=0.05)


def share_covered(weights: Tensor, n: int, simulations: int = 200) -> float:
    points = normal(len(weights), 2, 8)
    truth = float(weights.sum() ** 2 / (weights**2).sum())
    estimates = [support_estimate(draw(points, weights, n, s), 0.0) for s in range(simulations)]
    return float(np.mean([each.low <= truth <= each.high for each in estimates]))


@pytest.mark.parametrize(
    ("support", "n"), [(1000, 200), (1000, 40), (1000, 600), (50, 200), (20_000, 500)]
)
def test_intervals_cover_the_support_of_uniform_distributions(support: int, n: int) -> None:
    assert share_covered(torch.ones(support).double(), n) >= 0.9


@pytest.mark.parametrize("n", [50, 200, 600])
@pytest.mark.parametrize("name", ["zipf", "geometric", "one heavy point"])
def test_intervals_cover_the_effective_support_of_others(name: str, n: int) -> None:
    weights = {
        "zipf": 1 / torch.arange(1, 2001).double(),
        "geometric": 0.9 ** torch.arange(300).double(),
        "one heavy point": torch.cat([torch.tensor([800.0]), torch.ones(9200)]).double(),
    }[name]
    assert share_covered(weights, n) >= 0.9


def test_the_threshold_lets_a_stated_rate_of_real_pairs_pass() -> None:
    real = normal(300, 80, 9)
    every = np.sort(distances(real)[np.triu_indices(300, 1)])
    for rate, allowed in ((0.0, 0), (1e-6, 0), (1e-3, 44), (0.1, 4485)):
        threshold = duplicate_threshold(real, rate)
        assert (every <= threshold).sum() == allowed
        assert threshold == pytest.approx(every[allowed], rel=1e-12)
        assert count_within(real, threshold).sum() == 2 * allowed


def test_ties_never_let_more_pairs_pass() -> None:
    lattice = torch.arange(60).float()[:, None]  # 59 pairs at distance 1, 58 at 2
    threshold = duplicate_threshold(lattice, 0.04)  # 70 of 1,770 pairs
    assert 1 <= threshold < 2
    assert duplicate_threshold(lattice, 0.01) < 1
    doubled = torch.cat([normal(50, 3, 10)] * 2)
    with pytest.raises(BadInput, match=r"more than 4 of the 4950 pairs .* are exact copies"):
        duplicate_threshold(doubled, 1e-3)
    assert duplicate_threshold(doubled, 0.02) > 0


def test_real_data_have_the_support_that_the_rate_says() -> None:
    """Calibrated on one half; the control on the other half agrees with 1/rate."""
    rate, values = 1e-3, []
    for seed in range(40):
        real = normal(500, 6, 100 + seed)
        threshold = duplicate_threshold(real[:250], rate)
        values.append(1 / support_estimate(real[250:], threshold).value)
    error = np.std(values, ddof=1) / math.sqrt(len(values))
    assert abs(np.mean(values) - rate) < 4 * error
    collapsed = draw(normal(20, 6, 11), torch.ones(20), 250, 0) + 1e-3 * normal(250, 6, 12)
    estimate = support_estimate(collapsed, threshold)
    assert estimate.low < 20 < estimate.high < 100


def test_what_cannot_be_asked() -> None:
    x = normal(10, 3, 13)
    with pytest.raises(ValueError, match="3 samples"):
        support_estimate(x[:3], 0.1)
    with pytest.raises(ValueError, match="threshold of -1"):
        support_estimate(x, -1)
    with pytest.raises(ValueError, match="1 samples"):
        duplicate_threshold(x[:1])
    with pytest.raises(ValueError, match="rate of 1"):
        duplicate_threshold(x, 1)
    x[0] = math.nan
    with pytest.raises(BadInput, match="not finite"):
        support_estimate(x, 0.1)
    with pytest.raises(BadInput, match="not finite"):
        duplicate_threshold(x)
