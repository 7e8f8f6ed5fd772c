"""Structural similarity against loops and other libraries, and the diversity made of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from saddlepoint.errors import BadInput
from saddlepoint.metrics import similarity
from saddlepoint.metrics.similarity import diversity, multi_scale_ssim, ssim

SIZES = [(1, 11, 11), (3, 16, 23), (1, 28, 28), (3, 32, 32)]


def smooth(n: int, shape: tuple[int, int, int], seed: int) -> Tensor:
    """Random images with structure at several scales, in [−1, 1]."""
    generator = torch.Generator().manual_seed(seed)
    channels, height, width = shape
    image = torch.zeros(n, channels, height, width, dtype=torch.float64)
    for side in (2, 5, max(height, width)):
        coarse = torch.randn(n, channels, side, side, generator=generator, dtype=torch.float64)
        image = image + torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    return torch.tanh(image)


def naive_maps(x: np.ndarray, y: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Similarity and contrast term at every place of one channel, in loops; range 2."""
    half = window // 2
    kernel = np.array(
        [[math.exp(-(i * i + j * j) / 4.5) for j in range(-half, half + 1)]
         for i in range(-half, half + 1)]
    )  # fmt: skip
    kernel /= kernel.sum()
    c1, c2 = 0.02**2, 0.06**2
    rows, columns = x.shape[0] - window + 1, x.shape[1] - window + 1
    whole, contrast = np.zeros((rows, columns)), np.zeros((rows, columns))
    for i in range(rows):
        for j in range(columns):
            a, b = x[i : i + window, j : j + window], y[i : i + window, j : j + window]
            mean_a, mean_b = (kernel * a).sum(), (kernel * b).sum()
            var_a = (kernel * (a - mean_a) ** 2).sum()
            var_b = (kernel * (b - mean_b) ** 2).sum()
            both = (kernel * (a - mean_a) * (b - mean_b)).sum()
            contrast[i, j] = (2 * both + c2) / (var_a + var_b + c2)
            whole[i, j] = contrast[i, j] * (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    return whole, contrast


def naive_terms(x: np.ndarray, y: np.ndarray, window: int) -> tuple[float, float]:
    maps = [naive_maps(a, b, window) for a, b in zip(x, y, strict=True)]
    return float(np.mean([m[0] for m in maps])), float(np.mean([m[1] for m in maps]))


def halved(x: np.ndarray) -> np.ndarray:
    x = x[:, : x.shape[1] // 2 * 2, : x.shape[2] // 2 * 2]
    return (x[:, ::2, ::2] + x[:, 1::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, 1::2]) / 4


@pytest.mark.parametrize("shape", [*SIZES, (2, 8, 8), (1, 12, 5), (1, 1, 1), (1, 2, 30)])
def test_ssim_equals_a_naive_loop(shape: tuple[int, int, int]) -> None:
    x, y = smooth(3, shape, 0), smooth(3, shape, 1)
    result = ssim(x, y)
    side = min(shape[1:])
    window = 11 if side >= 11 else side if side % 2 else side - 1
    assert (result.window, result.scales) == (window, 1)
    for i in range(3):
        expected, _ = naive_terms(x[i].numpy(), y[i].numpy(), window)
        assert float(result.values[i]) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize(
    ("shape", "scales"), [((1, 21, 40), 1), ((1, 22, 23), 2), ((2, 33, 45), 2), ((1, 47, 46), 3)]
)
def test_multi_scale_equals_a_naive_product(shape: tuple[int, int, int], scales: int) -> None:
    x = 0.5 + 0.4 * smooth(2, shape, 0)  # luminance is negative where means have other signs
    y = 0.8 * x + 0.1 * smooth(2, shape, 1)
    result = multi_scale_ssim(x, y)
    assert (result.scales, result.window) == (scales, 11)
    weights = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333][:scales])
    weights /= weights.sum()
    for i in range(2):
        a, b, expected = x[i].numpy(), y[i].numpy(), 1.0
        for scale in range(scales):
            whole, contrast = naive_terms(a, b, 11)
            expected *= (whole if scale == scales - 1 else contrast) ** weights[scale]
            a, b = halved(a), halved(b)
        assert 0.2 < expected < 0.99
        assert float(result.values[i]) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize(
    ("side", "scales"), [(8, 1), (28, 2), (43, 2), (44, 3), (87, 3), (88, 4), (176, 5), (400, 5)]
)
def test_the_size_limits_the_scales(side: int, scales: int) -> None:
    x = smooth(1, (1, side, side + 3), 0).float()
    assert multi_scale_ssim(x, x).scales == scales


def test_closed_forms() -> None:
    x = smooth(4, (3, 32, 32), 0)
    for measure in (ssim, multi_scale_ssim):
        assert measure(x, x).values.numpy() == pytest.approx(1)
        assert torch.equal(measure(x, -x + 0.1).values, measure(-x + 0.1, x).values)
    # constant images: only the luminance is left
    a, b = torch.full((1, 1, 16, 16), 0.6), torch.full((1, 1, 16, 16), -0.2)
    luminance = (2 * 0.6 * -0.2 + 4e-4) / (0.36 + 0.04 + 4e-4)
    assert float(ssim(a, b).values) == pytest.approx(luminance, abs=1e-4)
    # contrast scaled by c about a zero mean: 2cσ² + C₂ over (1 + c²)σ² + C₂, near 2c/(1 + c²)
    waves = torch.tensor([1.0, -1.0]).repeat(16)[None, None, None] * torch.ones(1, 1, 32, 1)
    low, high = 2 * 0.5 / 1.25 - 0.01, 2 * 0.5 / 1.25 + 0.01
    assert low < float(ssim(waves, 0.5 * waves).values) < high
    # the range is only a unit
    assert ssim(x, x.flip(0)).values.numpy() == pytest.approx(
        ssim(127.5 * x, 127.5 * x.flip(0), data_range=255).values.numpy()
    )


def test_opposite_contrast_counts_as_nothing_at_several_scales_and_negatively_at_one() -> None:
    x, y = (0.5 + sign * 0.3 * smooth(2, (1, 32, 32), 3) for sign in (1, -1))
    assert (multi_scale_ssim(x, y).values == 0).all()
    x, y = x[:, :, :16, :16], y[:, :, :16, :16]
    assert (multi_scale_ssim(x, y).values < 0).all()
    assert torch.equal(multi_scale_ssim(x, y).values, ssim(x, y).values)


def test_precision_chunks_and_memory_formats(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = smooth(7, (3, 32, 32), 0), smooth(7, (3, 32, 32), 1)
    for measure in (ssim, multi_scale_ssim):
        whole = measure(x, y).values
        assert whole.dtype == torch.float64
        single = measure(x.float(), y.float()).values
        assert single.dtype == torch.float32
        assert single.numpy() == pytest.approx(whole.numpy(), abs=1e-5)
        flat = (1 - 1e-3 * x.abs()).float(), (1 - 1e-3 * y.abs()).float()
        exact = measure(flat[0].double(), flat[1].double()).values
        assert measure(*flat).values.numpy() == pytest.approx(exact.numpy(), abs=2e-4)
        nhwc = x.to(memory_format=torch.channels_last)
        assert measure(nhwc, y).values.numpy() == pytest.approx(whole.numpy())
        assert measure(x.bfloat16(), y.bfloat16()).values.dtype == torch.float32
        monkeypatch.setattr(similarity, "CHUNK", 2 * 3 * 32 * 32)
        assert measure(x, y).values.numpy() == pytest.approx(whole.numpy())
        monkeypatch.undo()


@pytest.mark.parametrize("shape", SIZES)
def test_ssim_equals_scikit_image(shape: tuple[int, int, int]) -> None:
    metrics = pytest.importorskip("skimage.metrics")
    x, y = smooth(3, shape, 4), smooth(3, shape, 5)
    for a, b, result in zip(x.numpy(), y.numpy(), ssim(x, y).values, strict=True):
        expected = metrics.structural_similarity(
            a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
            data_range=2, channel_axis=0,
        )  # fmt: skip
        assert float(result) == pytest.approx(expected, abs=1e-9)


@pytest.fixture
def functional() -> Any:
    try:  # torchmetrics asks for these operators, and the environment may lack torchvision
        library = torch.library.Library("torchvision", "FRAGMENT")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    except RuntimeError:
        pass
    return pytest.importorskip("torchmetrics.functional.image")


@pytest.mark.parametrize("side", [22, 28, 64, 180])
def test_both_equal_torchmetrics(functional: Any, side: int) -> None:
    """Its similarity averages a reflected border, too, so we ask for the map and cut that off."""
    x = smooth(2, (3, side, side), 6)
    y = 0.9 * x + 0.1 * smooth(2, (3, side, side), 7)

    def inner(a: Tensor, b: Tensor) -> Tensor:
        _, whole = functional.structural_similarity_index_measure(
            a, b, data_range=2.0, return_full_image=True
        )
        return whole[..., 5:-5, 5:-5].mean((1, 2, 3))

    assert ssim(x, y).values.numpy() == pytest.approx(inner(x, y).numpy(), abs=1e-7)
    result = multi_scale_ssim(x, y)
    weights = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333][: result.scales])
    weights /= weights.sum()
    a, b, expected = x, y, torch.ones(2, dtype=torch.float64)
    for scale, weight in enumerate(weights):
        factor = inner(a, b)
        if scale < result.scales - 1:
            parts = [
                functional.structural_similarity_index_measure(
                    u[None], v[None], data_range=2.0, return_contrast_sensitivity=True
                )[1]
                for u, v in zip(a, b, strict=True)
            ]
            factor = torch.cat(parts)
        expected = expected * factor**weight
        a, b = (torch.nn.functional.avg_pool2d(z, 2) for z in (a, b))
    assert result.values.numpy() == pytest.approx(expected.numpy(), abs=1e-7)
    if result.scales == 5:  # its own product, with the border in the last factor
        whole = functional.multiscale_structural_similarity_index_measure(
            x, y, data_range=2.0, reduction="none"
        )
        assert result.values.numpy() == pytest.approx(whole.numpy(), abs=0.02)


# ---------------------------------------------------------------------------------- diversity


def family(n: int, seed: int, spread: float, side: int = 12) -> Tensor:
    """Images around one that they share: less spread, more similarity."""
    return torch.tanh(smooth(1, (1, side, side), 999) + spread * smooth(n, (1, side, side), seed))


def test_diversity_is_the_mean_over_disjoint_pairs_of_one_class() -> None:
    """With images that are constant, a pair tells which images are in it."""
    n = 41
    labels = torch.from_numpy(np.random.default_rng(0).integers(4, size=n))
    seen: list[tuple[Tensor, Tensor]] = []
    values = torch.linspace(-1, 1, n)
    images = values[:, None, None, None].expand(n, 1, 12, 12).clone()

    def remember(first: Tensor, second: Tensor, data_range: float) -> similarity.Similarity:
        seen.append((first[:, 0, 0, 0], second[:, 0, 0, 0]))
        return multi_scale_ssim(first, second, data_range)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similarity, "multi_scale_ssim", remember)
        estimate = diversity(images, labels, seed=3)
    first, second = (torch.searchsorted(values, x - 1e-6) for x in seen[0])
    assert (labels[first] == labels[second]).all()
    used = torch.cat([first, second])
    assert len(used.unique()) == len(used)
    counts = torch.bincount(labels)
    assert len(first) == int((counts // 2).sum())
    assert estimate.n_fake == 2 * len(first)
    assert estimate.n_real == 0
    similarities = ssim(images[first], images[second]).values.double().numpy()
    interval = stats.ttest_1samp(similarities, 0).confidence_interval(0.95)
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx(
        (similarities.mean(), interval.low, interval.high)
    )
    assert estimate.method == f"Student's t, {len(first)} disjoint pairs, SSIM"


def test_diversity_draws_so_many_pairs_by_its_seed() -> None:
    images = family(60, 0, 0.5, 24)
    estimate = diversity(images, pairs=10, seed=1)
    assert estimate.n_fake == 20
    assert estimate.method == "Student's t, 10 disjoint pairs, MS-SSIM of 2 scales"
    assert estimate == diversity(images, pairs=10, seed=1)
    assert estimate.value != diversity(images, pairs=10, seed=2).value
    assert diversity(images, seed=1).n_fake == 60
    few = diversity(images[:3], seed=0)
    assert (few.n_fake, few.low, few.high) == (2, -1, 1)  # one pair says nothing of its spread


def test_every_pair_of_a_class_is_as_likely_and_classes_weigh_by_their_size() -> None:
    labels = torch.tensor([0] * 4 + [1] * 8)
    values = torch.linspace(-1, 1, 12)
    images = values[:, None, None, None].expand(12, 1, 3, 3).clone()
    means = []
    for group in (range(4), range(4, 12)):
        pairs = [(i, j) for i in group for j in group if i < j]
        first, second = (images[list(side)] for side in zip(*pairs, strict=True))
        means.append(float(ssim(first, second).values.mean()))
    expected = (2 * means[0] + 4 * means[1]) / 6
    trials = np.array([diversity(images, labels, pairs=3, seed=s).value for s in range(800)])
    error = trials.std() / math.sqrt(800)
    assert abs(means[0] - means[1]) > 8 * error
    assert trials.mean() == pytest.approx(expected, abs=4 * error)


def test_more_spread_is_less_similar_and_classes_are_kept_apart() -> None:
    narrow, wide = diversity(family(100, 0, 0.2)), diversity(family(100, 0, 1.0))
    assert narrow.low > wide.high
    one, other = family(60, 1, 0.1), -family(60, 2, 0.1)
    both, labels = torch.cat([one, other]), torch.arange(120) // 60
    assert diversity(both, labels).low > diversity(both).high
    assert diversity(torch.ones(10, 1, 12, 12)).value == pytest.approx(1)


def test_diversity_intervals_cover() -> None:
    expected = diversity(family(8000, 5, 0.6), pairs=4000).value
    estimates = [diversity(family(60, 10_000 + s, 0.6), seed=s) for s in range(200)]
    assert np.mean([each.low <= expected <= each.high for each in estimates]) >= 0.9


def test_bad_images_are_refused() -> None:
    x = smooth(4, (1, 16, 16), 0)
    with pytest.raises(BadInput, match="one by one"):
        ssim(x, x[:2])
    with pytest.raises(BadInput, match="one by one"):
        multi_scale_ssim(x[:, 0], x[:, 0])
    with pytest.raises(BadInput, match="floating-point"):
        ssim(x.to(torch.uint8), x.to(torch.uint8))
    with pytest.raises(BadInput, match="positive range"):
        ssim(x, x, data_range=0)
    with pytest.raises(BadInput, match="one label for each"):
        diversity(x, torch.zeros(3))
    with pytest.raises(BadInput, match="no class has two"):
        diversity(x, torch.arange(4))
    with pytest.raises(BadInput, match="no class has two"):
        diversity(x[:1])
    with pytest.raises(BadInput, match="at least one pair"):
        diversity(x, pairs=0)
