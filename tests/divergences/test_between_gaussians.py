"""Closed forms and quadrature against tables, torch's and SciPy's own formulas."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import integrate, linalg, stats

from saddlepoint.data.mixture import Mixture
from saddlepoint.divergences import (
    Discrete,
    Gaussian,
    GaussianMixture,
    MaximumMeanDiscrepancy,
    Samples,
    divergence,
    divergence_tensor,
    entropy,
)
from saddlepoint.errors import BadInput

# JSD and 2 dJSD/dθ of N(0, 1) and N(θ, 1).
SHIFTED = {
    0.5: (0.030311, 0.235264),
    1.0: (0.111421, 0.397973),
    2.0: (0.336831, 0.449600),
    3.0: (0.526777, 0.295864),
    4.0: (0.632720, 0.137195),
    6.0: (0.689298, 0.012453),
    8.0: (0.693054, 0.000393),
}


@pytest.mark.parametrize("theta", SHIFTED)
@pytest.mark.parametrize("dimensions", [1, 2, 5])
def test_jensen_shannon_of_shifted_gaussians(theta, dimensions):
    """In any dimension: only the shift in deviations counts."""
    shift = torch.tensor(theta, dtype=torch.float64, requires_grad=True)
    along = torch.full((dimensions,), 1 / math.sqrt(dimensions), dtype=torch.float64)
    p, q = Gaussian(torch.zeros(dimensions), std=1.0), Gaussian(shift * along, std=1.0)
    found = divergence_tensor(p, q)
    (slope,) = torch.autograd.grad(found, shift)
    jsd, twice = SHIFTED[theta]
    assert found.item() == pytest.approx(jsd, abs=6e-7)
    assert 2 * slope.item() == pytest.approx(twice, abs=6e-7)


def shifted(theta: float) -> tuple[Gaussian, Gaussian]:
    return Gaussian(0.0, std=1.0), Gaussian(theta, std=1.0)


@pytest.mark.parametrize("theta", [0.5, 2.0, 4.0])
def test_closed_forms_of_shifted_gaussians(theta):
    p, q = shifted(theta)
    expected = {
        "kl": theta**2 / 2,
        "reverse-kl": theta**2 / 2,
        "total-variation": 2 * stats.norm.cdf(theta / 2) - 1,
        "pearson-chi2": math.expm1(theta**2),
        "neyman-chi2": math.expm1(theta**2),
        "squared-hellinger": 2 - 2 * math.exp(-(theta**2) / 8),
        "wasserstein-1": theta,
        "wasserstein-2": theta,
        "mmd": 2 / math.sqrt(3) * (1 - math.exp(-(theta**2) / 6)),
    }
    for key, number in expected.items():
        found = divergence(p, q, of=key)
        assert found.method.startswith("closed form")
        assert found.value == pytest.approx(number, rel=1e-12)


SLANTED = (
    Gaussian([0.0, 1.0, 0.3], covariance=[[1.0, 0.5, 0.1], [0.5, 0.8, 0.0], [0.1, 0.0, 0.6]]),
    Gaussian([0.6, 0.4, 0.0], covariance=[[0.9, -0.2, 0.0], [-0.2, 1.1, 0.3], [0.0, 0.3, 1.0]]),
)


def test_kl_is_torch_s():
    p, q = (torch.distributions.MultivariateNormal(g.mean, g.covariance) for g in SLANTED)
    expected = torch.distributions.kl_divergence(p, q).item()
    assert divergence(*SLANTED, of="kl").value == pytest.approx(expected, rel=1e-12)
    assert divergence(*SLANTED[::-1], of="reverse-kl").value == pytest.approx(expected, rel=1e-12)


def test_w2_is_the_formula_with_matrix_roots():
    (a, s), (b, r) = ((g.mean.numpy(), g.covariance.numpy()) for g in SLANTED)
    root = linalg.sqrtm(s)
    square = ((a - b) ** 2).sum() + np.trace(s + r - 2 * linalg.sqrtm(root @ r @ root))
    assert divergence(*SLANTED, of="wasserstein-2").value == pytest.approx(math.sqrt(square))


def test_w2_of_one_distribution_is_zero_to_the_last_digits():
    """Traces that cancel would leave 1e-8."""
    p = SLANTED[0]
    turned = Gaussian(p.mean, covariance=(p.covariance * 3) / 3)
    assert divergence(p, turned, of="wasserstein-2").value < 1e-14


@pytest.mark.parametrize("key", ["squared-hellinger", "pearson-chi2", "mmd"])
def test_three_dimensions_by_importance_sampling(key):
    """Within four standard errors of the mean over 400,000 draws."""
    narrow, wide = Gaussian(SLANTED[0].mean, covariance=0.6 * SLANTED[0].covariance), SLANTED[1]
    p, q = (stats.multivariate_normal(g.mean.numpy(), g.covariance.numpy()) for g in (narrow, wide))
    rng = np.random.default_rng(1)
    x, y = p.rvs(400_000, random_state=rng), q.rvs(400_000, random_state=rng)
    ratio = p.pdf(y) / q.pdf(y)
    half = len(x) // 2

    def kernel(one, other):
        return np.exp(-((one - other) ** 2).sum(1) / 2)

    draws = {
        "squared-hellinger": (np.sqrt(ratio) - 1) ** 2,
        "pearson-chi2": (ratio - 1) ** 2,
        "mmd": kernel(x[:half], x[half:])
        + kernel(y[:half], y[half:])
        - kernel(x[:half], y[:half])
        - kernel(x[half:], y[half:]),
    }[key]
    error = draws.std() / math.sqrt(len(draws))
    assert divergence(narrow, wide, of=key).value == pytest.approx(draws.mean(), abs=4 * error)
    assert error < 0.05 * draws.mean()


def test_chi_squared_is_infinite_from_the_width_root_two_on():
    p = Gaussian(0.0, std=1.0)
    for std, finite in ((0.72, True), (0.707, False), (0.5, False)):
        q = Gaussian(0.3, std=std)
        assert math.isfinite(divergence(p, q, of="pearson-chi2").value) == finite
        assert math.isfinite(divergence(q, p, of="neyman-chi2").value) == finite
        assert math.isfinite(divergence(q, p, of="pearson-chi2").value)
    mixed = GaussianMixture([0.0, 5.0], std=[0.5, 0.8])  # the wide component's tails are enough
    assert math.isfinite(divergence(p, mixed, of="pearson-chi2").value)
    thin = GaussianMixture([0.0, 5.0], std=[0.5, 0.7])
    assert math.isinf(divergence(p, thin, of="pearson-chi2").value)


def test_chi_squared_finite_in_some_directions_only():
    p = Gaussian([0.0, 0.0], std=1.0)
    assert math.isinf(divergence(p, Gaussian([0.0, 0.0], std=[2.0, 0.6]), of="pearson-chi2").value)
    crossed = [[[4.0, 0.0], [0.0, 0.4]], [[0.4, 0.0], [0.0, 0.4]]]
    q = GaussianMixture([[0.0, 0.0], [0.0, 0.0]], covariances=crossed)
    assert math.isinf(divergence(p, q, of="pearson-chi2").value)
    crossed = [[[9.0, 0.0], [0.0, 0.4]], [[0.4, 0.0], [0.0, 9.0]]]
    q = GaussianMixture([[0.0, 0.0], [0.0, 0.0]], covariances=crossed)
    with pytest.raises(BadInput, match="no single component"):  # finite: each covers one axis
        divergence(p, q, of="pearson-chi2")


def test_a_chi_squared_beyond_float64_is_refused():
    for q in (Gaussian(40.0, std=1.0), GaussianMixture([40.0, 41.0], std=1.0)):
        with pytest.raises(BadInput, match="float64"):
            divergence(Gaussian(0.0, std=1.0), q, of="pearson-chi2")


def test_chi_squared_sees_where_neither_density_is():
    """p²/q of N(6, 1) and N(0, 1) lies at 12, six deviations from the nearer of them."""
    p, q = Gaussian(6.0, std=1.0), GaussianMixture([0.0, -30.0], std=1.0, weights=[1 - 1e-9, 1e-9])
    assert divergence(p, q, of="pearson-chi2").value == pytest.approx(math.exp(36), rel=1e-6)


@pytest.mark.parametrize("stds", [(1.0, 1.0 + 1e-9), (1.0, 1.0001), (0.2, 3.0)])
@pytest.mark.parametrize("shift", [0.0, 1e-6, 0.7, -2.0])
def test_total_variation_of_any_two_widths(stds, shift):
    p, q = Gaussian(0.0, std=stds[0]), Gaussian(shift, std=stds[1])
    x = np.linspace(-25, 25, 2_000_001)
    gap = np.abs(stats.norm.pdf(x, 0, stds[0]) - stats.norm.pdf(x, shift, stds[1]))
    found = divergence(p, q, of="total-variation").value
    assert found == pytest.approx(np.trapezoid(gap, x) / 2, abs=1e-9)


def test_total_variation_in_the_plane():
    """Round, of widths a < b at one place: p > q within r² = 4 log(b/a) / (1/a² − 1/b²)."""
    a, b = 0.05, 0.06
    square = 4 * math.log(b / a) / (a**-2 - b**-2)
    exact = math.exp(-square / (2 * b**2)) - math.exp(-square / (2 * a**2))
    found = divergence(
        GaussianMixture([[0.3, 1.0]], std=a), Gaussian([0.3, 1.0], std=b), of="total-variation"
    )
    assert found.value == pytest.approx(exact, abs=found.error)
    assert found.error < 1e-6


# --- quadrature against SciPy's ---

P = GaussianMixture([-2.0, 2.0], [0.5, 1.0], weights=[0.3, 0.7])
Q = GaussianMixture([-1.0, 2.5], 0.9)


def density(x: float, mixture: GaussianMixture) -> float:
    means, stds = (each.numpy() for each in mixture.line())
    return float(mixture.weights.numpy() @ stats.norm.pdf(x, means, stds))


def cumulative(x: float, mixture: GaussianMixture) -> float:
    means, stds = (each.numpy() for each in mixture.line())
    return float(mixture.weights.numpy() @ stats.norm.cdf(x, means, stds))


INTEGRANDS = {
    "kl": lambda p, q: p * math.log(p / q),
    "reverse-kl": lambda p, q: q * math.log(q / p),
    "jensen-shannon": lambda p, q: (
        0.5 * p * math.log(2 * p / (p + q)) + 0.5 * q * math.log(2 * q / (p + q))
    ),
    "total-variation": lambda p, q: abs(p - q) / 2,
    "pearson-chi2": lambda p, q: (p - q) ** 2 / q,
    "neyman-chi2": lambda p, q: (p - q) ** 2 / p,
    "squared-hellinger": lambda p, q: (math.sqrt(p) - math.sqrt(q)) ** 2,
}


def scipy_s(function) -> float:
    points = np.linspace(-16, 16, 65)
    return sum(
        integrate.quad(function, a, b, epsabs=1e-12)[0] for a, b in itertools.pairwise(points)
    )


@pytest.mark.parametrize("key", INTEGRANDS)
def test_mixtures_on_the_line(key):
    expected = scipy_s(lambda x: INTEGRANDS[key](density(x, P), density(x, Q)))
    found = divergence(P, Q, of=key)
    assert found.error < 1e-7
    assert found.value == pytest.approx(expected, abs=1e-8)


def test_transport_and_energy_on_the_line():
    def gap(x: float) -> float:
        return abs(cumulative(x, P) - cumulative(x, Q))

    assert divergence(P, Q, of="wasserstein-1").value == pytest.approx(scipy_s(gap), abs=1e-8)
    energy = 2 * scipy_s(lambda x: gap(x) ** 2)
    assert divergence(P, Q, of="energy").value == pytest.approx(energy, abs=1e-8)
    # Quantiles on a fine grid of levels.
    x = np.linspace(-9, 12, 400_001)
    levels = (np.arange(1_000_000) + 0.5) / 1_000_000
    quantiles = []
    for mixture in (P, Q):
        means, stds = (each.numpy() for each in mixture.line())
        rising = stats.norm.cdf(x[:, None], means, stds) @ mixture.weights.numpy()
        quantiles.append(np.interp(levels, rising, x))
    w2 = math.sqrt(np.mean((quantiles[0] - quantiles[1]) ** 2))
    assert divergence(P, Q, of="wasserstein-2").value == pytest.approx(w2, abs=2e-4)


def test_mmd_is_the_integral_over_frequencies():
    """MMD² = ∫ |φ_p − φ_q|² dω of the kernel's spectral measure N(0, 1/h²)."""
    h = 0.7

    def gap(w: float) -> float:
        total = 0j
        for mixture, sign in ((P, 1), (Q, -1)):
            means, stds = (each.numpy() for each in mixture.line())
            waves = np.exp(1j * w * means - (stds * w) ** 2 / 2)
            total += sign * complex(mixture.weights.numpy() @ waves)
        return abs(total) ** 2 * stats.norm.pdf(w, 0, 1 / h)

    expected = integrate.quad(gap, -10, 10, limit=500, epsabs=1e-12)[0]
    found = divergence(P, Q, of=MaximumMeanDiscrepancy(bandwidth=h))
    assert found.value == pytest.approx(expected, abs=1e-9)
    assert "bandwidth 0.7" in found.method


def test_energy_in_the_plane_by_rice_and_by_directions():
    """The same numbers with components that are round and such as are 1e-9 away from it."""
    round_ = (GaussianMixture([[0.0, 0.0], [2.0, 1.0]], 0.3), Gaussian([0.5, 0.0], std=0.4))
    tilt = torch.tensor([[1.0, 0.0], [0.0, 1.0 + 1e-9]], dtype=torch.float64)
    slightly = (
        GaussianMixture(round_[0].means, covariances=round_[0].covariances * tilt),
        round_[1],
    )
    rice, lines = (divergence(*pair, of="energy") for pair in (round_, slightly))
    assert rice.method == "closed form"
    assert lines.method == "adaptive quadrature"
    assert rice.value == pytest.approx(lines.value, abs=1e-7)
    with pytest.raises(BadInput, match="mmd"):
        divergence(*SLANTED, of="energy")


def test_quadrature_passes_gradients_of_every_parameter():
    free = [t.clone().requires_grad_() for t in (P.means, P.covariances.sqrt()[:, :, 0])]

    def of(means, std):
        return divergence_tensor(GaussianMixture(means, std, weights=P.weights), Q)

    assert torch.autograd.gradcheck(of, free, eps=1e-5, atol=1e-7)


# --- entropies ---


def ring() -> Mixture:
    angles = np.arange(8) * np.pi / 4
    return Mixture(np.stack([np.cos(angles), np.sin(angles)], 1), std=0.01)


def grid() -> Mixture:
    ticks = np.arange(-4, 5, 2.0)
    return Mixture(np.array([(x, y) for x in ticks for y in ticks]), std=0.05)


@pytest.mark.parametrize(
    ("toy", "count", "known"), [(ring(), 8, -4.293022), (grid(), 25, 0.065288)]
)
def test_entropies_of_the_toys(toy, count, known):
    found = entropy(toy)
    assert found.value == pytest.approx(known, abs=1e-6)
    # Modes that do not overlap: log K + log(2πe s²).
    apart = math.log(count) + math.log(2 * math.pi * math.e * toy.std**2)
    assert found.value == pytest.approx(apart, abs=1e-9)
    assert found.error < 1e-6


def test_entropy_where_modes_overlap():
    expected = scipy_s(lambda x: -density(x, P) * math.log(density(x, P)))
    assert entropy(P).value == pytest.approx(expected, abs=1e-8)
    assert entropy(SLANTED[0]).value == pytest.approx(
        stats.multivariate_normal(SLANTED[0].mean, SLANTED[0].covariance).entropy()
    )
    assert entropy(Discrete([0.5, 0.5, 0.0])).value == pytest.approx(math.log(2))
    assert entropy(Discrete([0.5, 0.5], [1.0, 1.0])).value == 0
    with pytest.raises(BadInput, match="density"):
        entropy(Samples([0.0, 1.0]))


def test_toys_are_compared_as_they_are():
    """The ring with its modes widened from .01 to .02: per mode a Gaussian against another."""
    wide = Mixture(ring().centres, std=0.02)
    one = Gaussian([0.0, 0.0], std=0.01), Gaussian([0.0, 0.0], std=0.02)
    for key in ("kl", "squared-hellinger", "jensen-shannon"):
        expected = divergence(*one, of=key).value
        assert divergence(ring(), wide, of=key).value == pytest.approx(expected, abs=1e-7)
