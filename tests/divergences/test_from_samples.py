"""Estimates from samples: brute force, SciPy's own distances, no bias, intervals that cover."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from saddlepoint.divergences import (
    Energy,
    Gaussian,
    MaximumMeanDiscrepancy,
    Samples,
    divergence,
)
from saddlepoint.errors import BadInput
from saddlepoint.metrics.estimate import blocks


def drawn(seed: int, n: int = 60, m: int = 50, d: int = 1, shift: float = 0.5):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=(m, d)) + shift


def by_loops(x, y, kernel, unbiased: bool) -> float:
    def mean(pairs):
        return np.mean([kernel(math.dist(a, b)) for a, b in pairs])

    def within(z):
        if unbiased:
            return mean(itertools.permutations(z, 2))
        return mean(itertools.product(z, z))

    return within(x) + within(y) - 2 * mean(itertools.product(x, y))


@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("statistic", ["unbiased", "v-statistic"])
def test_pairs_by_loops(d, statistic):
    x, y = drawn(0, 44, 41, d)
    unbiased = statistic == "unbiased"
    found = divergence(
        Samples(x), Samples(y), MaximumMeanDiscrepancy(statistic=statistic, bandwidth=0.8)
    )
    kernel = by_loops(x, y, lambda r: math.exp(-(r**2) / (2 * 0.8**2)), unbiased)
    assert found.value == pytest.approx(kernel, abs=1e-12)
    assert ("unbiased (U-statistic)" in found.method) == unbiased
    assert "bandwidth 0.8" in found.method
    assert (found.n_real, found.n_fake) == (44, 41)
    found = divergence(Samples(x), Samples(y), Energy(statistic))
    assert found.value == pytest.approx(by_loops(x, y, lambda r: -r, unbiased), abs=1e-12)


@pytest.mark.parametrize("key", ["mmd", "energy", "wasserstein-1", "wasserstein-2"])
def test_replicates_are_the_values_without_a_block(key):
    x, y = drawn(1)
    found = divergence(Samples(x), Samples(y), of=key)
    for b in (0, 7, 19):
        rest = [np.delete(z, np.arange(len(z))[blocks(len(z))[b]], 0) for z in (x, y)]
        alone = divergence(*map(Samples, rest), of=key).value
        assert found.replicates[b] == pytest.approx(alone, abs=1e-12)


def test_quantiles_and_energy_are_scipy_s():
    x, y = drawn(2)
    p, q = Samples(x[:, 0]), Samples(y[:, 0])
    w1 = stats.wasserstein_distance(x[:, 0], y[:, 0])
    assert divergence(p, q, of="wasserstein-1").value == pytest.approx(w1, abs=1e-12)
    energy = stats.energy_distance(x[:, 0], y[:, 0]) ** 2
    assert divergence(p, q, Energy("v-statistic")).value == pytest.approx(energy, abs=1e-12)
    size = math.lcm(60, 50)
    long = [np.sort(np.repeat(z[:, 0], size // len(z))) for z in (x, y)]
    w2 = math.sqrt(np.mean((long[0] - long[1]) ** 2))
    assert divergence(p, q, of="wasserstein-2").value == pytest.approx(w2, abs=1e-12)


@pytest.mark.parametrize("key", ["mmd", "energy"])
def test_without_bias_with_the_pairs_left_out_and_with_it_else(key):
    """Means over 150 draws of 40 against the closed forms; the V-statistic is 1/n too large."""
    p, q = Gaussian(0.0, std=1.0), Gaussian(0.5, std=1.0)
    truth = divergence(p, q, of=key).value
    kind = {"mmd": MaximumMeanDiscrepancy, "energy": Energy}[key]
    means = {}
    for statistic in ("unbiased", "v-statistic"):
        pairs = (map(Samples, drawn(seed, 40, 40)) for seed in range(150))
        values = [divergence(*pair, kind(statistic=statistic)).value for pair in pairs]
        means[statistic] = np.mean(values), np.std(values) / math.sqrt(150)
    mean, error = means["unbiased"]
    assert abs(mean - truth) < 3.5 * error
    mean, error = means["v-statistic"]
    assert mean - truth > 3.5 * error


@pytest.mark.parametrize("key", ["mmd", "energy", "wasserstein-1", "wasserstein-2"])
def test_intervals_cover_where_the_distributions_differ(key):
    p, q = Gaussian(0.0, std=1.0), Gaussian(1.0, std=1.0)
    truth = divergence(p, q, of=key).value
    held = 0
    for seed in range(120):
        x, y = drawn(seed, 100, 100, shift=1.0)
        found = divergence(Samples(x), Samples(y), of=key)
        held += found.low <= truth <= found.high
    assert held >= 0.9 * 120


def test_what_cannot_be_estimated_is_refused():
    x, y = drawn(3, d=2)
    with pytest.raises(BadInput, match=r"saddlepoint\.transport"):
        divergence(Samples(x), Samples(y), of="wasserstein-1")
    with pytest.raises(BadInput, match="needs at least 40"):
        divergence(Samples(x[:30]), Samples(y), of="mmd")
    with pytest.raises(BadInput, match="is no statistic"):
        divergence(Samples(x), Samples(y), Energy(statistic="best"))
    with pytest.raises(BadInput, match="p has 2 dimensions and q 1"):
        divergence(Samples(x), Samples(y[:, :1]), of="energy")
    with pytest.raises(BadInput, match="positive and finite"):
        MaximumMeanDiscrepancy(bandwidth=0.0)
