"""Precision, recall, density and coverage against loops, the prdc package and closed forms."""

from __future__ import annotations

import contextlib
import io
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from saddlepoint.errors import BadInput
from saddlepoint.metrics import neighbours, precision_recall
from saddlepoint.metrics.estimate import BLOCKS, blocks
from saddlepoint.metrics.neighbours import Space
from saddlepoint.metrics.precision_recall import (
    Prdc,
    PrdcEstimates,
    expected_coverage,
    prdc,
    prdc_estimates,
)


def normal(n: int, d: int, seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=generator, dtype=torch.float64).to(dtype)


def table(x: Tensor, y: Tensor) -> np.ndarray:
    """All distances, by differences in float64."""
    return torch.cdist(x.double(), y.double(), compute_mode="donot_use_mm_for_euclid_dist").numpy()


def naive(real: Tensor, fake: Tensor, k: int) -> Prdc:
    """The definitions, ball by ball."""
    across = table(real, fake)
    radius = [np.sort(row)[k] for row in table(real, real)]  # its own 0 comes first
    other = [np.sort(row)[k] for row in table(fake, fake)]
    n, m = across.shape
    in_ball = [[across[i, j] < radius[i] for j in range(m)] for i in range(n)]
    return Prdc(
        precision=sum(any(in_ball[i][j] for i in range(n)) for j in range(m)) / m,
        recall=sum(any(across[i, j] < other[j] for j in range(m)) for i in range(n)) / n,
        density=sum(sum(row) for row in in_ball) / (k * m),
        coverage=sum(any(row) for row in in_ball) / n,
    )


def without(x: Tensor, part: slice) -> Tensor:
    return torch.cat([x[: part.start], x[part.stop :]])


def check(real: Tensor, fake: Tensor, k: int) -> PrdcEstimates:
    """Values and all replicates are those of the definitions."""
    value, estimates = prdc(real, fake, k), prdc_estimates(real, fake, k)
    assert value == pytest.approx(naive(real, fake, k), abs=1e-12)
    assert value == pytest.approx([each.value for each in estimates], abs=1e-15)
    pairs = zip(blocks(len(real)), blocks(len(fake)), strict=True)
    for b, (part, other) in enumerate(pairs):
        expected = naive(without(real, part), without(fake, other), k)
        assert [each.replicates[b] for each in estimates] == pytest.approx(expected, abs=1e-12)
    return estimates


@pytest.fixture(params=[False, True], ids=["one tile", "many tiles"])
def tiles(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param:
        monkeypatch.setattr(neighbours, "TILE", 23)


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each search for neighbours had."""
    seen: list[int] = []

    def counted(query: Tensor, *rest: Tensor, **more: bool) -> neighbours.Neighbours:
        seen.append(len(query))
        return neighbours.nearest(query, *rest, **more)

    monkeypatch.setattr(precision_recall, "nearest", counted)
    return seen


@pytest.mark.usefixtures("tiles")
@pytest.mark.parametrize(("n", "m", "d", "k"), [(60, 60, 3, 5), (47, 83, 70, 3), (90, 41, 100, 1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_and_replicates_are_those_of_the_definitions(
    n: int, m: int, d: int, k: int, dtype: torch.dtype, searches: list[int]
) -> None:
    real, fake = normal(n, d, 1, dtype), 0.9 * normal(m, d, 2, dtype) + 0.1
    check(real, fake, k)
    assert searches == [n, m] * 2  # the neighbours kept sufficed


@pytest.mark.usefixtures("tiles")
@pytest.mark.parametrize("d", [2, 80])
def test_neighbours_that_share_a_block_are_looked_up_again(d: int, searches: list[int]) -> None:
    """Rows in no random order: twenty clusters of nine, the nine neighbours in the next block."""
    centres = 50 * normal(20, d, 3)
    real = (centres[:, None] + normal(180, d, 4).view(20, 9, d)).reshape(180, d)
    fake = (centres[:, None] + normal(240, d, 5).view(20, 12, d)).reshape(240, d)
    real, fake = torch.roll(real, 1, 0), torch.roll(fake, 2, 0)
    check(real, fake, 2)
    assert len(searches) > 4


@pytest.mark.usefixtures("tiles")
@pytest.mark.parametrize("d", [2, 80])
def test_copies_and_duplicates(d: int) -> None:
    """A copy of a k-th neighbour lies exactly on the sphere, outside of the open ball."""
    real = normal(80, d, 6)
    fake = real[torch.randint(80, (70,), generator=torch.Generator().manual_seed(0))].clone()
    check(real, fake, 3)
    doubled = real.clone()
    doubled[40:60] = doubled[:1]
    check(doubled, torch.cat([fake[:40], doubled[38:70]]), 3)
    lattice = (3 * real).round()[:, :2].repeat(1, d // 2)
    check(lattice, lattice.flip(0), 2)


def test_identical_sets() -> None:
    real = normal(50, 80, 7)
    assert prdc(real, real.clone(), 4) == Prdc(1.0, 1.0, 1.0, 1.0)


@pytest.mark.usefixtures("tiles")
def test_a_collapsed_generator_fills_almost_every_ball(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nearly all pairs are inside a ball: they are counted by products, not one by one."""
    asked = 0
    distances = Space.distances

    def counted(space: Space, i: Tensor, j: Tensor) -> Tensor:
        nonlocal asked
        asked += len(i)
        return distances(space, i, j)

    monkeypatch.setattr(Space, "distances", counted)
    real, fake = normal(80, 200, 8), 0.05 * normal(60, 200, 9)
    shares = check(real, fake, 3)
    assert shares.density.value > 15
    assert shares.recall.value == 0
    assert asked < 200  # of 4,800 pairs, twice


def test_tight_clusters_need_finer_tiles() -> None:
    centres = 1000 * normal(6, 100, 10)
    real = centres.repeat(15, 1) + 0.01 * normal(90, 100, 11)
    fake = centres.repeat(15, 1) + 0.01 * normal(90, 100, 12)
    check(real, fake, 3)


def test_a_line_by_hand() -> None:
    real = torch.tensor([[0.0], [1.0], [3.0], [7.0], [-9.0]])  # radii 1, 1, 2, 4, 9
    fake = torch.tensor([[0.5], [1.5], [5.0], [20.0]])  # radii 1, 1, 3.5, 15
    shares = prdc(real, fake, 1)
    assert shares.precision == 3 / 4  # 20 is in no ball
    assert shares.recall == 4 / 5  # −9 is in none
    assert shares.density == (2 + 2 + 1 + 0) / 4  # 5 is on the edge of (1, 5) and inside (3, 11)
    assert shares.coverage == 4 / 5
    shares = prdc(real, fake, 2)  # radii 3, 2, 3, 6, 10 and 4.5, 3.5, 4.5, 18.5
    assert shares == Prdc(3 / 4, 4 / 5, (4 + 4 + 2) / 8, 1.0)


def test_nothing_in_common() -> None:
    real = normal(60, 3, 13)
    assert prdc(real, real + 100, 5) == Prdc(0.0, 0.0, 0.0, 0.0)
    estimates = prdc_estimates(real, real + 100, 5)
    for each in estimates:  # the rule of three: none of 60 says less than about 6 %
        assert each.low == each.value == 0
        assert 0.03 < each.high < 0.1


def test_only_distances_count() -> None:
    real, fake = normal(70, 90, 14, torch.float64), 0.9 * normal(60, 90, 15, torch.float64)
    turn = torch.linalg.qr(normal(90, 90, 16, torch.float64)).Q
    before = prdc(real, fake, 4)
    assert prdc(1e6 * real @ turn + 1e7, 1e6 * fake @ turn + 1e7, 4) == before
    order = torch.randperm(70)
    assert prdc(real[order], fake.flip(0), 4) == before


@pytest.mark.parametrize(("n", "m", "d", "k"), [(300, 200, 5, 5), (250, 400, 150, 3)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_prdc_package_agrees_to_the_last_sample(
    n: int, m: int, d: int, k: int, dtype: torch.dtype
) -> None:
    oracle = pytest.importorskip("prdc")
    for seed in range(3):
        real, fake = normal(n, d, seed, dtype), 0.95 * normal(m, d, seed + 9, dtype) + 0.05
        with contextlib.redirect_stdout(io.StringIO()):
            expected = oracle.compute_prdc(real.numpy(), fake.numpy(), k)
        assert prdc(real, fake, k)._asdict() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("n", "m", "d", "k"), [(20, 10, 2, 3), (8, 25, 60, 2), (12, 12, 7, 5)])
def test_expectations_for_two_samples_of_one_distribution(n: int, m: int, d: int, k: int) -> None:
    values = np.array([prdc(normal(n, d, 2 * s), normal(m, d, 2 * s + 1), k) for s in range(400)])
    error = values.std(0, ddof=1) / math.sqrt(len(values))
    assert abs(values[:, 3].mean() - expected_coverage(n, m, k)) < 4 * error[3]
    assert abs(values[:, 2].mean() - 1) < 4 * error[2]


def test_expected_coverage() -> None:
    # One of three points is generated, and it is not nearest to a given other in half of the cases.
    assert expected_coverage(2, 1, 1) == pytest.approx(1 / 2)
    assert expected_coverage(10_000, 10_000, 5) == pytest.approx(0.9688, abs=5e-5)
    assert expected_coverage(3, 1, 2) == pytest.approx(1 - 1 / 3)


def test_intervals_stay_within_range_and_contain_the_value() -> None:
    for scale, shift in ((1.0, 0.0), (0.3, 0.0), (1.0, 1.5), (2.0, 0.0), (1.0, 3.0)):
        for seed in range(5):
            fake = scale * normal(100, 8, seed) + shift
            estimates = prdc_estimates(normal(120, 8, seed + 20), fake)
            for name, each in estimates._asdict().items():
                assert 0 <= each.low <= each.value <= each.high
                assert each.high <= 1 or name == "density"
                assert each.high > each.low
                assert len(each.replicates) == BLOCKS
                assert (each.n_real, each.n_fake) == (120, 100)


def shares_covered(
    n: int, m: int, d: int, scale: float, shift: float, k: int = 5, simulations: int = 200
) -> Prdc:
    """In which share of the simulations an interval contains the mean of fresh draws."""

    def draw(seed: int) -> tuple[Tensor, Tensor]:
        return normal(n, d, 2 * seed), scale * normal(m, d, 2 * seed + 1) + shift

    fresh = simulations * 3 // 2
    truth = np.mean([prdc(*draw(10**6 + s), k) for s in range(fresh)], 0)
    estimates = [prdc_estimates(*draw(s), k) for s in range(simulations)]
    return Prdc(
        *(
            np.mean([each[i].low <= truth[i] <= each[i].high for each in estimates])
            for i in range(4)
        )
    )


def test_intervals_cover() -> None:
    assert min(shares_covered(150, 150, 6, 1.0, 0.3)) >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "m", "d", "scale", "shift", "simulations"),
    [
        (400, 400, 2, 1.0, 0.0, 200),
        (400, 400, 64, 1.0, 0.0, 200),
        (400, 400, 600, 1.0, 0.0, 200),
        (400, 400, 16, 0.3, 0.0, 200),
        (400, 400, 8, 1.0, 1.2, 1000),
        (200, 200, 8, 1.5, 0.0, 200),
        (300, 900, 8, 1.0, 0.3, 200),
    ],
    ids=["plane", "wide", "hubs", "collapsed", "far", "spread out", "unequal"],
)
def test_intervals_cover_in_other_places(
    n: int, m: int, d: int, scale: float, shift: float, simulations: int
) -> None:
    """At least nine times in ten.

    Far apart, precision depends on a few examples with large balls: of the first 200 simulations
    the intervals of precision cover 0.85 to 0.88 and those of recall, alike by symmetry, 0.97 to
    0.98. So that place takes a thousand.
    """
    covered = shares_covered(n, m, d, scale, shift, simulations=simulations)
    assert min(covered) >= 0.9, covered


@pytest.mark.slow
def test_identical_gaussians_of_a_thousand_dimensions() -> None:
    """The control of Naeem et al.: one published draw, against four of ours.

    Deviations of single draws, from eight of ours: .0126, .0101, .0821, .0081.
    """
    means = np.mean(
        [prdc(normal(10_000, 1000, s), normal(10_000, 1000, s + 4)) for s in range(4)], 0
    )
    deviation = np.array([0.0126, 0.0101, 0.0821, 0.0081])
    published = np.array([0.4772, 0.4705, 1.0555, 0.9735])
    assert (abs(means - published) < 4 * deviation * math.sqrt(1 + 1 / 4)).all()
    expected = np.array([1.0, expected_coverage(10_000, 10_000)])
    assert (abs(means - expected[[0, 0, 0, 1]])[2:] < 4 * deviation[2:] / 2).all()


def test_what_cannot_be_asked() -> None:
    x = normal(60, 3, 17)
    with pytest.raises(BadInput, match="5 real samples are too few for precision and recall"):
        prdc(x[:5], x)
    with pytest.raises(BadInput, match="5 generated samples"):
        prdc(x, x[:5])
    assert prdc(x[:6], x[:6]) == Prdc(1.0, 1.0, 1.0, 1.0)
    with pytest.raises(BadInput, match=r"39 generated samples are too few .* and an interval"):
        prdc_estimates(x, x[:39])
    with pytest.raises(BadInput, match="40 real samples are too few"):
        prdc_estimates(x[:40], x, k=38)
    assert prdc_estimates(x[:40], x, k=37).coverage.value == 1
    bad = x.clone()
    bad[0, 0] = math.nan
    with pytest.raises(BadInput, match="not finite"):
        prdc(x, bad)
