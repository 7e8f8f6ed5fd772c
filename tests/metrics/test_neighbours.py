"""Nearest neighbours against brute force: rounding, duplicates, extreme values, memory."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from saddlepoint.errors import BadInput
from saddlepoint.metrics import neighbours
from saddlepoint.metrics.neighbours import Space, candidates, nearest


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)


def brute(x: Tensor, y: Tensor, k: int, exclude_self: bool = False) -> np.ndarray:
    """The k smallest distances of each row, by differences in float64, in NumPy."""
    a, b = x.double().numpy(), y.double().numpy()
    distances_to_all = np.empty((len(a), k))
    for i, row in enumerate(a):
        distances = np.sqrt(((b - row) ** 2).sum(1))
        if exclude_self:
            distances = np.delete(distances, i)
        distances_to_all[i] = np.sort(distances)[:k]
    return distances_to_all


def agree(result: neighbours.Neighbours, x: Tensor, y: Tensor, exclude_self: bool = False) -> None:
    """Distances are those of brute force, ascending, and the indices belong to them."""
    k = result.distances.shape[1]
    np.testing.assert_allclose(
        result.distances.numpy(), brute(x, y, k, exclude_self), rtol=1e-12, atol=1e-300
    )
    gap = x.double()[:, None] - y.double()[result.indices]
    torch.testing.assert_close(gap.norm(dim=2), result.distances, rtol=1e-12, atol=1e-300)
    for i, row in enumerate(result.indices.tolist()):
        assert len(set(row)) == k
        assert not exclude_self or i not in row


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "TILE", 37)


@pytest.fixture
def dtypes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[torch.dtype]]:
    """The precisions in which tiles are computed."""
    seen: list[torch.dtype] = []
    tiles = Space.tiles

    def watched(space: Space) -> Iterator[tuple[slice, slice, Tensor]]:
        seen.append(space.dtype)
        return tiles(space)

    monkeypatch.setattr(Space, "tiles", watched)
    return seen


@pytest.mark.parametrize("d", [1, 2, 64, 65, 300])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_neighbours_are_those_of_brute_force(d: int, dtype: torch.dtype) -> None:
    x, y = normal(90, d, seed=1, dtype=dtype), 1.5 + 2 * normal(140, d, seed=2, dtype=dtype)
    agree(nearest(x, y, 4), x, y)
    agree(nearest(y, x, 90), y, x)
    agree(nearest(y, y, 7, exclude_self=True), y, y, exclude_self=True)
    agree(nearest(y, y.clone(), 7, exclude_self=True), y, y, exclude_self=True)
    agree(nearest(y, y, 1), y, y)
    assert nearest(y, y, 1).distances.max() == 0


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize(("n", "m"), [(37, 37), (74, 100), (38, 36), (5, 200), (1, 1)])
def test_tiles_do_not_show(n: int, m: int) -> None:
    x, y = normal(n, 80, seed=3), normal(m, 80, seed=4)
    agree(nearest(x, y, min(m, 6)), x, y)
    if m > 1:
        agree(nearest(y, y, min(m - 1, 6), exclude_self=True), y, y, exclude_self=True)


def test_the_smallest_of_a_row_are_found_by_groups() -> None:
    for columns, count in ((2048, 9), (2000, 16), (64, 16), (65, 16), (500, 3), (7, 7)):
        tile = normal(50, columns, seed=columns)
        expected = tile.sort(1).values[:, :count]
        for each in (tile, tile.T.contiguous().T):
            values, where = neighbours._smallest(each, count)
            assert torch.equal(values.sort(1).values, expected)
            assert torch.equal(tile.gather(1, where), values)


@pytest.mark.parametrize("offset", [100.0, 1e4, 1e6])
def test_a_large_common_offset_costs_no_digits(offset: float, dtypes: list[torch.dtype]) -> None:
    x, y = normal(60, 100, seed=5) + offset, normal(80, 100, seed=6) + offset
    agree(nearest(x, y, 5), x, y)
    assert dtypes == [torch.float32]  # nothing has to be looked up in float64
    plain = x.square().sum(1)[:, None] + y.square().sum(1) - 2 * x @ y.T
    truth = torch.cdist(x.double(), y.double(), compute_mode="donot_use_mm_for_euclid_dist")
    if offset >= 1e4:  # the trap is there: the textbook formula is wrong by more than the distances
        assert (plain - truth.square()).abs().max() > 0.1 * truth.square().median()


def test_duplicates_are_at_distance_zero_and_neighbours_of_each_other(
    dtypes: list[torch.dtype],
) -> None:
    y = normal(120, 500, seed=7) * 3 + 50
    x = normal(40, 500, seed=8) * 3 + 50
    x[3], x[9], y[60], y[61] = y[17], y[5], y[4], y[4]
    closest = nearest(x, y, 2)
    assert closest.distances[3, 0] == closest.distances[9, 0] == 0
    assert (closest.indices[3, 0], closest.indices[9, 0]) == (17, 5)
    assert (closest.distances[:, 1] > 0).all()
    closest = nearest(y, y, 3, exclude_self=True)
    for i in (4, 60, 61):
        assert closest.distances[i, :2].tolist() == [0, 0] < [closest.distances[i, 2], 0]
        assert set(closest.indices[i, :2].tolist()) == {4, 60, 61} - {i}
    same = normal(4, 500, seed=22).repeat(20, 1)
    dtypes.clear()
    assert (nearest(same, same, 5, exclude_self=True).distances == 0).all()
    assert dtypes == [torch.float32]  # nothing can be nearer, so nothing is looked up again
    assert (nearest(same * 0, same * 0, 5, exclude_self=True).distances == 0).all()


@pytest.mark.usefixtures("small_tiles")
def test_a_pair_has_the_same_distance_to_the_last_bit_wherever_it_comes_up() -> None:
    x = normal(150, 700, seed=9)
    copies = torch.cat([100 * normal(90, 700, seed=10), x[torch.randperm(150)[:60]]])
    within = nearest(x, x, 149, exclude_self=True)
    table = torch.zeros(150, 150, dtype=torch.float64)
    table.scatter_(1, within.indices, within.distances)
    assert torch.equal(table, table.T)
    across = nearest(x, copies, 60)
    original = torch.cdist(copies[90:], x).argmin(1)
    # y is a copy of x[original], in a set of another centre, scale and size
    assert torch.equal(
        across.distances, table[torch.arange(150)[:, None], original[across.indices - 90]]
    )
    one_by_one = torch.cat([nearest(row[None], x, 150).distances for row in x[:20]])
    assert torch.equal(one_by_one[:, 1:], within.distances[:20])


def test_one_pair_alone_has_the_same_distance_too() -> None:
    """Several threads share the sum of a single long row, in another order."""
    x = normal(4, 200_000, seed=20)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        space = Space.of(x, x)
        together = space.squares(torch.tensor([0, 0, 1]), torch.tensor([1, 2, 3]))
        alone = [space.squares(torch.tensor([i]), torch.tensor([j])) for i, j in ((0, 1), (1, 3))]
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(torch.cat(alone), together[[0, 2]])


def test_bounds_hold_where_squares_vanish_in_float32() -> None:
    x = 1e-24 * normal(50, 100, seed=21)
    x[0] = 1
    space = Space.of(x, x)
    ((_, _, tile),) = space.tiles()
    i, j = torch.arange(50)[:, None].expand(50, 50), torch.arange(50).expand(50, 50)
    slack = space.slack(space.x_norms[:, None], space.y_norms)
    assert space.dtype == torch.float32
    assert (tile.double() <= space.squares(i, j)).all()
    assert (space.squares(i, j) <= tile.double() + slack).all()


def test_bounds_enclose_the_distances() -> None:
    for d, offset, seed in ((65, 0.0, 0), (1000, 3.0, 1), (6000, -1e3, 2), (80, 1e5, 3)):
        x = (normal(50, d, seed=seed) + offset) * torch.logspace(-3, 3, 50)[:, None]
        y = normal(70, d, seed=seed + 10).abs() + offset
        for space in (Space.of(x, y), Space.of(y, y), Space.of(x, y, torch.float64)):
            ((rows, columns, tile),) = space.tiles()
            i = torch.arange(rows.stop)[:, None].expand(tile.shape)
            j = torch.arange(columns.stop)[None].expand(tile.shape)
            truth = space.squares(i, j)
            slack = space.slack(space.x_norms[:, None], space.y_norms)
            assert (tile.double() <= truth).all()
            assert (truth <= tile.double() + slack).all()
            fine = 1e-13 if space.dtype == torch.float64 else 2e-3
            assert (slack <= fine * (space.x_norms[:, None] + space.y_norms) * d / 60).all()


def test_limits_of_a_tile_and_of_pairs_tell_what_is_below_a_radius() -> None:
    for space in (Space.of(normal(60, 400), normal(80, 400, seed=1)),):
        ((rows, columns, tile),) = space.tiles()
        i = torch.arange(60)[:, None].expand(tile.shape)
        j = torch.arange(80)[None].expand(tile.shape)
        truth = space.distances(i, j)
        by_row, by_column = truth.sort(1).values[:, 7], truth.sort(0).values[11]
        for axis, radii, shaped in ((0, by_row, by_row[:, None]), (1, by_column, by_column[None])):
            inside = truth < shaped  # one pair of each row, or column, lies at the radius itself
            assert inside[tile < space.surely_below(radii, rows, columns, axis)].all()
            assert not inside[tile > space.perhaps_below(radii, axis)].any()
            settled = (tile < space.surely_below(radii, rows, columns, axis)) | (
                tile > space.perhaps_below(radii, axis)
            )
            assert settled.double().mean() > 0.95
            pair_radii = shaped.expand(tile.shape).reshape(-1, 1)
            table = torch.cat([pair_radii, 0 * pair_radii - 1, 1.001 * pair_radii], 1)
            answer = space.below(i.reshape(-1), j.reshape(-1), tile.reshape(-1), table)
            assert torch.equal(answer[:, 0], inside.reshape(-1))
            assert not answer[:, 1].any()
            assert torch.equal(answer[:, 2], (truth.reshape(-1) < table[:, 2]))


def test_tight_clusters_far_apart_are_looked_up_again_in_float64(dtypes: list[torch.dtype]) -> None:
    centres = 1000 * normal(6, 100, seed=11)
    x = centres.repeat(30, 1) + 0.01 * normal(180, 100, seed=12)
    agree(nearest(x, x, 5, exclude_self=True), x, x, exclude_self=True)
    agree(nearest(x[:70], x[70:], 3), x[:70], x[70:])
    assert dtypes == [torch.float32, torch.float64] * 2
    dtypes.clear()
    y = normal(300, 100, seed=13)
    nearest(y, y, 5, exclude_self=True)
    assert dtypes == [torch.float32]
    assert Space.suited(x, x, torch.full((9,), 0.1).double()).dtype == torch.float64
    assert Space.suited(x, x, torch.full((9,), 900.0).double()).dtype == torch.float32


def test_products_of_lower_precision_are_noticed(dtypes: list[torch.dtype]) -> None:
    x, y = normal(300, 200, seed=14), normal(300, 200, seed=15)
    before = nearest(x, y, 5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under = nearest(x, y, 5)
    assert dtypes == [torch.float32] * 2
    try:
        torch.set_float32_matmul_precision("medium")
        assert torch.equal(nearest(x, y, 5).distances, before.distances)
        loosened = float((torch.mm(x, x.T).double() - x.double() @ x.double().T).abs().max())
    finally:
        torch.set_float32_matmul_precision("highest")
    assert torch.equal(under.distances, before.distances)
    assert dtypes[-1] == (torch.float64 if loosened > 0.05 else torch.float32)


@pytest.mark.parametrize(
    ("scale", "dtype"),
    [
        (1e-30, torch.float32),
        (1e37, torch.float32),
        (1e-140, torch.float64),
        (1e200, torch.float64),
    ],
)
@pytest.mark.parametrize("d", [3, 90])
def test_tiny_and_huge_values(scale: float, dtype: torch.dtype, d: int) -> None:
    x, y = (normal(n, d, seed=n, dtype=torch.float64) for n in (30, 40))
    expected = brute((x * scale).to(dtype) / scale, (y * scale).to(dtype) / scale, 3)
    closest = nearest((x * scale).to(dtype), (y * scale).to(dtype), 3)
    np.testing.assert_allclose(closest.distances.numpy() / scale, expected, rtol=1e-6)


def test_one_outlier_does_not_blur_the_others() -> None:
    x = normal(60, 100, seed=16)
    x[7] = 1e30
    closest = nearest(x, x, 4, exclude_self=True)
    others = torch.arange(60) != 7
    expected = brute(x[others], x[others], 4, exclude_self=True)
    np.testing.assert_allclose(closest.distances[others].numpy(), expected, rtol=1e-12)
    np.testing.assert_allclose(closest.distances[7].numpy(), 1e31, rtol=1e-6)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    n=st.integers(2, 12),
    m=st.integers(2, 12),
    d=st.sampled_from([1, 3, 70]),
    levels=st.integers(1, 4),
    scale=st.sampled_from([1e-20, 1.0, 1e10]),
    seed=st.integers(0, 10**6),
)
def test_many_ties(n: int, m: int, d: int, levels: int, scale: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    x, y = (torch.from_numpy(random.integers(levels, size=(c, d)) * scale) for c in (n, m))
    agree(nearest(x, y, m), x, y)
    agree(nearest(x.float(), y.float(), 1), x.float(), y.float())
    agree(nearest(y, y, m - 1, exclude_self=True), y, y, exclude_self=True)


def test_inputs_are_left_alone_and_need_no_gradient() -> None:
    x = normal(20, 70, seed=17).requires_grad_()
    kept = x.detach().clone()
    closest = nearest(x, x, 2, exclude_self=True)
    assert torch.equal(x, kept)
    assert not closest.distances.requires_grad
    assert closest.distances.dtype == torch.float64
    half = nearest(kept.bfloat16(), kept.bfloat16(), 2, exclude_self=True)
    expected = nearest(kept.bfloat16().float(), kept.bfloat16().float(), 2, exclude_self=True)
    assert torch.equal(half.distances, expected.distances)
    again = nearest(kept, kept, 2, exclude_self=True)
    assert torch.equal(again.indices, closest.indices)


def test_candidates_are_the_smallest_bounds() -> None:
    x, y = normal(40, 100, seed=18), normal(500, 100, seed=19)
    space = Space.of(x, y)
    ((_, _, tile),) = space.tiles()
    expected = tile.clone().sort(1)
    bounds, indices = candidates(space, 30)
    assert torch.equal(bounds, expected.values[:, :30])
    assert torch.equal(tile.gather(1, indices), bounds)


def test_what_cannot_be_asked() -> None:
    x = normal(10, 3)
    for value in (math.nan, math.inf):
        bad = x.clone()
        bad[4, 1] = value
        with pytest.raises(BadInput, match="not finite"):
            nearest(x, bad, 1)
    largest = torch.full((10, 3), 3e38)  # finite, although the sum is not
    assert (nearest(largest, largest, 1).distances == 0).all()
    with pytest.raises(ValueError, match="no 10 neighbours among 9 others"):
        nearest(x, x, 10, exclude_self=True)
    with pytest.raises(ValueError, match="no 0 neighbours"):
        nearest(x, x, 0)
    with pytest.raises(ValueError, match="cannot be the same"):
        nearest(x, x[:5], 2, exclude_self=True)
    with pytest.raises(ValueError, match="3 and 2 numbers"):
        nearest(x, x[:, :2], 2)
    with pytest.raises(ValueError, match="shape"):
        nearest(x[0], x, 1)


def test_memory_is_bounded() -> None:
    """All distances of 12,000 rows would take 576 MB in float32."""
    program = (
        "import resource, torch\n"
        "from saddlepoint.metrics.neighbours import nearest\n"
        "torch.set_num_threads(1)\n"
        "x = torch.randn(12000, 80)\n"
        "nearest(x[:100], x[:100], 5)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "nearest(x, x, 5, exclude_self=True)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) / 1024 < 200  # MB
