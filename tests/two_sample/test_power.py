"""Power: rises with n and the difference, is the level without one, never beats the best test."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from kit.gaussians import binomial_bounds, nearer_mean
from saddlepoint.drawing import COLOURS
from saddlepoint.errors import BadInput
from saddlepoint.two_sample.power import Power, power

Array = NDArray[np.float64]
Draw = Callable[[int, np.random.Generator], Array]


def gaussian(mean: float = 0.0, std: float = 1.0, d: int = 1) -> Draw:
    return lambda n, random: random.normal(mean, std, size=(n, d))


FAST = ("kolmogorov_smirnov", "mmd", "energy")


@pytest.fixture(scope="module")
def of_shifts() -> dict[float, Power]:
    return {
        shift: power(FAST, gaussian(), gaussian(shift), (10, 40), 50, permutations=19)
        for shift in (0.0, 0.5, 1.0)
    }


@pytest.mark.parametrize("test", FAST)
def test_power_rises_with_n_and_the_shift(of_shifts: dict[float, Power], test: str) -> None:
    none, some, large = (p.shares[test] for p in of_shifts.values())
    assert some[1].low > some[0].value
    assert large[1].value > 0.9
    assert large[0].low > some[0].value
    assert large[1].low > some[1].high > some[1].low > none[1].high
    for share in none:
        assert share.value * 50 <= binomial_bounds(50, 0.05)[1]


@pytest.mark.parametrize("test", FAST)
def test_no_test_beats_the_best_one(of_shifts: dict[float, Power], test: str) -> None:
    """Neyman and Pearson: for N(0, 1) against N(θ, 1), known, Φ(θ √(n/2) − z).

    The ratio to the hardest null, both N(θ/2, 1), is that of the difference of the means.
    """
    for shift, found in of_shifts.items():
        for size, share in zip(found.sizes, found.shares[test], strict=True):
            best = stats.norm.cdf(shift * math.sqrt(size / 2) - stats.norm.ppf(0.95))
            assert share.low <= best
            assert share.high >= 0.4 * best  # but for few samples of Kolmogorov and Smirnov


def test_power_is_the_share_of_rejections_in_a_loop() -> None:
    draws: list[Array] = []

    def kept(draw: Draw) -> Draw:
        def drawing(n: int, random: np.random.Generator) -> Array:
            draws.append(draw(n, random)[:, 0])
            return draws[-1][:, None]

        return drawing

    found = power("kolmogorov_smirnov", kept(gaussian()), kept(gaussian(0.8)), (20,), 50, level=0.1)
    pairs = list(zip(draws[::2], draws[1::2], strict=True))
    rejected = sum(stats.ks_2samp(x, y).pvalue <= 0.1 for x, y in pairs)
    (share,) = found.shares["kolmogorov_smirnov"]
    assert share.value == rejected / 50
    interval = stats.binomtest(rejected, 50).proportion_ci(0.95, "exact")
    assert (share.low, share.high) == pytest.approx((interval.low, interval.high))
    assert len({x.tobytes() for x in draws}) == 100


def test_what_is_drawn_does_not_depend_on_other_sizes_and_tests() -> None:
    both = power(FAST[:2], gaussian(), gaussian(0.6), (20, 12), 20, 5, permutations=19)
    one = power(FAST[1], gaussian(), gaussian(0.6), [20], 20, 5, permutations=19)
    assert both.sizes == (12, 20)
    assert both.shares[FAST[1]][1] == one.shares[FAST[1]][0]
    other = power(FAST[1], gaussian(), gaussian(0.6), [20], 20, 6, permutations=19)
    assert other != one


def test_other_spread_is_seen_by_all_but_a_linear_classifier() -> None:
    """The default classifier is not linear: it sees squares, too."""
    narrow, wide = gaussian(), gaussian(std=2.5)
    tests = ("mmd", "energy", "kolmogorov_smirnov", "nearest_neighbour", "classifier")
    seen = power(tests, narrow, wide, (120,), 20, permutations=19)
    for test in tests:
        assert seen.shares[test][0].value >= 0.8, test
    blind = power("classifier", narrow, wide, (120,), 200, classifier=nearer_mean)
    assert blind.shares["classifier"][0].value <= 0.2


def made(names: tuple[str, ...], sizes: tuple[int, ...]) -> Power:
    return power(names, gaussian(), gaussian(1), sizes, 4, permutations=19)


@pytest.mark.parametrize("sizes", [(8,), (8, 16)])
def test_the_picture_shows_every_curve_and_the_level(sizes: tuple[int, ...]) -> None:
    picture = made(FAST, sizes).picture("N(0, 1) against N(1, 1) $ and a long title " * 3)
    assert picture.mode == "RGB"
    assert picture.width >= 1200
    colours = {colour for _, colour in picture.getcolors(maxcolors=1 << 24) or []}
    for colour in (*COLOURS[:3], "#444444"):
        assert tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5)) in colours


def test_it_prints_as_a_table() -> None:
    lines = str(made(FAST[:1], (8, 16))).splitlines()
    assert lines[0].split() == ["n", "8", "16"]
    assert lines[1].split()[0] == "kolmogorov_smirnov"
    assert len(lines) == 2


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"test": "enery"}, "Did you mean 'energy'"),
        ({"test": ()}, "at least one test"),
        ({"sizes": ()}, "at least 4 samples"),
        ({"sizes": (3, 10)}, "at least 4 samples"),
        ({"repetitions": 0}, "at least one repetition"),
        ({"level": 0.0}, "between 0 and 1"),
        ({"level": math.nan}, "between 0 and 1"),
        ({"level": 0.01, "permutations": 19}, "ask for more permutations"),
        ({"bandwith": 1.0}, "no option|has an option 'bandwith'"),
        ({"draw_fake": lambda n, random: random.normal(size=n + 1)}, "gave 11"),
        ({"draw_fake": lambda n, random: None}, "gave none"),
        ({"draw_fake": lambda n, random: [math.nan] * n}, "not all finite"),
    ],
)
def test_what_has_no_power_is_refused(changed: dict[str, Any], why: str) -> None:
    asked: dict[str, Any] = {
        "test": "energy",
        "draw_real": gaussian(),
        "draw_fake": gaussian(),
        "sizes": (10,),
        "repetitions": 1,
    }
    with pytest.raises(BadInput, match=why):
        power(**{**asked, **changed})
