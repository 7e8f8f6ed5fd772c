"""Sliced Wasserstein distance: exact transport, closed forms, POT, leaving out, intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize
from torch import Tensor

from saddlepoint.errors import BadInput
from saddlepoint.metrics import sliced
from saddlepoint.metrics.estimate import BLOCKS, blocks
from saddlepoint.metrics.sliced import directions, sliced_distance, sliced_estimate


def normal(n: int, d: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def by_repetition(x: np.ndarray, y: np.ndarray) -> float:
    """W₂² of unequal samples: both repeated to their common multiple, sorted and paired."""
    size = math.lcm(len(x), len(y))
    x, y = np.sort(np.repeat(x, size // len(x))), np.sort(np.repeat(y, size // len(y)))
    return float(((x - y) ** 2).mean())


def by_loops(real: np.ndarray, fake: np.ndarray, projections: int, seed: int) -> float:
    lines = directions(real.shape[1], projections, seed).numpy()
    return math.sqrt(np.mean([by_repetition(real @ line, fake @ line) for line in lines]))


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 10_000))
def test_transport_between_unequal_samples_is_the_linear_program_s(
    n: int, m: int, seed: int
) -> None:
    x, y = normal(n, 1, seed).flatten(), (normal(m, 1, seed + 1) + 0.5).flatten().round(decimals=1)
    cost = (x[:, None] - y).square().numpy()
    rows = np.kron(np.eye(n), np.ones(m))
    columns = np.kron(np.ones(n), np.eye(m))
    solved = optimize.linprog(
        cost.ravel(),
        A_eq=np.vstack([rows, columns]),
        b_eq=np.concatenate([np.full(n, 1 / n), np.full(m, 1 / m)]),
    )
    value = sliced_distance(x[:, None], y[:, None], projections=3)
    assert value**2 == pytest.approx(solved.fun, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 9), (30, 30), (20, 30), (31, 17), (100, 10)])
def test_one_dimension_needs_no_projection(n: int, m: int) -> None:
    x, y = normal(n, 1, 0), normal(m, 1, 1) * 2 + 1
    expected = math.sqrt(by_repetition(x.flatten().numpy(), y.flatten().numpy()))
    assert sliced_distance(x, y, projections=2) == pytest.approx(expected, rel=1e-12)
    assert sliced_distance(y, x, projections=2) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("n", "m", "d"), [(25, 25, 3), (40, 17, 8), (1, 12, 2)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_loops_agree(n: int, m: int, d: int, dtype: torch.dtype) -> None:
    real, fake = normal(n, d, 2).to(dtype), (normal(m, d, 3) * 1.5 + 0.3).to(dtype)
    expected = by_loops(real.double().numpy(), fake.double().numpy(), 40, 5)
    assert sliced_distance(real, fake, 40, 5) == pytest.approx(expected, rel=1e-11)


def test_a_translation() -> None:
    """θ·(x + s) = θ·x + θ·s: W₂² is (θ·s)² on each line, and |s|²/d in the mean over lines."""
    d = 6
    real, shift = normal(50, d, 4), torch.tensor([1.0, -2.0, 0.5, 0.0, 3.0, 1.0])
    lines = directions(d, 64, 9)
    expected = math.sqrt(float((lines @ shift.double()).square().mean()))
    assert sliced_distance(real, real + shift, 64, 9) == pytest.approx(expected, rel=1e-12)
    limit = float(shift.square().sum()) / d
    value = sliced_distance(real, real + shift, 20_000, 0) ** 2
    spread = math.sqrt(2 * (d - 1) / (d + 2) / 20_000)  # relative, of the square of a coordinate
    assert value == pytest.approx(limit, rel=4 * spread)


def test_gaussians_of_different_spread() -> None:
    """All lines see N(0, 1) and N(0, 4), whose distance is 1."""
    value = sliced_distance(normal(40_000, 3, 5), 2 * normal(40_000, 3, 6), 50)
    assert value == pytest.approx(1, abs=0.02)


def test_directions_are_uniform_on_the_sphere() -> None:
    lines = directions(4, 20_000, 0)
    torch.testing.assert_close(lines.norm(dim=1), torch.ones(20_000, dtype=torch.float64))
    second = lines.T @ lines / len(lines)
    torch.testing.assert_close(second, torch.eye(4).double() / 4, rtol=0, atol=0.01)
    fourth = lines.pow(4).mean(0)
    torch.testing.assert_close(fourth, torch.full((4,), 3 / 24).double(), rtol=0, atol=0.01)
    assert lines.mean(0).abs().max() < 0.02


def test_the_distance_is_one_in_its_arguments() -> None:
    real, fake = normal(30, 5, 7), normal(45, 5, 8) + 1
    value = sliced_distance(real, fake)
    assert sliced_distance(fake, real) == pytest.approx(value, rel=1e-12)
    assert sliced_distance(3 * real, 3 * fake) == pytest.approx(3 * value, rel=1e-12)
    assert sliced_distance(real + 7, fake + 7) == pytest.approx(value, rel=1e-10)
    assert sliced_distance(real.flip(0), fake.flip(0)) == pytest.approx(value, rel=1e-12)
    assert sliced_distance(real, real.flip(0)) == pytest.approx(0, abs=1e-12)
    assert sliced_distance(real, real.repeat(3, 1)) == pytest.approx(0, abs=1e-12)
    other = normal(20, 5, 9)
    assert value <= sliced_distance(real, other) + sliced_distance(other, fake) + 1e-12


def test_the_seed_alone_decides() -> None:
    real, fake = normal(30, 5, 10), normal(45, 5, 11)
    state = torch.get_rng_state(), np.random.get_state()[1].copy()
    assert sliced_distance(real, fake, 8, 1) == sliced_distance(real, fake, 8, 1)
    assert sliced_distance(real, fake, 8, 1) != sliced_distance(real, fake, 8, 2)
    assert torch.equal(state[0], torch.get_rng_state())
    assert (state[1] == np.random.get_state()[1]).all()
    assert sliced_distance(real, fake) == sliced_distance(real, fake, 512, 0)


def test_pot_agrees() -> None:
    ot = pytest.importorskip("ot")
    for n, m in ((60, 60), (60, 41)):
        real, fake = normal(n, 7, 12).numpy(), normal(m, 7, 13).numpy() * 1.4 + 0.2
        lines = directions(7, 50, 3).numpy()
        expected = ot.sliced_wasserstein_distance(real, fake, p=2, projections=lines.T)
        value = sliced_distance(torch.from_numpy(real), torch.from_numpy(fake), 50, 3)
        assert value == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(("n", "m"), [(40, 40), (61, 87)])
@pytest.mark.parametrize("held", [2**21, 300])
def test_leaving_blocks_out_equals_recomputing(
    n: int, m: int, held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sliced, "HELD", held)  # several lines, or few, at a time
    monkeypatch.setattr(sliced, "ROWS", 13)
    real, fake = normal(n, 3, 14).round(decimals=1), normal(m, 3, 15) + 0.4  # with ties
    estimate = sliced_estimate(real, fake, 20, 4)
    assert (estimate.n_real, estimate.n_fake, len(estimate.replicates)) == (n, m, BLOCKS)
    assert estimate.value == pytest.approx(sliced_distance(real, fake, 20, 4), rel=1e-12)
    x, y = real.numpy(), fake.numpy()
    assert estimate.value == pytest.approx(by_loops(x, y, 20, 4), rel=1e-11)
    for b, (i, j) in enumerate(zip(blocks(n), blocks(m), strict=True)):
        naive = by_loops(np.delete(x, i, 0), np.delete(y, j, 0), 20, 4)
        assert estimate.replicates[b] == pytest.approx(naive, rel=1e-11)
    assert 0 <= estimate.low <= estimate.value <= estimate.high


@pytest.mark.parametrize("shift", [0.0, 0.6])
def test_intervals_cover_at_least_nine_times_in_ten(shift: float) -> None:
    """The expectation at this n; between equal distributions it is far from zero, all bias."""
    n, m, d = 80, 100, 4

    def fresh(seed: int) -> tuple[Tensor, Tensor]:
        return normal(n, d, 2 * seed), normal(m, d, 2 * seed + 1) + shift

    expected = np.mean([sliced_distance(*fresh(5000 + s), 30) for s in range(1500)])
    covered = 0
    for seed in range(200):
        estimate = sliced_estimate(*fresh(seed), 30)
        covered += estimate.low <= expected <= estimate.high
    assert covered >= 180


def test_degenerate_and_refused_inputs() -> None:
    flat = torch.full((50, 3), 2.0)
    assert sliced_distance(flat, flat) == 0
    assert sliced_estimate(flat, flat).high == 0
    lonely = flat.clone()
    lonely[0] = 100.0  # all of the distance is one sample's, and the interval wider than the value
    assert sliced_estimate(lonely, flat).low == 0
    assert sliced_distance(1e15 * normal(50, 3, 0), 1e-15 * normal(60, 3, 1)) > 0
    with pytest.raises(BadInput, match="dimensions"):
        sliced_distance(torch.zeros(5, 3), torch.zeros(5, 4))
    with pytest.raises(BadInput, match="both sides"):
        sliced_distance(torch.zeros(0, 3), torch.zeros(5, 3))
    with pytest.raises(BadInput, match="0 projections"):
        sliced_distance(torch.zeros(5, 3), torch.zeros(5, 3), projections=0)
    with pytest.raises(BadInput, match="at least 40"):
        sliced_estimate(flat[:39], flat)
    for broken in (math.nan, math.inf, 1e200):
        fake = normal(50, 3, 0)
        fake[7, 1] = broken
        with pytest.raises(BadInput, match="finite"):
            sliced_distance(normal(60, 3, 1), fake)
        with pytest.raises(BadInput, match="finite"):
            sliced_estimate(normal(60, 3, 1), fake)
