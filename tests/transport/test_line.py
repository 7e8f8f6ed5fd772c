"""The closed form on a line: SciPy, translations, Gaussians, and potentials along the path."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from kit.piles import Piles, piles
from saddlepoint.errors import BadInput
from saddlepoint.transport.line import line_distance, line_transport


def quantiles(n: int, mean: float = 0.0, spread: float = 1.0) -> np.ndarray:
    return stats.norm.ppf((np.arange(n) + 0.5) / n) * spread + mean


@settings(max_examples=100, deadline=None)
@given(piles(dimensions=1))
def test_scipy_agrees(sides: Piles) -> None:
    value = line_distance(**sides.given())
    x, y = sides.xa[:, 0], sides.xb[:, 0]
    expected = stats.wasserstein_distance(x, y, sides.a, sides.b)
    assert value / sides.total == pytest.approx(expected, rel=1e-12, abs=1e-14)


@settings(max_examples=100, deadline=None)
@given(piles(dimensions=1), st.sampled_from([1.0, 1.25, 2.0, 3.0, 7.5]))
def test_the_plan_is_certified_and_costs_the_same(sides: Piles, p: float) -> None:
    moved = line_transport(**sides.given(), p=p)
    assert moved.certificate.holds
    assert (moved.certificate.lipschitz is not None) == (p == 1)
    assert (moved.solver, moved.order) == ("line", p)
    distance = line_distance(**sides.given(), p=p)
    # The power of a root: relative errors grow by p.
    assert moved.value == pytest.approx(distance**p, rel=1e-12, abs=1e-300)
    assert moved.distance == pytest.approx(distance, rel=1e-12, abs=1e-300)


def test_repetition_agrees_for_unequal_sizes() -> None:
    """n and m points are both repeated to their common multiple, sorted and paired."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=12).round(1), rng.normal(size=30).round(1) * 2
    size = math.lcm(12, 30)
    pairs = np.sort(np.repeat(x, size // 12)) - np.sort(np.repeat(y, size // 30))
    for p in (1, 1.5, 2, 4):
        expected = np.mean(abs(pairs) ** p) ** (1 / p)
        assert line_distance(x, y, p=p) == pytest.approx(expected, rel=1e-12)


def test_masses_count_as_repetition() -> None:
    x, y, times = [0.0, 0.5, 2.0], [1.0, 1.5], [3, 0, 2]
    value = line_distance(x, y, a=times, b=[2.5, 2.5], p=2)
    expected = 5**0.5 * line_distance(np.repeat(x, times), y, p=2)
    assert value == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("shift", [-2.5, 0.0, 1e-7, 3.0])
@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
def test_a_translation_costs_its_length(shift: float, p: float) -> None:
    x = np.random.default_rng(1).normal(size=200)
    assert line_distance(x, x + shift, p=p) == pytest.approx(abs(shift), rel=1e-8)
    assert line_distance(x, x[::-1] + shift, p=p) == pytest.approx(abs(shift), rel=1e-8)


def test_gaussians() -> None:
    """N(0, 1) and N(θ, s²): W₁ = |θ| for s = 1, W₂² = θ² + (s − 1)²."""
    rng = np.random.default_rng(7)
    for theta in (0.3, -2.0):
        value = line_distance(quantiles(2000), quantiles(3000, theta))
        assert value == pytest.approx(abs(theta), rel=1e-9)
        errors = [
            line_distance(quantiles(n), quantiles(3 * n // 2, theta), p=2) - abs(theta)
            for n in (20, 200, 2000)
        ]
        assert errors[0] > errors[1] > errors[2] > 0
        assert errors[2] < 1e-3
        drawn = line_distance(rng.normal(size=20_000), rng.normal(theta, size=30_000))
        assert drawn == pytest.approx(abs(theta), abs=0.04)  # four standard errors of the means
    value = line_distance(quantiles(20_000), quantiles(30_000, 3, 2), p=2)
    assert value == pytest.approx(math.hypot(3, 1), rel=1e-3)


def test_a_million_points_need_no_matrix() -> None:
    x = np.random.default_rng(2).normal(size=300_000)
    assert line_distance(x, x[: len(x) // 3 * 2] + 1) == pytest.approx(1, abs=0.01)


def test_sums_in_another_order_lose_nothing() -> None:
    """0.1 ten times is not 1: ends that nearly meet must neither be lost nor run backwards."""
    x = np.arange(10.0)
    tenths = np.full(10, 0.1)
    for other in (tenths, tenths * 3 / 3, np.nextafter(tenths, np.arange(10) % 2)):
        moved = line_transport(x, x, a=tenths, b=other)
        assert moved.value == pytest.approx(0, abs=1e-14)
        assert moved.certificate.holds


def test_no_rounding_makes_a_mass_negative() -> None:
    """Sums from left to right pass the total, which is summed in another order."""
    rng = np.random.default_rng(3)
    passed = 0
    for _ in range(20):
        a, b = rng.random(30), rng.random(20)
        a[-1] = b[-1] = 1e-20
        b *= a.sum() / b.sum()
        passed += max(a.cumsum()[-1], b.cumsum()[-1]) > a.sum()
        moved = line_transport(np.arange(30.0), np.arange(20.0), a=a, b=b)
        assert moved.plan.min() >= 0
    assert passed


def test_large_and_small_numbers() -> None:
    assert line_distance([0.0], [1e200], p=3) == pytest.approx(1e200)
    assert line_distance([0.0], [1e-200], p=3) == pytest.approx(1e-200)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"p": 0.5}, "at least 1, and not 0.5"),
        ({"p": math.nan}, "at least 1"),
        ({"xa": [[0.0, 1.0]], "xb": [[0.0, 1.0]]}, "one coordinate"),
        ({"xb": [1e308], "xa": [-1e308]}, "infinite"),
        ({"a": [1.0, 1.0]}, "totals are 2 and 1"),
    ],
)
def test_refusals(given: dict[str, object], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        line_distance(**{"xa": [0.0, 1.0], "xb": [2.0], **given})
