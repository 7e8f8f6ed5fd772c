"""Gram matrices: against loops, identities, and far from the origin."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from kit.gaussians import normal
from saddlepoint.metrics.kernel import kernel_distance
from saddlepoint.two_sample.gram import cubic_gram, distance_gram, gaussian_gram


def unbiased(gram: Tensor, n: int) -> float:
    m = len(gram) - n
    xx, yy, xy = gram[:n, :n].sum(), gram[n:, n:].sum(), gram[:n, n:].sum()
    return float(xx / (n * (n - 1)) + yy / (m * (m - 1)) - 2 * xy / (n * m))


@given(st.integers(1, 4), st.integers(4, 9), st.integers(0, 1000))
def test_a_gram_matrix_is_that_of_all_pairs(d: int, size: int, seed: int) -> None:
    z = normal(size, d, seed)
    gaussian, distance = gaussian_gram(z, 0.8), distance_gram(z)
    for i in range(size):
        for j in range(size):
            apart = math.dist(z[i].tolist(), z[j].tolist())
            expected = math.exp(-(apart**2) / (2 * 0.8**2)) if i != j else 0
            assert float(gaussian[i, j]) == pytest.approx(expected, abs=1e-12)
            assert float(distance[i, j]) == pytest.approx(-apart, rel=1e-6, abs=1e-5)


@pytest.mark.parametrize("place", [0.0, 3.0, 100.0])
def test_the_cubic_gram_gives_the_kernel_distance(place: float) -> None:
    x, y = normal(30, 3, 0) + place, normal(24, 3, 1, mean=0.5) + place
    expected = kernel_distance(x, y)
    assert unbiased(cubic_gram(torch.cat([x, y])), 30) == pytest.approx(expected, rel=1e-9)


def test_what_the_cubic_gram_leaves_out_depends_on_one_row_of_a_pair() -> None:
    """(a·b/d + 1)³ less the Gram matrix is f(i) + f(j): its second differences are 0."""
    z = normal(8, 3, 4) + 1
    full = (z @ z.T / 3 + 1) ** 3
    rest = full - cubic_gram(z)
    for i, j, k, m in ((0, 1, 2, 3), (4, 1, 5, 2), (6, 7, 0, 3)):
        mixed = rest[i, j] - rest[i, m] - rest[k, j] + rest[k, m]
        assert float(mixed) == pytest.approx(0, abs=1e-9 * float(full.max()))


def test_the_energy_of_numbers_is_the_squared_gap_of_distribution_functions() -> None:
    """2 E|x − y| − E|x − x′| − E|y − y′| = 2 ∫ (F − G)² dt, each sample paired with itself too."""
    x, y = normal(13, 1, 0), normal(9, 1, 1, mean=0.7)
    gram = distance_gram(torch.cat([x, y]))
    energy = float(gram[:13, :13].mean() + gram[13:, 13:].mean() - 2 * gram[:13, 13:].mean())
    ends = np.sort(torch.cat([x, y]).numpy()[:, 0])
    gaps = [(x.numpy() <= t).mean() - (y.numpy() <= t).mean() for t in ends[:-1]]
    assert energy == pytest.approx(2 * float(np.square(gaps) @ np.diff(ends)), rel=1e-9)


def test_equal_rows_are_at_distance_zero_however_far_from_the_origin() -> None:
    z = 1e3 + torch.from_numpy(np.random.default_rng(0).integers(0, 2, size=(20, 30))) / 3
    z = torch.cat([z, z]).double()
    assert (distance_gram(z)[:20, 20:].diagonal() == 0).all()
    assert float(distance_gram(1e200 * z).min()) == pytest.approx(
        1e200 * float(distance_gram(z).min()), rel=1e-6
    )
