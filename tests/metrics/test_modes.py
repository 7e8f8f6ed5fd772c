"""The mode-coverage protocol against what is known of a perfect and of broken samplers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from saddlepoint.data.toys import Grid, Ring
from saddlepoint.metrics.modes import score_modes

MIXTURES = [Ring(), Grid()]
mixtures = pytest.mark.parametrize("mixture", MIXTURES, ids=lambda m: m.kind)


def perfect(mixture: Ring | Grid, n: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    centres = mixture.centres()
    return centres[random.integers(len(centres), size=n)] + mixture.std * random.normal(size=(n, 2))


@mixtures
def test_a_perfect_sampler_has_the_derived_figures(mixture: Ring | Grid) -> None:
    scores = [
        score_modes(perfect(mixture, 2500, s), mixture.centres(), mixture.std) for s in range(40)
    ]
    total = len(mixture.centres())
    assert all(each.found == each.total == total for each in scores)
    quality = np.mean([each.high_quality for each in scores])
    assert quality == pytest.approx(1 - math.exp(-4.5), abs=4 * 0.0021 / math.sqrt(40))
    assert np.mean([each.spread for each in scores]) == pytest.approx(1, abs=0.005)
    kl = np.array([each.reverse_kl for each in scores])
    floor = (total - 1) / (2 * 2500)  # 0.0014 for the ring, 0.0048 for the grid
    assert kl.mean() == pytest.approx(floor, abs=4 * kl.std() / math.sqrt(40))


@mixtures
def test_missing_modes_lower_the_count_and_raise_the_divergence(mixture: Ring | Grid) -> None:
    centres = mixture.centres()
    points = perfect(mixture, 4000, 0)
    kept = points[np.linalg.norm(points - centres[0], axis=1) > 6 * mixture.std]
    modes = score_modes(kept, centres, mixture.std)
    assert modes.found == len(centres) - 1
    expected = math.log(len(centres) / (len(centres) - 1))
    assert modes.reverse_kl == pytest.approx(expected, abs=0.01)


def test_spread_sees_collapse_within_a_mode_and_not_its_place() -> None:
    mixture = Ring()
    centres = mixture.centres()
    points = perfect(mixture, 4000, 1)
    nearest = np.linalg.norm(points[:, None] - centres, axis=2).argmin(1)
    narrow = centres[nearest] + 0.3 * (points - centres[nearest])
    assert score_modes(narrow, centres, mixture.std).spread == pytest.approx(0.3, abs=0.02)
    moved = narrow + np.array([0.005, 0.0])
    assert score_modes(moved, centres, mixture.std).spread == pytest.approx(0.3, abs=0.02)
    points = np.repeat(centres, 5, axis=0)
    assert score_modes(points, centres, mixture.std).spread == 0


def test_far_points_and_empty_samples() -> None:
    mixture = Grid()
    far = score_modes(np.full((10, 2), 50.0), mixture.centres(), mixture.std)
    assert (far.found, far.high_quality, far.reverse_kl) == (0, 0.0, math.inf)
    assert math.isnan(far.spread)
    assert score_modes(np.full((10, 2), np.nan), mixture.centres(), mixture.std).found == 0
    single = score_modes(mixture.centres()[:1], mixture.centres(), mixture.std)
    assert (single.found, single.high_quality) == (1, 1.0)
    assert single.reverse_kl == pytest.approx(math.log(25))
