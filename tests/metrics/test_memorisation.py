"""Copies are found, also mirrored, shifted and noisy ones; fresh data are not accused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage, stats
from sklearn.datasets import load_digits
from torch import Tensor

from saddlepoint.errors import BadInput
from saddlepoint.metrics import memorisation as module
from saddlepoint.metrics import neighbours
from saddlepoint.metrics.memorisation import (
    Memorisation,
    compare,
    copying_z,
    memorisation,
    memorisation_of_images,
    nearest_images,
)
from saddlepoint.metrics.neighbours import Neighbours


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def photographs(n: int, seed: int, channels: int = 1, high: int = 12, wide: int = 12) -> Tensor:
    """Smooth random images in [−1, 1]."""
    noise = np.random.default_rng(seed).normal(size=(n, channels, high, wide))
    smooth = ndimage.gaussian_filter(noise, (0, 0, 1.2, 1.2))
    return torch.from_numpy(np.tanh(3 * smooth)).float()


def as_neighbours(distances: np.ndarray | Tensor) -> Neighbours:
    column = torch.as_tensor(distances, dtype=torch.float64)[:, None]
    return Neighbours(column, torch.zeros_like(column, dtype=torch.int64))


def images_by_loops(
    query: Tensor, reference: Tensor, shift: int, flip: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Every view of every query against every reference, by definition."""
    x, y = query.double().numpy(), reference.double().numpy()
    high, wide = x.shape[2] - 2 * shift, x.shape[3] - 2 * shift
    window = y[:, :, shift : shift + high, shift : shift + wide]
    best = np.full((len(x), len(y)), np.inf)
    for mirrored in (False, True) if flip else (False,):
        image = x[:, :, :, ::-1] if mirrored else x
        for top in range(2 * shift + 1):
            for left in range(2 * shift + 1):
                view = image[:, :, top : top + high, left : left + wide]
                gap = ((view[:, None] - window[None]) ** 2).mean((2, 3, 4))
                best = np.minimum(best, gap)
    return np.sqrt(best.min(1)), best.argmin(1)


@pytest.mark.parametrize(
    ("channels", "high", "wide", "shift", "flip"),
    [
        (1, 8, 8, 1, True),
        (1, 14, 14, 1, True),
        (3, 9, 13, 2, True),
        (2, 12, 7, 0, True),
        (1, 10, 10, 2, False),
        (1, 6, 6, 0, False),
        (1, 3, 5, 1, True),
    ],
)
@pytest.mark.parametrize("small", [False, True], ids=["plain", "in parts"])
def test_nearest_images_are_those_of_loops(
    channels: int,
    high: int,
    wide: int,
    shift: int,
    flip: bool,
    small: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if small:
        monkeypatch.setattr(module, "COMPONENTS", 5)
        monkeypatch.setattr(module, "_PART", 16)
        monkeypatch.setattr(module, "_NUMBERS", 3000)
        monkeypatch.setattr(neighbours, "TILE", 50)
    query = photographs(25, 1, channels, high, wide)
    reference = photographs(90, 2, channels, high, wide)
    query[0], query[1] = reference[40], reference[41].flip(2)
    query[2] = reference[42].roll((1, -1), (1, 2))
    query[3] = reference[43].roll(-1, 2).flip(2) + 0.02 * normal(channels, high, wide, seed=3)
    closest = nearest_images(query, reference, shift, flip)
    distances, indices = images_by_loops(query, reference, shift, flip)
    np.testing.assert_allclose(closest.distances[:, 0].numpy(), distances, rtol=1e-10, atol=1e-12)
    assert closest.indices[:, 0].tolist() == indices.tolist()
    assert closest.distances[0, 0] == 0


def test_few_pairs_are_compared_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0
    compare_all = module._compare

    def counted(views: Tensor, i: Tensor, *rest: Any) -> Tensor:
        nonlocal compared
        compared += len(i)
        return compare_all(views, i, *rest)

    monkeypatch.setattr(module, "_compare", counted)
    monkeypatch.setattr(module, "COMPONENTS", 40)
    nearest_images(photographs(30, 4, 1, 16, 16), photographs(1000, 5, 1, 16, 16), 1, True)
    assert compared < 0.02 * 30 * 18 * 1000


def test_short_vectors_are_never_further_apart() -> None:
    x, y = photographs(40, 6, 3), photographs(60, 7, 3)
    for count in (1, 30, 60):
        shorten = module._Shortener.of(y[:count])
        short = torch.cdist(shorten(x), shorten(y))
        full = torch.cdist(x.flatten(1).double(), y.flatten(1).double())
        assert (short <= full * (1 + 1e-9)).all()
    assert (short / full).mean() > 0.8
    assert shorten(x).shape == (40, 61)


def test_identical_images_take_no_time_and_no_harm() -> None:
    flat = torch.full((50, 1, 8, 8), -1.0)
    assert (nearest_images(flat, flat).distances == 0).all()
    assert nearest_images(flat + 0.5, flat).distances.tolist() == [[0.5]] * 50


Changes = {
    "as they are": lambda x, _: x,
    "mirrored": lambda x, _: x.flip(3),
    "shifted": lambda x, _: x.roll((1, -1), (2, 3)),
    "noisy": lambda x, seed: (x + 0.02 * normal(*x.shape, seed=seed)).clamp(-1, 1),
    "all at once": lambda x, seed: (
        x.roll((-1, 1), (2, 3)).flip(3) + 0.02 * normal(*x.shape, seed=seed)
    ).clamp(-1, 1),
}


@pytest.mark.parametrize("how", Changes)
def test_copies_are_flagged_however_they_are_changed(how: str) -> None:
    images = photographs(700, 8)
    train, held_out, fresh = images[:300], images[300:500], images[500:]
    picks = torch.randint(300, (150,), generator=torch.Generator().manual_seed(9))
    copies = Changes[how](train[picks], 10)
    memory = memorisation_of_images(copies, train, held_out)
    assert memory.share.value > 0.99
    assert memory.share.low > 0.9
    assert memory.p_value < 1e-9
    assert memory.z < -10
    assert (memory.nearest.indices[:, 0] == picks).double().mean() > 0.99
    half = torch.cat([copies[:100], fresh[:100]])
    memory = memorisation_of_images(half, train, held_out)
    assert memory.share.low < 0.5 + 0.5 * 0.05 < memory.share.high
    assert memory.share.value == pytest.approx(0.525, abs=0.05)
    assert memory.p_value < 1e-6
    assert memory.z < -4
    calm = memorisation_of_images(fresh, train, held_out)
    assert calm.p_value > 0.01
    assert abs(calm.z) < 3
    assert calm.share.low < 0.05 < calm.share.high


@pytest.mark.parametrize("how", Changes)
def test_digits_that_are_copied(how: str) -> None:
    """Real images with a broad grey edge: nearest ones are close by nature."""
    digits = torch.from_numpy(load_digits().images).float()[:, None] / 8 - 1
    digits = digits[torch.randperm(len(digits), generator=torch.Generator().manual_seed(0))]
    train, held_out, fresh = digits[:1200], digits[1200:1500], digits[1500:]
    copies = Changes[how](train[:200], 11)
    memory = memorisation_of_images(copies, train, held_out)
    assert memory.share.low > 0.85
    assert memory.p_value < 1e-9
    calm = memorisation_of_images(fresh, train, held_out)
    assert calm.p_value > 0.01
    assert abs(calm.z) < 3


def test_features_that_are_copied() -> None:
    data = normal(900, 20, seed=12)
    train, held_out, fresh = data[:400], data[400:700], data[700:]
    copies = train[:100] + 0.02 * normal(100, 20, seed=13)
    memory = memorisation(torch.cat([copies, fresh[:100]]), train, held_out)
    assert memory.share.value == pytest.approx(0.525, abs=0.05)
    assert memory.share.low > 0.4
    rows, indices, distances = memory.closest(100)
    assert sorted(rows.tolist()) == list(range(100))
    assert torch.equal(indices, rows)
    assert (distances.diff() >= 0).all()
    assert torch.equal(distances, memory.nearest.distances[rows, 0])
    # far from the data: the opposite of copying
    far = memorisation(fresh * 1.5, train, held_out)
    assert far.z > 5
    assert far.share.value < 0.02
    assert far.p_value > 0.9


def fresh_trial(seed: int, rounded: bool, n: int = 150, m: int = 120) -> Memorisation:
    """Fresh against held-out samples of one distribution; rounded ones have many duplicates."""
    data = normal(200 + m + n, 2, seed=seed)
    data = (3 * data).round() if rounded else data
    return memorisation(data[200 + m :], data[:200], data[200 : 200 + m])


@pytest.mark.parametrize("rounded", [False, True], ids=["continuous", "with duplicates"])
def test_fresh_data_are_flagged_no_more_often_than_stated(rounded: bool) -> None:
    """200 trials; the 99.9 % quantile of Binomial(200, .05) is 21."""
    trials = [fresh_trial(seed, rounded) for seed in range(200)]
    assert sum(each.p_value < 0.05 for each in trials) <= 21
    assert sum(stats.norm.cdf(each.z) < 0.05 for each in trials) <= 21
    assert sum(abs(each.z) > 1.96 for each in trials) <= 21
    shares = np.array([each.share.value - each.expected for each in trials])
    assert abs(shares.mean()) < 4 * shares.std() / math.sqrt(200)
    if not rounded:
        assert sum(each.share.low <= 0.05 <= each.share.high for each in trials) >= 180
        assert all(each.expected == 6 / 121 for each in trials)
        # both tests are exact: they are not idle either
        assert np.mean([each.p_value for each in trials]) == pytest.approx(0.55, abs=0.1)
        assert np.std([each.z for each in trials]) == pytest.approx(1, abs=0.16)


@pytest.mark.parametrize("quantile", [0.05, 0.2])
@pytest.mark.parametrize(("n", "m"), [(200, 100), (60, 400)])
def test_intervals_cover_whatever_the_threshold(quantile: float, n: int, m: int) -> None:
    """Distances of copies at 0 with probability .3, else as held out: G(τ) = .3 + .7 quantile."""
    random = np.random.default_rng(14)
    hits, truth = 0, 0.3 + 0.7 * quantile
    for _ in range(200):
        fake = np.where(random.random(n) < 0.3, 0.0, random.random(n))
        share = compare(as_neighbours(fake), as_neighbours(random.random(m)), quantile).share
        assert share.low <= share.value <= share.high
        hits += share.low <= truth <= share.high
    assert hits >= 180


def test_intervals_cover_where_held_out_data_have_duplicates_in_training() -> None:
    """A tenth of the data is in the training set: τ = 0, and fresh data have a share of .1."""
    random = np.random.default_rng(15)
    hits = 0
    for _ in range(200):
        fake, held_out = (
            np.where(random.random(count) < 0.1, 0.0, random.random(count)) for count in (150, 150)
        )
        memory = compare(as_neighbours(fake), as_neighbours(held_out))
        hits += memory.share.low <= 0.1 <= memory.share.high
    assert hits >= 180


def test_the_p_value_is_that_of_permutations() -> None:
    """All arrangements of five fresh and six held-out distances are equally likely."""
    from itertools import combinations

    for rank_quantile, rank in ((1 / 7, 1), (3 / 7, 3)):
        counts = []
        for places in combinations(range(11), 6):  # of the held-out ones
            counts.append(sum(p < sorted(places)[rank - 1] for p in set(range(11)) - set(places)))
        for places in [(2, 3, 5, 6, 8, 9), (5, 6, 7, 8, 9, 10), (0, 1, 2, 3, 4, 5)]:
            fake = np.array(sorted(set(range(11)) - set(places)), dtype=float)
            memory = compare(
                as_neighbours(fake), as_neighbours(np.array(places, float)), rank_quantile
            )
            mine = round(memory.share.value * 5)
            assert mine == sum(f < places[rank - 1] for f in fake)
            expected = np.mean([each >= mine for each in counts])
            assert memory.p_value == pytest.approx(expected)
            assert memory.threshold == places[rank - 1]
            assert memory.expected == pytest.approx(rank / 7)


def test_z_is_that_of_mann_and_whitney_with_the_papers_sign() -> None:
    random = np.random.default_rng(16)
    for ties in (False, True):
        fake, held_out = random.normal(0.2, 1, 70), random.normal(0, 1, 90)
        if ties:
            fake, held_out = fake.round(), held_out.round()
        oracle = stats.mannwhitneyu(
            fake, held_out, alternative="less", method="asymptotic", use_continuity=False
        )
        z = copying_z(torch.from_numpy(fake), torch.from_numpy(held_out))
        assert stats.norm.cdf(z) == pytest.approx(oracle.pvalue)
        assert copying_z(torch.from_numpy(held_out), torch.from_numpy(fake)) == pytest.approx(-z)
    zeros = torch.zeros(5)
    assert copying_z(zeros, zeros) == 0
    # all five nearer than all four: U = 0, nm/2 = 10, σ² = 20 · 10 / 12
    z = copying_z(torch.arange(5.0), torch.arange(10.0, 14.0))
    assert z == pytest.approx(-10 / math.sqrt(20 * 10 / 12))


def test_all_distances_tied() -> None:
    memory = compare(as_neighbours(np.zeros(50)), as_neighbours(np.zeros(60)))
    assert (memory.share.value, memory.p_value, memory.z) == (1, 1, 0)
    assert memory.expected == pytest.approx(60 / 61)


def test_few_held_out_samples_prove_little() -> None:
    """The least of 21 may well lie above the 5 % quantile: the interval has no lower end."""
    memory = compare(as_neighbours(np.zeros(30)), as_neighbours(1 + np.arange(21.0)))
    assert (memory.share.value, memory.share.low, memory.share.high) == (1, 0, 1)
    assert memory.p_value == pytest.approx(1 / math.comb(51, 21))
    with pytest.raises(BadInput, match=r"19 held-out samples .* closest 5 %.* at least 20"):
        memorisation(normal(30, 3, seed=1), normal(30, 3, seed=2), normal(19, 3, seed=3))
    images = photographs(30, 1)
    with pytest.raises(BadInput, match="at least 100"):
        memorisation_of_images(images, images, images, quantile=0.01)


def test_held_out_images_are_mirrored_and_shifted_too() -> None:
    images = photographs(150, 17)
    memory = memorisation_of_images(images[:30], images[30:100], images[100:], shift=2, flip=False)
    expected, _ = images_by_loops(images[100:], images[30:100], 2, False)
    np.testing.assert_allclose(memory.held_out.distances[:, 0].numpy(), expected)
    assert memory.threshold == pytest.approx(np.sort(expected)[2])  # the third of fifty


def test_what_cannot_be_asked() -> None:
    images = photographs(30, 18)
    with pytest.raises(ValueError, match="do not compare"):
        nearest_images(images, images[:, :, 1:])
    with pytest.raises(ValueError, match="do not compare"):
        nearest_images(images[:0], images)
    with pytest.raises(BadInput, match="12×12 pixels cannot be shifted by 6"):
        nearest_images(images, images, shift=6)
    with pytest.raises(BadInput, match="cannot be shifted by -1"):
        nearest_images(images, images, shift=-1)
    with pytest.raises(ValueError, match=r"quantile .* 1\.5"):
        memorisation_of_images(images, images, images, 1.5)
    images[3, 0, 2, 2] = math.nan
    with pytest.raises(BadInput, match="not finite"):
        nearest_images(images, photographs(30, 1))
    with pytest.raises(BadInput, match="not finite"):
        nearest_images(photographs(30, 1), images)
