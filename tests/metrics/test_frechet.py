"""Fréchet distance: closed forms, independent implementations, degenerate inputs, intervals."""

from __future__ import annotations

import importlib.util
import math
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg
from torch import Tensor

from saddlepoint.errors import BadInput
from saddlepoint.metrics import frechet
from saddlepoint.metrics.estimate import BLOCKS, blocks
from saddlepoint.metrics.frechet import (
    Moments,
    frechet_distance,
    frechet_estimate,
    frechet_infinite_estimate,
    samples_needed,
)


def normal(n: int, d: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def correlated(n: int, d: int, seed: int) -> Tensor:
    """Rows of a covariance far from diagonal, whose eigenvalues differ a lot."""
    mixing = normal(d, d, 1000 + seed) * torch.logspace(0, -2, d, dtype=torch.float64)
    return normal(n, d, seed) @ mixing.T


def gaussian(mean: Tensor, covariance: Tensor, n: int = 1000) -> Moments:
    """Moments of n samples that have exactly this mean and covariance."""
    return Moments(n, mean.double(), covariance.double() * (n - 1))


def distance(real: Tensor, fake: Tensor) -> float:
    return frechet_distance(Moments.of(real), Moments.of(fake))


def by_square_root(real: np.ndarray, fake: np.ndarray) -> float:
    """The textbook formula, from numpy's covariances and scipy's root of their product."""
    first, second = np.atleast_2d(np.cov(real.T)), np.atleast_2d(np.cov(fake.T))
    gap = real.mean(0) - fake.mean(0)
    root = linalg.sqrtm(first @ second)
    return float(gap @ gap + np.trace(first) + np.trace(second) - 2 * np.trace(root).real)


def by_singular_values(real: np.ndarray, fake: np.ndarray) -> float:
    """From the rows: the trace of the root is the nuclear norm of A₁A₂ᵀ. Exact at any rank."""
    rows = [(side - side.mean(0)) / math.sqrt(len(side) - 1) for side in (real, fake)]
    gap = real.mean(0) - fake.mean(0)
    nuclear = np.linalg.svd(rows[0] @ rows[1].T, compute_uv=False).sum()
    return float(gap @ gap + (rows[0] ** 2).sum() + (rows[1] ** 2).sum() - 2 * nuclear)


# --- moments ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "d"), [(1, 3), (2, 1), (700, 5), (1500, 401)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_moments_are_numpy_s(n: int, d: int, dtype: torch.dtype) -> None:
    features = normal(n, d, 0, dtype) * 3 + 1
    moments = Moments.of(features)
    rows = features.double().numpy()
    assert moments.n == n
    assert moments.mean.dtype == moments.scatter.dtype == torch.float64
    np.testing.assert_allclose(moments.mean, rows.mean(0), rtol=1e-12, atol=1e-13)
    scatter = (rows - rows.mean(0)).T @ (rows - rows.mean(0))
    np.testing.assert_allclose(moments.scatter, scatter, rtol=1e-10, atol=1e-9)
    if n > 1:
        expected = np.atleast_2d(np.cov(rows.T))
        np.testing.assert_allclose(moments.covariance, expected, rtol=1e-10, atol=1e-12)


def test_streaming_equals_one_shot() -> None:
    features = correlated(1100, 30, 1)
    streamed = Moments.of(features[:0])
    for part in features.split([1, 500, 0, 37, 562]):
        streamed = streamed.plus(Moments.of(part))
    whole = Moments.of(features)
    assert streamed.n == whole.n
    torch.testing.assert_close(streamed.mean, whole.mean, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(streamed.scatter, whole.scatter, rtol=1e-11, atol=1e-11)


def test_minus_equals_recomputing() -> None:
    features = correlated(900, 12, 2) + torch.arange(900)[:, None] / 300  # parts differ in mean
    whole = Moments.of(features)
    for low, high in [(0, 100), (350, 351), (100, 900)]:
        rest = whole.minus(Moments.of(features[low:high]))
        expected = Moments.of(torch.cat([features[:low], features[high:]]))
        assert rest.n == expected.n
        torch.testing.assert_close(rest.mean, expected.mean, rtol=1e-11, atol=1e-13)
        torch.testing.assert_close(rest.scatter, expected.scatter, rtol=1e-9, atol=1e-9)
    nothing = whole.minus(whole)
    assert nothing.n == 0
    assert not nothing.mean.any()
    assert not nothing.scatter.any()
    with pytest.raises(ValueError, match="cannot take"):
        Moments.of(features[:10]).minus(whole)


def test_a_large_common_offset_costs_no_digits() -> None:
    features = correlated(2000, 8, 3)
    # 2²³ and these few bits add exactly in float64, so that only the algorithm can lose any.
    features = (features * 2**20).round() / 2**20
    near, far = Moments.of(features), Moments.of(features + 2.0**23)
    torch.testing.assert_close(far.scatter, near.scatter, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(far.mean - 2.0**23, near.mean, rtol=0, atol=1e-8)
    # The same with samples in an order that is not random: the first rows lie far from the mean.
    order = features[:, 0].argsort()
    ordered = Moments.of(features[order] + 2.0**23)
    torch.testing.assert_close(ordered.scatter, near.scatter, rtol=1e-8, atol=1e-8)
    half = Moments.of(features[:1000] + 2.0**23).plus(Moments.of(features[1000:] + 2.0**23))
    torch.testing.assert_close(half.scatter, near.scatter, rtol=1e-8, atol=1e-8)


def test_moments_refuse_what_they_cannot_describe() -> None:
    with pytest.raises(BadInput, match="finite"):
        Moments.of(torch.tensor([[1.0, math.nan], [0.0, 1.0]]))
    with pytest.raises(BadInput, match="finite"):
        Moments.of(torch.tensor([[1.0], [math.inf]]))
    with pytest.raises(BadInput, match="samples, dimensions"):
        Moments.of(torch.zeros(3))
    with pytest.raises(BadInput, match="at least 2 samples"):
        _ = Moments.of(torch.zeros(1, 3)).covariance
    with pytest.raises(BadInput, match="3 dimensions and generated ones 4"):
        distance(torch.zeros(5, 3), torch.zeros(5, 4))
    with pytest.raises(BadInput, match="3 dimensions and generated ones 4"):
        Moments.of(torch.zeros(5, 3)).plus(Moments.of(torch.zeros(5, 4)))
    with pytest.raises(BadInput, match="huge"):
        distance(torch.full((4, 2), 1e200, dtype=torch.float64), torch.zeros(4, 2))


# --- the distance ----------------------------------------------------------------------------


def test_diagonal_gaussians() -> None:
    spread = torch.tensor([0.5, 1.0, 3.0]), torch.tensor([2.0, 1.0, 0.1])
    mean = torch.tensor([1.0, -2.0, 0.0]), torch.tensor([0.0, 0.5, 4.0])
    value = frechet_distance(
        gaussian(mean[0], spread[0].square().diag()), gaussian(mean[1], spread[1].square().diag())
    )
    expected = (mean[0] - mean[1]).square().sum() + (spread[0] - spread[1]).square().sum()
    assert value == pytest.approx(float(expected), rel=1e-6)


def test_commuting_covariances() -> None:
    axes = torch.linalg.qr(normal(6, 6, 4)).Q
    first, second = normal(6, 1, 5).exp().flatten(), normal(6, 1, 6).exp().flatten()
    value = frechet_distance(
        gaussian(torch.zeros(6), axes * first @ axes.T),
        gaussian(torch.zeros(6), axes * second @ axes.T, n=77),
    )
    assert value == pytest.approx(float((first.sqrt() - second.sqrt()).square().sum()), rel=1e-11)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000))
def test_any_two_by_two(seed: int) -> None:
    """tr √M = √(tr M + 2 √det M), and the product of covariances has M's trace and determinant."""
    a, b = normal(2, 2, seed), normal(2, 2, seed + 1)
    a, b = a @ a.T, b @ b.T
    root = math.sqrt(float((a @ b).trace()) + 2 * math.sqrt(float(a.det().clamp(min=0) * b.det())))
    expected = float(a.trace() + b.trace()) - 2 * root
    zero = torch.zeros(2)
    value = frechet_distance(gaussian(zero, a), gaussian(zero, b))
    assert value == pytest.approx(expected, rel=1e-7, abs=1e-8 * float(a.trace() + b.trace()))


@pytest.mark.parametrize(
    ("n", "m", "d"),
    [(500, 400, 1), (300, 500, 10), (2000, 900, 64), (700, 600, 200)],
)
def test_scipy_agrees_where_covariances_have_full_rank(n: int, m: int, d: int) -> None:
    real, fake = correlated(n, d, 7), 1.1 * correlated(m, d, 8) + 0.2
    expected = by_square_root(real.numpy(), fake.numpy())
    assert distance(real, fake) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize(
    ("n", "m", "d"),
    [(20, 30, 50), (2, 2, 7), (3, 500, 40), (500, 3, 40), (41, 41, 40), (40, 41, 40), (2, 90, 1)],
)
def test_singular_values_agree_at_any_rank(n: int, m: int, d: int) -> None:
    real, fake = correlated(n, d, 9), correlated(m, d, 10) + 0.5
    expected = by_singular_values(real.numpy(), fake.numpy())
    assert distance(real, fake) == pytest.approx(expected, rel=1e-9)
    assert distance(fake, real) == pytest.approx(expected, rel=1e-9)


def test_full_rank_needs_no_eigenvectors(monkeypatch: pytest.MonkeyPatch) -> None:
    """They cost ten times as much as the Cholesky factor."""
    monkeypatch.setattr(torch.linalg, "eigh", None)
    assert distance(correlated(100, 20, 9), correlated(90, 20, 10)) > 0
    assert distance(correlated(100, 20, 9), correlated(9, 20, 10)) > 0
    with pytest.raises(TypeError):
        distance(correlated(8, 20, 9), correlated(9, 20, 10))


def test_dead_and_repeated_features() -> None:
    real, fake = correlated(300, 30, 11), correlated(200, 30, 12) * 1.3
    real[:, 4], fake[:, 9] = 0.0, 2.5  # dead on one side only
    real[:, 20], fake[:, 20] = -1.0, -1.0  # on both
    expected = by_singular_values(real.numpy(), fake.numpy())
    assert distance(real, fake) == pytest.approx(expected, rel=1e-12)
    real[:, 7], fake[:, 7] = real[:, 8], fake[:, 8]  # one twice: singular with n > d
    expected = by_singular_values(real.numpy(), fake.numpy())
    assert distance(real, fake) == pytest.approx(expected, rel=1e-6)


def test_a_collapsed_generator_is_measured_to_full_precision() -> None:
    """Ten points over and over against a full covariance: noise in empty directions would show."""
    real = correlated(400, 64, 13)
    fake = correlated(10, 64, 14).repeat(30, 1)
    expected = by_singular_values(real.numpy(), fake.numpy())
    assert distance(real, fake) == pytest.approx(expected, rel=1e-6)
    assert distance(real.float(), fake.float()) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("n", "d"), [(500, 20), (10, 50), (60, 60), (5, 1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_identical_samples_are_at_zero(n: int, d: int, dtype: torch.dtype) -> None:
    features = (correlated(n, d, 15) + 3).to(dtype)
    variance = float(Moments.of(features).covariance.trace())
    assert 0 <= distance(features, features) < 1e-7 * variance
    dead = features.clone()
    dead[:, : d // 2] = 0.1
    assert 0 <= distance(dead, dead) < 1e-7 * variance
    repeated = torch.cat([features, features], 1)
    assert 0 <= distance(repeated, repeated) < 1e-6 * 2 * variance


def test_symmetry_and_invariances() -> None:
    real, fake = correlated(300, 12, 16), correlated(200, 12, 17) + 1
    value = distance(real, fake)
    axes = torch.linalg.qr(normal(12, 12, 18)).Q
    assert distance(fake, real) == pytest.approx(value, rel=1e-10)
    assert distance(real @ axes, fake @ axes) == pytest.approx(value, rel=1e-10)
    assert distance(real + 7, fake + 7) == pytest.approx(value, rel=1e-10)
    assert distance(3 * real, 3 * fake) == pytest.approx(9 * value, rel=1e-10)
    moved = fake - fake.mean(0) + real.mean(0)
    assert distance(real, moved + 0.5) - distance(real, moved) == pytest.approx(12 / 4, rel=1e-9)


@settings(max_examples=150, deadline=None)
@given(
    n=st.integers(2, 12),
    m=st.integers(2, 12),
    d=st.integers(1, 8),
    seed=st.integers(0, 10_000),
    kinds=st.tuples(*[st.sampled_from(["normal", "constant", "rank one", "grid", "zero"])] * 2),
    power=st.integers(-60, 36),
    offset=st.sampled_from([0.0, 1.0, 1e6, -1e15]),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_never_negative_complex_or_not_a_number(
    n: int,
    m: int,
    d: int,
    seed: int,
    kinds: tuple[str, str],
    power: int,
    offset: float,
    dtype: torch.dtype,
) -> None:
    made = []
    for kind, count in zip(kinds, (n, m), strict=True):
        rows = normal(count, d, seed + len(made))
        rows = {
            "normal": rows,
            "constant": rows[:1].repeat(count, 1),
            "rank one": rows[:, :1] @ rows[:1],
            "grid": rows.round(),
            "zero": rows * 0,
        }[kind]
        made.append((rows * 10.0**power + offset).to(dtype))
    value = distance(*made)
    assert math.isfinite(value)
    assert value >= 0
    scale = float(torch.cat(made).double().square().sum())
    same = distance(made[0], made[0])
    assert 0 <= same <= 1e-6 * scale
    assert distance(made[1], made[0]) == pytest.approx(value, rel=1e-6, abs=1e-6 * scale)


def test_magnitudes_near_the_ends_of_float64() -> None:
    real, fake = normal(30, 8, 19), 2 * normal(40, 8, 20)
    value = distance(real, fake)
    for scale in (1e-140, 1e-80, 1e80, 1e140):
        assert distance(scale * real, scale * fake) / scale / scale == pytest.approx(
            value, rel=1e-9
        )


def test_peers_agree() -> None:
    """torch-fidelity and torchmetrics, as the benchmark runs them."""
    for name in ("torchmetrics", "torch_fidelity"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    benchmark = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "distances.py"))
    benchmark["import_peers"]()
    real, fake = correlated(800, 40, 21), correlated(700, 40, 22) + 0.3
    results = {
        name: run() for name, run in benchmark["cases"](real, fake)["Fréchet distance"].items()
    }
    assert set(results) == {"saddlepoint", "torch-fidelity", "torchmetrics"}
    assert results["saddlepoint"] == distance(real, fake)
    assert results["torch-fidelity"] == pytest.approx(results["saddlepoint"], rel=1e-8)
    assert results["torchmetrics"] == pytest.approx(results["saddlepoint"], rel=1e-8)


# --- finite samples --------------------------------------------------------------------------


def bias(spectrum: np.ndarray, n: int, m: int) -> float:
    """The leading bias between equal Gaussians, in the eigenbasis, term by term."""
    total = 0.0
    for n_side in (n, m):
        total += spectrum.sum() / n_side
        for i, a in enumerate(spectrum):
            for j, b in enumerate(spectrum):
                variance = a * b * (2 if i == j else 1) / (n_side - 1)
                total += variance / (a + b) / 2
    return total


@pytest.mark.parametrize("decay", [0.0, 2.0])
def test_samples_needed_keep_the_bias_below_a_twentieth(decay: float) -> None:
    d = 8
    n = samples_needed(d)
    spectrum = np.exp(-decay * np.arange(d) / 2)
    scale = torch.from_numpy(np.sqrt(spectrum))
    values = [
        distance(normal(n, d, 2 * s) * scale, normal(n, d, 2 * s + 1) * scale) for s in range(400)
    ]
    error = np.std(values) / math.sqrt(len(values))
    assert np.mean(values) == pytest.approx(
        bias(spectrum, n, n), abs=4 * error + 0.02 * bias(spectrum, n, n)
    )
    share = np.mean(values) / spectrum.sum()
    if decay:
        assert share < 0.045
    else:
        assert share == pytest.approx(0.05, abs=0.002)  # the bound is reached by equal variances


def test_samples_needed_is_the_rule_as_documented() -> None:
    assert [samples_needed(d) for d in (1, 2, 64, 1280, 2048)] == [60, 70, 690, 12850, 20530]
    for d in (1, 7, 300):
        n = samples_needed(d)
        assert bias(np.ones(d), n, n) / d == pytest.approx(0.05, rel=0.02)


@pytest.mark.parametrize(("n", "m", "d"), [(205, 160, 6), (45, 60, 80), (45, 160, 50), (61, 43, 1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_leaving_blocks_out_equals_recomputing(n: int, m: int, d: int, dtype: torch.dtype) -> None:
    real, fake = (correlated(n, d, 23) + 5).to(dtype), (correlated(m, d, 24) + 5.3).to(dtype)
    estimate = frechet_estimate(real, fake)
    assert (estimate.n_real, estimate.n_fake, len(estimate.replicates)) == (n, m, BLOCKS)
    x, y = real.double().numpy(), fake.double().numpy()
    assert estimate.value == pytest.approx(by_singular_values(x, y), rel=1e-8)
    for b, (i, j) in enumerate(zip(blocks(n), blocks(m), strict=True)):
        naive = by_singular_values(np.delete(x, i, 0), np.delete(y, j, 0))
        assert estimate.replicates[b] == pytest.approx(naive, rel=1e-8)
    assert estimate.low <= estimate.value <= estimate.high
    assert estimate.low >= 0


def straight_line(x: np.ndarray, y: np.ndarray) -> float:
    """The extrapolation written out: three sizes, each the average of its disjoint parts."""
    edges = {k: [round(i * 20 / k) for i in range(k + 1)] for k in (1, 2, 3)}
    real = [np.arange(s.start, s.stop) for s in blocks(len(x))]
    fake = [np.arange(s.start, s.stop) for s in blocks(len(y))]
    inverse, distances = [], []
    for k in (1, 2, 3):
        at, value = [], []
        for low, high in zip(edges[k], edges[k][1:], strict=False):
            i = np.concatenate(real[low:high])
            j = np.concatenate(fake[low:high])
            at.append(1 / len(i) + 1 / len(j))
            value.append(by_singular_values(x[i], y[j]))
        inverse.append(np.mean(at))
        distances.append(np.mean(value))
    return float(np.polyfit(inverse, distances, 1)[1])


@pytest.mark.parametrize(("n", "m", "d"), [(205, 160, 6), (50, 60, 80)])
def test_the_extrapolation_is_the_line_it_claims(n: int, m: int, d: int) -> None:
    real, fake = correlated(n, d, 25), correlated(m, d, 26) + 0.3
    estimate = frechet_infinite_estimate(real, fake)
    line = straight_line(real.numpy(), fake.numpy())
    assert estimate.value == pytest.approx(max(line, 0.0), rel=1e-8)
    assert "extrapolated" in estimate.method
    assert len(estimate.replicates) == BLOCKS
    assert 0 <= estimate.low <= estimate.value < estimate.high


def test_an_extrapolation_below_zero_is_zero_with_its_whole_interval() -> None:
    below = 0
    for seed in range(40):
        real, fake = normal(90, 4, 2 * seed), normal(90, 4, 2 * seed + 1)
        estimate = frechet_infinite_estimate(real, fake)
        line = straight_line(real.numpy(), fake.numpy())
        below += line < 0
        assert estimate.value == pytest.approx(max(line, 0.0), abs=1e-10)
        half = estimate.high - estimate.value
        assert estimate.low == pytest.approx(max(estimate.value - half, 0.0), abs=1e-12)
        assert half > 0
    assert below > 5


def test_extrapolated_replicates_equal_recomputing() -> None:
    """Without a block, its subset of each size shrinks, and the line's places with it."""
    n, m, d = 90, 131, 4
    real, fake = correlated(n, d, 27), correlated(m, d, 28) + 0.3
    estimate = frechet_infinite_estimate(real, fake)
    parts = list(zip(blocks(n), blocks(m), strict=True))
    for b in (0, 6, 9, 10, 19):
        x, y = [], []
        for count in (1, 2, 3):
            at, value = [], []
            for k in range(count):
                members = [
                    p for p in range(round(k * 20 / count), round((k + 1) * 20 / count)) if p != b
                ]
                i = torch.cat([real[parts[p][0]] for p in members])
                j = torch.cat([fake[parts[p][1]] for p in members])
                at.append(1 / len(i) + 1 / len(j))
                value.append(distance(i, j))
            x.append(np.mean(at))
            y.append(np.mean(value))
        assert estimate.replicates[b] == pytest.approx(np.polyfit(x, y, 1)[1], rel=1e-8)


POPULATION = 6 * 0.2**2 + 6 * 0.3**2  # mean moved by .2, deviation 1 against 1.3, in 6 dimensions


def fresh(n: int, m: int, seed: int) -> tuple[Tensor, Tensor]:
    return normal(n, 6, 2 * seed), normal(m, 6, 2 * seed + 1) * 1.3 + 0.2


def test_the_extrapolation_is_closer_to_the_population() -> None:
    plain, infinite = [], []
    for seed in range(60):
        real, fake = fresh(120, 180, seed)
        plain.append(distance(real, fake))
        infinite.append(frechet_infinite_estimate(real, fake).value)
    off_plain, off = np.mean(plain) - POPULATION, np.mean(infinite) - POPULATION
    error = np.std(infinite) / math.sqrt(len(infinite))
    assert off_plain > 0.15
    assert abs(off) < 4 * error
    assert abs(off) < off_plain / 5
    assert np.square(np.array(infinite) - POPULATION).mean() < (
        np.square(np.array(plain) - POPULATION).mean()
    )


def test_intervals_cover_at_least_nine_times_in_ten() -> None:
    n, m, trials = 160, 200, 200
    at_n = np.mean([distance(*fresh(n, m, 10_000 + s)) for s in range(2000)])
    limit = covered = 0
    for seed in range(trials):
        real, fake = fresh(n, m, seed)
        estimate = frechet_estimate(real, fake)
        covered += estimate.low <= at_n <= estimate.high
        infinite = frechet_infinite_estimate(real, fake)
        limit += infinite.low <= POPULATION <= infinite.high
    assert covered >= 0.9 * trials
    assert limit >= 0.9 * trials


def test_intervals_cover_between_equal_distributions_too() -> None:
    """There the distance is all bias, of second order, and the jackknife overstates its spread."""
    n, trials = 100, 200
    draws = [distance(normal(n, 5, 2 * s), normal(n, 5, 2 * s + 1)) for s in range(5000, 7000)]
    covered = 0
    for seed in range(trials):
        estimate = frechet_estimate(normal(n, 5, 2 * seed), normal(n, 5, 2 * seed + 1))
        covered += estimate.low <= np.mean(draws) <= estimate.high
    assert covered >= 0.9 * trials


def test_estimates_need_two_samples_a_block_and_finite_values() -> None:
    with pytest.raises(BadInput, match="at least 40"):
        frechet_estimate(normal(39, 3, 0), normal(50, 3, 0))
    for d in (3, 80):
        broken = normal(50, d, 0)
        broken[7, 1] = math.nan
        with pytest.raises(BadInput, match="finite"):
            frechet_estimate(normal(50, d, 0), broken)
        with pytest.raises(BadInput, match="dimensions"):
            frechet_estimate(normal(50, d, 0), normal(50, d + 1, 0))


def test_the_interval_of_a_distance_does_not_reach_below_zero() -> None:
    for d in (3, 80):
        flat = torch.full((60, d), 2.0)
        lonely = flat.clone()
        lonely[0] = 100.0  # all of the distance is one sample's
        estimate = frechet_estimate(lonely, flat)
        assert estimate.low == 0 < estimate.value < estimate.high
        assert frechet_estimate(flat, flat).high == 0


@pytest.mark.parametrize("offset", [0.1, 1e3, -7e8])
def test_what_taking_a_block_out_leaves_may_be_constant_up_to_rounding(offset: float) -> None:
    """Then variances are rounding of either sign, and their sum may be below zero."""
    for seed in range(10):
        real = torch.full((60, 3), offset, dtype=torch.float64)
        real[:3] += normal(3, 3, seed) * max(1, abs(offset))
        estimate = frechet_estimate(real, real.flip(0) + normal(60, 3, seed + 1))
        whole = Moments.of(real)
        assert all(0 <= r < math.inf for r in estimate.replicates)
        rest = whole.minus(Moments.of(real[:3]))
        assert 0 <= frechet_distance(rest, rest) <= 1e-10 * float(whole.covariance.trace())
        assert 0 <= frechet_distance(rest, whole) < math.inf


def test_blocks_and_leaves_smaller_than_the_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """Row blocks and halved products change the order of sums and nothing else."""
    real, fake = correlated(530, 33, 29), correlated(520, 33, 30)
    expected = distance(real, fake)
    monkeypatch.setattr(frechet, "ROWS", 7)
    monkeypatch.setattr(frechet, "LEAF", 4)
    assert distance(real, fake) == pytest.approx(expected, rel=1e-10)
    scatter = Moments.of(real).scatter
    torch.testing.assert_close(scatter, scatter.T, rtol=1e-12, atol=1e-12)
