"""Parzen windows against closed forms, other libraries and the truth about a Gaussian."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor

from saddlepoint.errors import BadInput
from saddlepoint.metrics import parzen as module
from saddlepoint.metrics.parzen import SIGMAS, log_likelihoods, parzen, parzen_controls


def uniform(n: int, d: int, seed: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).random((n, d)))


def gaussian(n: int, d: int, seed: int, std: float = 0.1) -> Tensor:
    """A Gaussian so narrow that none of it falls outside [0, 1]."""
    return torch.from_numpy(np.random.default_rng(seed).normal(0.5, std, size=(n, d)))


def digits() -> tuple[Tensor, Tensor, Tensor]:
    from sklearn.datasets import load_digits

    images = load_digits().images / 16
    images = torch.from_numpy(images[np.random.default_rng(0).permutation(len(images))])
    return images[:1200, None], images[1200:1400, None], images[1400:, None]


def naive(samples: NDArray[np.float64], x: NDArray[np.float64], sigma: float) -> float:
    d = samples.shape[1]
    densities = [
        math.exp(-sum((a - b) ** 2 for a, b in zip(x, s, strict=True)) / (2 * sigma**2))
        / (2 * math.pi * sigma**2) ** (d / 2)
        for s in samples
    ]
    return math.log(sum(densities) / len(densities))


def test_one_centre_is_a_gaussian_density() -> None:
    for d in (1, 2):
        centre, points = uniform(1, d, 0), uniform(50, d, 1)
        likelihoods = log_likelihoods(centre, points, (0.1, 0.7))
        for row, sigma in zip(likelihoods, (0.1, 0.7), strict=True):
            normal = stats.multivariate_normal(centre[0].numpy(), sigma**2 * np.eye(d))
            assert row.numpy() == pytest.approx(normal.logpdf(points.numpy()).reshape(50))
    # at the centre of d pixels: −(d/2) log(2πσ²)
    here = torch.full((1, 784), 0.5)
    likelihoods = log_likelihoods(here, here, (0.2,))
    assert float(likelihoods) == pytest.approx(-392 * math.log(2 * math.pi * 0.04))


def test_several_centres_equal_a_naive_sum_and_two_libraries() -> None:
    neighbours = pytest.importorskip("sklearn.neighbors")
    samples, points = uniform(40, 3, 2), uniform(15, 3, 3)
    for sigma in SIGMAS:
        likelihoods = log_likelihoods(samples, points, (sigma,))[0].numpy()
        expected = [naive(samples.numpy(), x, sigma) for x in points.numpy()]
        assert likelihoods == pytest.approx(expected, rel=1e-9)
        density = neighbours.KernelDensity(bandwidth=sigma).fit(samples.numpy())
        assert likelihoods == pytest.approx(density.score_samples(points.numpy()), rel=1e-9)
        both = stats.gaussian_kde(samples[:, 0].numpy(), sigma / samples[:, 0].std().item())
        one = log_likelihoods(samples[:, :1], points[:, :1], (sigma,))[0].numpy()
        assert one == pytest.approx(both.logpdf(points[:, 0].numpy()), rel=1e-9)


def test_blocks_and_far_points(monkeypatch: pytest.MonkeyPatch) -> None:
    samples, points = uniform(30, 5, 4), uniform(101, 5, 5)
    whole = log_likelihoods(samples, points, SIGMAS)
    assert whole.shape == (10, 101)
    monkeypatch.setattr(module, "BLOCK", 30 * 7)
    assert log_likelihoods(samples, points, SIGMAS).numpy() == pytest.approx(whole.numpy())
    monkeypatch.setattr(module, "BLOCK", 1)
    assert log_likelihoods(samples, points, SIGMAS).numpy() == pytest.approx(whole.numpy())
    # densities that underflow have finite logarithms
    far = log_likelihoods(torch.zeros(2, 10_000), torch.ones(1, 10_000), (0.1,))
    expected = -10_000 / 0.02 - 5_000 * math.log(2 * math.pi * 0.01)
    assert float(far) == pytest.approx(expected)
    # the origin does not matter, also far from it
    moved = log_likelihoods(samples + 1e6, points + 1e6, SIGMAS)
    assert moved.numpy() == pytest.approx(whole.numpy(), abs=1e-5)


def test_the_width_is_the_best_of_the_validation_images_and_the_test_images_are_scored() -> None:
    samples, validation, test = gaussian(60, 4, 0), gaussian(80, 4, 1), gaussian(90, 4, 2, 0.12)
    sigmas = (0.02, 0.05, 0.1, 0.2, 0.5)
    fitted = parzen(samples, validation, test, sigmas)
    means = [
        np.mean([naive(samples.numpy(), x, sigma) for x in validation.numpy()]) for sigma in sigmas
    ]
    assert fitted.sigma == sigmas[int(np.argmax(means))]
    assert not fitted.at_edge
    naive_means = [np.mean([naive(samples.numpy(), x, s) for x in test.numpy()]) for s in sigmas]
    values = np.array([naive(samples.numpy(), x, fitted.sigma) for x in test.numpy()])
    interval = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    estimate = fitted.estimate
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx(
        (values.mean(), interval.low, interval.high)
    )
    assert estimate.value == pytest.approx(naive_means[sigmas.index(fitted.sigma)])
    assert (estimate.n_real, estimate.n_fake) == (90, 60)


def test_the_choice_does_not_look_at_the_test_images() -> None:
    samples, narrow, wide = gaussian(50, 2, 0, 0.05), gaussian(50, 2, 1, 0.05), uniform(50, 2, 2)
    one, other = parzen(samples, narrow, wide), parzen(samples, wide, narrow)
    assert one.sigma < other.sigma
    assert one.sigma == parzen(samples, narrow, narrow).sigma


def test_the_edges_of_the_widths_are_flagged() -> None:
    samples, points = gaussian(50, 2, 0, 0.03), gaussian(50, 2, 1, 0.03)
    assert parzen(samples, points, points).at_edge
    assert parzen(samples, points, points).sigma == pytest.approx(0.1)
    far = parzen(torch.zeros(5, 2), torch.ones(5, 2), torch.ones(5, 2), (0.1, 0.2, 0.5))
    assert (far.sigma, far.at_edge) == (0.5, True)
    assert not parzen(samples, points, points, (0.001, 0.02, 0.5)).at_edge
    assert pytest.approx([0.1, 1.0]) == [SIGMAS[0], SIGMAS[-1]]
    assert len(SIGMAS) == 10
    assert pytest.approx(10 ** (1 / 9)) == SIGMAS[1] / SIGMAS[0]


def test_many_samples_give_the_likelihood_of_the_smoothed_gaussian() -> None:
    """N(½, s²) blurred by σ is N(½, s² + σ²): mean log-density at points of N(½, s²)."""
    d, std, sigma = 2, 0.1, 0.15
    test = gaussian(4000, d, 1)
    variance = std**2 + sigma**2
    expected = -d / 2 * (math.log(2 * math.pi * variance) + std**2 / variance)
    errors = []
    for n in (50, 20_000):
        estimate = parzen(gaussian(n, d, 0), gaussian(10, d, 2), test, (sigma,)).estimate
        errors.append(abs(estimate.value - expected))
        if n == 20_000:
            assert estimate.low < expected < estimate.high
            assert estimate.high - estimate.low < 0.03
    assert errors[1] < errors[0] / 3
    assert errors[1] < 0.02


def test_intervals_cover_given_the_samples() -> None:
    samples = gaussian(40, 3, 0)
    big = log_likelihoods(samples, gaussian(200_000, 3, 1), (0.1,)).mean()
    estimates = [
        parzen(samples, gaussian(2, 3, 7), gaussian(50, 3, 100 + s), (0.1,)).estimate
        for s in range(200)
    ]
    assert np.mean([each.low <= float(big) <= each.high for each in estimates]) >= 0.9


def test_units_of_twice_the_size_cost_d_log_2() -> None:
    samples, points = uniform(20, 6, 0) / 2, uniform(30, 6, 1) / 2
    small = log_likelihoods(samples, points, (0.1,))
    large = log_likelihoods(2 * samples, 2 * points, (0.2,))
    assert (small - large).numpy() == pytest.approx(6 * math.log(2))


def test_images_of_any_shape_are_rows() -> None:
    samples, points = uniform(20, 12, 0), uniform(30, 12, 1)
    flat = parzen(samples, points, points)
    shaped = parzen(*(x.reshape(-1, 3, 2, 2) for x in (samples, points, points)))
    assert shaped == flat
    single = parzen(samples.float(), points.float(), points.float())
    assert single.estimate.value == pytest.approx(flat.estimate.value, rel=1e-5)


def test_the_controls_show_how_it_misleads() -> None:
    train, validation, test = digits()
    controls = parzen_controls(train, validation, test, 100, seed=1)
    for each in (controls.training_set, controls.centroids):
        assert (each.estimate.n_real, each.estimate.n_fake) == (397, 100)
    # blurs, which are no digits, beat real digits
    assert controls.centroids.estimate.low > controls.training_set.estimate.high
    assert controls == parzen_controls(train, validation, test, 100, seed=1)
    other = parzen_controls(train, validation, test, 100, seed=2)
    assert controls.training_set.estimate != other.training_set.estimate
    assert controls.centroids.estimate != other.centroids.estimate


def test_the_training_row_is_a_draw_of_training_images() -> None:
    train, validation, test = digits()
    whole = parzen_controls(train[:300], validation, test, 300, seed=0).training_set
    expected = parzen(train[:300], validation, test).estimate.value
    assert whole.estimate.value == pytest.approx(expected)
    more = parzen_controls(train[:300], validation, test, 10_000, seed=0)
    assert more.training_set.estimate.n_fake == more.centroids.estimate.n_fake == 300
    # one centroid is the mean image
    one = parzen_controls(train, validation, test, 1, seed=0).centroids
    mean = parzen(train.mean(0, keepdim=True), validation, test)
    assert one.estimate.value == pytest.approx(mean.estimate.value, abs=0.05)
    assert one.sigma == mean.sigma


def test_bad_images_are_refused() -> None:
    x = uniform(5, 4, 0)
    with pytest.raises(BadInput, match=r"generated images run from -1.*\(x \+ 1\) / 2"):
        parzen(2 * x - x.min() * 2 - 1, x, x)
    with pytest.raises(BadInput, match="test images run from"):
        parzen(x, x, 255 * x)
    with pytest.raises(BadInput, match="validation images run from nan"):
        parzen(x, x * math.nan, x)
    with pytest.raises(BadInput, match="images of one size"):
        parzen(x, x[:, :2], x)
    with pytest.raises(BadInput, match="validation ones have the shape"):
        parzen(x, x[:0], x)
    with pytest.raises(BadInput, match=r"uint8"):
        parzen(x.to(torch.uint8), x, x)
    for sigmas in ((), (0.0, 1.0), (0.2, 0.1), (0.1, 0.1)):
        with pytest.raises(BadInput, match="positive widths in ascending order"):
            parzen(x, x, x, sigmas)
    with pytest.raises(BadInput, match="at least one centre"):
        parzen_controls(x, x, x, 0)


def test_the_sum_is_a_mean_over_samples() -> None:
    """Every sample twice changes nothing; far samples only cost log 2."""
    samples, points = uniform(15, 3, 0), uniform(10, 3, 1)
    twice = log_likelihoods(samples.repeat(2, 1), points, (0.3,))
    once = log_likelihoods(samples, points, (0.3,))
    assert twice.numpy() == pytest.approx(once.numpy())
    near, far = torch.zeros(1, 3), torch.full((1, 3), 1e3)
    half = log_likelihoods(torch.cat([near, far]), near, (0.3,))
    assert float(half) == pytest.approx(float(log_likelihoods(near, near, (0.3,))) - math.log(2))
