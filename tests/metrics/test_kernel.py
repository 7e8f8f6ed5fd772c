"""Kernel distance: written-out sums, moments, unbiasedness, precision, published estimator."""

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
from torch import Tensor

from saddlepoint.errors import BadInput
from saddlepoint.metrics import kernel
from saddlepoint.metrics.estimate import BLOCKS, blocks
from saddlepoint.metrics.kernel import kernel_distance, kernel_distance_subsets, kernel_estimate


def normal(n: int, d: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def positive(n: int, d: int, seed: int) -> Tensor:
    """Correlated, positive and sparse, as features of networks are."""
    mixing = normal(d // 4 + 1, d, 99) / math.sqrt(d // 4 + 1)
    return torch.relu(normal(n, d // 4 + 1, seed) @ mixing + 0.3 * normal(n, d, seed + 1) + 0.2)


def written_out(x: np.ndarray, y: np.ndarray) -> float:
    """The estimator, pair by pair."""
    d = x.shape[1]
    total = 0.0
    for sample in (x, y):
        within = 0.0
        for i, a in enumerate(sample):
            for j, b in enumerate(sample):
                if i != j:
                    within += (a @ b / d + 1) ** 3
        total += within / (len(sample) * (len(sample) - 1))
    across = sum((a @ b / d + 1) ** 3 for a in x for b in y)
    return float(total - 2 * across / (len(x) * len(y)))


def in_float64(x: Tensor, y: Tensor) -> float:
    """The estimator with whole Gram matrices in float64."""
    x, y = x.double(), y.double()
    d = x.shape[1]
    xx, yy, xy = ((a @ b.T / d + 1) ** 3 for a, b in ((x, x), (y, y), (x, y)))
    n, m = len(x), len(y)
    within = (xx.sum() - xx.trace()) / n / (n - 1) + (yy.sum() - yy.trace()) / m / (m - 1)
    return float(within - 2 * xy.mean())


@pytest.mark.parametrize(("n", "m", "d"), [(2, 2, 1), (7, 31, 3), (40, 25, 12)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_estimator_is_what_it_says(n: int, m: int, d: int, dtype: torch.dtype) -> None:
    real, fake = (normal(n, d, 0) + 1).to(dtype), (normal(m, d, 1) * 1.5 - 0.5).to(dtype)
    expected = written_out(real.double().numpy(), fake.double().numpy())
    close = 1e-5 if dtype is torch.float32 else 1e-11
    assert kernel_distance(real, fake) == pytest.approx(expected, rel=close)
    assert kernel_distance(fake, real) == pytest.approx(expected, rel=close)


@pytest.mark.parametrize(("n", "m"), [(129, 300), (1, 2), (257, 128)])
@pytest.mark.parametrize(("tile", "leaf"), [(1024, 128), (50, 16), (7, 7), (1, 1)])
def test_tiles_change_nothing_and_stay_small(
    n: int, m: int, tile: int, leaf: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, fake = normal(n + 1, 5, 2) + 0.5, normal(m, 5, 3)
    largest = []

    def weigh(x: kernel._Side, y: kernel._Side, g: Tensor) -> Tensor:
        largest.append(max(g.shape))
        return original(x, y, g)

    original = kernel._weigh
    monkeypatch.setattr(kernel, "_weigh", weigh)
    monkeypatch.setattr(kernel, "TILE", tile)
    monkeypatch.setattr(kernel, "LEAF", leaf)
    assert kernel_distance(real, fake) == pytest.approx(in_float64(real, fake), rel=1e-10)
    assert max(largest) <= max(tile, leaf)


def test_invariances() -> None:
    real, fake = normal(60, 8, 4) + 1, normal(50, 8, 5)
    value = kernel_distance(real, fake)
    axes = torch.linalg.qr(normal(8, 8, 6)).Q
    assert kernel_distance(real @ axes, fake @ axes) == pytest.approx(value, rel=1e-10)
    order = torch.randperm(60, generator=torch.Generator().manual_seed(0))
    assert kernel_distance(real[order], fake) == pytest.approx(value, rel=1e-10)
    # Not shift invariant: a common shift enlarges the kernel and with it the distance.
    assert kernel_distance(real + 2, fake + 2) > 2 * value


def moments_of_normal(mean: float, std: float) -> np.ndarray:
    """E x, E x², E x³ of a normal variable."""
    return np.array([mean, mean**2 + std**2, mean**3 + 3 * mean * std**2])


def population(first: tuple[float, float], second: tuple[float, float]) -> float:
    """MMD² of two normals in one dimension: E (xy + 1)³ is a polynomial in their moments."""
    gap = moments_of_normal(*first) - moments_of_normal(*second)
    return float(np.array([3, 3, 1]) @ gap**2)


@pytest.mark.parametrize("second", [(0.3, 1.0), (0.8, 0.7), (0.3, 1.4)])
def test_the_mean_is_the_population_s_distance(second: tuple[float, float]) -> None:
    first = (0.3, 1.0)
    values = [
        kernel_distance(
            normal(12, 1, 2 * s) * first[1] + first[0],
            normal(17, 1, 2 * s + 1) * second[1] + second[0],
        )
        for s in range(3000)
    ]
    error = np.std(values) / math.sqrt(len(values))
    expected = population(first, second)
    assert np.mean(values) == pytest.approx(expected, abs=4 * error)
    if expected == 0:
        assert 0.4 < np.mean(np.array(values) < 0) < 0.9  # a biased one would never be negative
        assert error < 0.1


def tensors_of_normal(d: int, mean: float, std: float) -> list[np.ndarray]:
    """E x, E x⊗x and E x⊗x⊗x of a normal vector with equal, independent coordinates."""
    mu, unit = np.full(d, mean), np.eye(d)
    third = np.einsum("i,j,k->ijk", mu, mu, mu)
    for spec in ("i,jk->ijk", "j,ik->ijk", "k,ij->ijk"):
        third = third + std**2 * np.einsum(spec, mu, unit)
    return [mu, std**2 * unit + np.outer(mu, mu), third]


def population_in(d: int, first: tuple[float, float], second: tuple[float, float]) -> float:
    """MMD² = 3 |Δμ|² / d + 3 ‖ΔM₂‖² / d² + ‖ΔM₃‖² / d³ with the tensors of moments."""
    pairs = zip(tensors_of_normal(d, *first), tensors_of_normal(d, *second), strict=True)
    gaps = [float(((a - b) ** 2).sum()) for a, b in pairs]
    return 3 * gaps[0] / d + 3 * gaps[1] / d**2 + gaps[2] / d**3


def test_the_mean_in_several_dimensions() -> None:
    d, mean, std = 3, 0.5, 1.3
    expected = population_in(d, (0.0, 1.0), (mean, std))
    values = [
        kernel_distance(normal(15, d, 2 * s), normal(20, d, 2 * s + 1) * std + mean)
        for s in range(2000)
    ]
    error = np.std(values) / math.sqrt(len(values))
    assert error < 0.05 * expected
    assert np.mean(values) == pytest.approx(expected, abs=4 * error)


# --- precision -------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-2, 1.0, 30.0, 1e4])
@pytest.mark.parametrize("offset", [0.0, 100.0])
@pytest.mark.parametrize("change", [0.0, 0.1])
def test_float32_features_lose_nothing_that_matters(
    scale: float, offset: float, change: float
) -> None:
    """The error against float64 is below a thousandth of what another sample would change."""
    n, d = 300, 160
    pairs = [
        (scale * (positive(n, d, 4 * s) + offset), scale * (positive(n, d, 4 * s + 2) + offset))
        for s in range(6)
    ]
    pairs = [(x.float(), (y * (1 + change)).float()) for x, y in pairs]
    exact = np.array([in_float64(x, y) for x, y in pairs])
    values = np.array([kernel_distance(x, y) for x, y in pairs])
    assert np.abs(values - exact).max() < 1e-3 * exact.std(ddof=1)
    if change or not offset:
        np.testing.assert_allclose(values, exact, rtol=1e-4)


def rounded(u: Tensor, v: Tensor) -> Tensor:
    """What bfloat16 products with float32 sums are, on any processor."""
    if u.dtype != torch.float32 or u.shape[1] < kernel.MANY:
        return u @ v.T
    return u.bfloat16().float() @ v.bfloat16().float().T


def samples_of_kind(kind: str, n: int, d: int, seed: int) -> tuple[Tensor, Tensor]:
    x, y = positive(n, d, 4 * seed), positive(n, d, 4 * seed + 2)
    if kind == "binary":
        return (x > 0.9).float(), (y > 1.0).float()
    if kind == "one coordinate far off":
        y[:, 0] += 50.0
    if kind == "all far off":
        y = y + 7.3
    if kind == "one direction":
        x, y = x[:, :1] * positive(1, d, 999), y[:, :1] * positive(1, d, 999)
    return x.float(), y.float()


@pytest.mark.parametrize(
    "kind", ["alike", "binary", "one coordinate far off", "all far off", "one direction"]
)
@pytest.mark.parametrize("emulated", [False, True])
def test_products_in_bfloat16_change_nothing_that_matters(
    monkeypatch: pytest.MonkeyPatch, kind: str, emulated: bool
) -> None:
    """Less than a hundredth of the interval, and a few millionths of a distance that is there.

    Fails for bfloat16 products of features that are centred together: rounding what tells the
    samples apart moves a distance by some ten-thousandths, up to a twentieth of the interval.
    """
    if emulated:
        monkeypatch.setattr(kernel, "products", rounded)
    n, d = 400, 320
    assert d >= kernel.MANY
    for seed in range(3):
        x, y = samples_of_kind(kind, n, d, seed)
        estimate, exact = kernel_estimate(x, y), in_float64(x, y)
        assert abs(estimate.value - exact) < 0.01 * (estimate.high - estimate.low) / 2
        if "far" in kind:
            assert estimate.value == pytest.approx(exact, rel=1e-5)


def test_the_permission_to_round_is_taken_back() -> None:
    switch = getattr(torch.backends.mkldnn, "matmul", None)
    if switch is None:
        pytest.skip("PyTorch before 2.9 has no such switch")
    before = switch.fp32_precision
    x = positive(300, 300, 0).float()
    # a processor that has the units need not use them for every size
    allowed = (rounded(x, x), (x.double() @ x.double().T).float())
    asked = kernel.products(x, x)
    assert any(torch.allclose(asked, each, rtol=1e-5, atol=0) for each in allowed)
    assert switch.fp32_precision == before
    torch.testing.assert_close((x @ x.T).double(), x.double() @ x.double().T, rtol=1e-5, atol=0)
    few = x[:, : kernel.MANY - 1]
    assert torch.equal(kernel.products(few, few), few @ few.T)
    fine = x.double()
    assert torch.equal(kernel.products(fine, fine), fine @ fine.T)


def test_plain_float32_would_lose_the_distance() -> None:
    """Why the sums are split: cubes of float32 products differ in digits they do not have."""
    x, y = (positive(300, 160, 0) + 100).float(), (positive(300, 160, 2) + 100).float()
    exact = in_float64(x, y)
    kernels = [((a @ b.T / 160 + 1) ** 3).double() for a, b in ((x, x), (y, y), (x, y))]
    within = sum((k.sum() - k.trace()) / 300 / 299 for k in kernels[:2])
    assert abs(float(within - 2 * kernels[2].mean()) / exact - 1) > 1e-3
    assert kernel_distance(x, y) == pytest.approx(exact, rel=1e-5)


@settings(max_examples=100, deadline=None)
@given(
    n=st.integers(2, 9),
    m=st.integers(2, 9),
    d=st.integers(1, 6),
    seed=st.integers(0, 10_000),
    kind=st.sampled_from(["normal", "constant", "zero", "one large"]),
    power=st.integers(-40, 37),
    offset=st.sampled_from([0.0, 1.0, 1e8]),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_always_finite_and_close_to_the_sums(
    n: int, m: int, d: int, seed: int, kind: str, power: int, offset: float, dtype: torch.dtype
) -> None:
    rows = normal(n + m, d, seed)
    rows = {
        "normal": rows,
        "constant": rows[:1].repeat(n + m, 1),
        "zero": rows * 0,
        "one large": rows * torch.tensor([1e3] + [1.0] * (n + m - 1))[:, None],
    }[kind]
    rows = (rows.clamp(-1e3, 1e3) * 10.0 ** min(power, 34) + offset).to(dtype)
    value = kernel_distance(rows[:n], rows[n:])
    largest = float((rows.double().square().sum(1).max() / d + 1) ** 3)
    assert math.isfinite(value)
    assert value == pytest.approx(in_float64(rows[:n], rows[n:]), abs=1e-5 * largest)
    same = kernel_distance(rows[:n], rows[:n])
    assert same <= 1e-5 * largest  # E over pairs of the same sample less its own diagonal


def test_what_cannot_be_computed_is_refused() -> None:
    with pytest.raises(BadInput, match="dimensions"):
        kernel_distance(torch.zeros(5, 3), torch.zeros(5, 4))
    with pytest.raises(BadInput, match="2 samples on each side"):
        kernel_distance(torch.zeros(5, 3), torch.zeros(1, 3))
    for broken in (math.nan, math.inf, -math.inf):
        fake = normal(60, 3, 0)
        fake[3, 1] = broken
        with pytest.raises(BadInput, match="finite"):
            kernel_distance(normal(60, 3, 1), fake)
        with pytest.raises(BadInput, match="finite"):
            kernel_estimate(fake, normal(60, 3, 1))
    with pytest.raises(BadInput, match="too large"):
        kernel_distance(normal(5, 3, 0) * 1e60, normal(5, 3, 1))
    assert math.isfinite(kernel_distance(normal(5, 3, 0) * 1e48, normal(5, 3, 1)))
    with pytest.raises(BadInput, match="at least 40"):
        kernel_estimate(normal(39, 3, 0), normal(50, 3, 1))
    for size in (1, 51):
        with pytest.raises(BadInput, match="another size"):
            kernel_distance_subsets(normal(50, 3, 0), normal(60, 3, 1), 5, size)
    with pytest.raises(BadInput, match="at least one"):
        kernel_distance_subsets(normal(50, 3, 0), normal(60, 3, 1), 0, 10)


# --- subsets ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subsets", "size", "all_pairs"), [(3, 10, False), (40, 60, True), (1, 80, False)]
)
def test_subsets_are_the_published_estimator(subsets: int, size: int, all_pairs: bool) -> None:
    n, m, d = 90, 80, 200
    real, fake = positive(n, d, 0), positive(m, d, 2) * 1.1
    assert ((n + m) ** 2 * (d + subsets) <= 4 * subsets * size**2 * d) == all_pairs
    random = np.random.RandomState(7)
    values = []
    for _ in range(subsets):
        i = random.choice(n, size, replace=False)
        j = random.choice(m, size, replace=False)
        values.append(in_float64(real[i], fake[j]))
    state = torch.get_rng_state(), np.random.get_state()[1].copy()
    value = kernel_distance_subsets(real, fake, subsets, size, seed=7)
    assert value.mean == pytest.approx(np.mean(values), rel=1e-9)
    assert value.std == pytest.approx(np.std(values), rel=1e-9, abs=1e-15)
    assert torch.equal(state[0], torch.get_rng_state())
    assert (state[1] == np.random.get_state()[1]).all()
    if subsets > 1:
        assert kernel_distance_subsets(real, fake, subsets, size, seed=8).mean != value.mean
    single = kernel_distance_subsets(real.float(), fake.float(), subsets, size, seed=7)
    assert single.mean == pytest.approx(value.mean, rel=1e-4)


def test_peers_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch-fidelity's figure on its own subsets, torchmetrics' within the subsets' scatter."""
    for name in ("torchmetrics", "torch_fidelity"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    benchmark = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "distances.py"))
    benchmark["import_peers"]()
    monkeypatch.setitem(benchmark["cases"].__globals__, "SIZE", 50)
    real, fake = positive(400, 64, 0).float(), 1.3 * positive(400, 64, 2).float()
    cases = benchmark["cases"](real, fake)
    results = {name: run() for name, run in cases["kernel distance, 100 × 50"].items()}
    assert set(results) == {"saddlepoint", "torch-fidelity", "torchmetrics"}
    assert results["torch-fidelity"] == pytest.approx(results["saddlepoint"], rel=1e-4)
    std = kernel_distance_subsets(real, fake, 100, 50).std
    assert results["torchmetrics"] == pytest.approx(
        results["saddlepoint"], abs=5 * std / math.sqrt(50)
    )


# --- intervals -------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "m"), [(40, 47), (130, 90)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_leaving_blocks_out_equals_recomputing(n: int, m: int, dtype: torch.dtype) -> None:
    real, fake = positive(n, 20, 0).to(dtype), (positive(m, 20, 2) * 1.2).to(dtype)
    estimate = kernel_estimate(real, fake)
    close = 1e-4 if dtype is torch.float32 else 1e-9
    assert estimate.value == pytest.approx(in_float64(real, fake), rel=close)
    assert (estimate.n_real, estimate.n_fake, len(estimate.replicates)) == (n, m, BLOCKS)
    for b, (i, j) in enumerate(zip(blocks(n), blocks(m), strict=True)):
        x = torch.cat([real[: i.start], real[i.stop :]])
        y = torch.cat([fake[: j.start], fake[j.stop :]])
        assert estimate.replicates[b] == pytest.approx(in_float64(x, y), rel=close)
    assert estimate.low < estimate.value < estimate.high


def test_sums_over_blocks_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    original = kernel._weigh

    def weigh(x: kernel._Side, y: kernel._Side, g: Tensor) -> Tensor:
        made.append(g.numel())
        return original(x, y, g)

    monkeypatch.setattr(kernel, "_weigh", weigh)
    kernel_estimate(normal(512, 3, 0), normal(512, 3, 1))
    halved = 512**2 / 2 * (1 + kernel.LEAF / 512)  # symmetric squares, but for their leaves
    assert sum(made) == 512**2 + 2 * halved


@pytest.mark.parametrize("second", [(0.2, 1.0), (0.3, 1.1), (0.7, 1.0)])
def test_intervals_cover_at_least_nine_times_in_ten(second: tuple[float, float]) -> None:
    d = 8
    expected = population_in(d, (0.2, 1.0), second)
    covered = 0
    for seed in range(200):
        estimate = kernel_estimate(
            normal(150, d, 2 * seed) + 0.2, normal(200, d, 2 * seed + 1) * second[1] + second[0]
        )
        covered += estimate.low <= expected <= estimate.high
    assert covered >= 180
