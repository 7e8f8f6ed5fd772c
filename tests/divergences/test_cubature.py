"""Boxes and adaptive rules: nothing narrow is missed, and what is not precise is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from saddlepoint.divergences import Gaussian, GaussianMixture, divergence
from saddlepoint.divergences.computed import Quadrature
from saddlepoint.divergences.cubature import Boxes, around, integral, interval
from saddlepoint.errors import BadInput


def double(values: object) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize(
    "covariance",
    [
        [[1.0, 0.0], [0.0, 1.0]],
        [[1e-6, 0.0], [0.0, 4.0]],
        [[1.0, 0.999], [0.999, 1.0]],
    ],
)
def test_a_gaussian_has_the_mass_one_and_its_own_moments(covariance):
    p = GaussianMixture([[3.0, -1.0]], covariances=[covariance])
    boxes = around(p.means, p.covariances)
    whole = integral(lambda x: p.log_density(x).exp(), boxes, "p")
    assert float(whole.value) == pytest.approx(1, abs=1e-9)

    def product(x):
        return p.log_density(x).exp() * (x[..., 0] - 3) * (x[..., 1] + 1)

    assert float(integral(product, boxes, "xy").value) == pytest.approx(covariance[0][1], abs=1e-8)


def test_a_narrow_mode_within_a_wide_one_is_seen():
    """A rule that starts from one box sees only the wide one."""
    p = GaussianMixture([[0.0, 0.0], [1.234, 0.5]], std=[2.0, 0.001], weights=[0.5, 0.5])
    boxes = around(p.means, p.covariances)
    whole = integral(lambda x: p.log_density(x).exp(), boxes, "p")
    assert float(whole.value) == pytest.approx(1, abs=1e-8)
    wide, narrow = GaussianMixture([0.0, 0.0], std=1.0), GaussianMixture([1.0, 1.0], std=1e-4)
    exact = divergence(Gaussian(0.0, std=1.0), Gaussian(1.0, std=1e-4), of="total-variation")
    found = divergence(wide, narrow, of="total-variation")
    assert isinstance(found, Quadrature)
    assert found.value == pytest.approx(exact.value, abs=found.error)


def test_boxes_do_not_overlap_and_hold_what_they_should():
    means, covariances = double([[0.0], [2.0]]), double([[[1.0]], [[1e-4]]])
    boxes = around(means, covariances)
    low, high = (boxes.centre - boxes.half)[:, 0], (boxes.centre + boxes.half)[:, 0]
    order = low.argsort()
    assert (low[order][1:] >= high[order][:-1] - 1e-12).all()
    assert low.min() <= -9
    assert high.max() >= 9
    near = (boxes.centre[:, 0] - 2).abs() < 0.08
    assert (2 * boxes.half[near] <= 0.03 + 1e-12).all()


def test_kinks_and_jumps_are_refined():
    kinked = integral(lambda x: (x[..., 0] - 0.3).abs(), interval(-1, 1, 1), "a kink")
    assert float(kinked.value) == pytest.approx(1.09, abs=1e-9)
    step = integral(lambda x: (x[..., 0] > 1 / 3).double(), interval(-1, 1, 1), "a step")
    assert float(step.value) == pytest.approx(2 / 3, abs=1e-8)


@pytest.mark.parametrize("place", [0.0, 0.005, 0.01, 0.02, 0.04, 0.3, 0.5])
def test_a_kink_near_an_end_is_seen(place):
    """Rules without the ends call the ramp smooth, and are off by the square of its length."""
    for low, high in ((0.0, 1.0), (-1.0, 0.0)):
        found = integral(
            lambda x: (x[..., 0].abs() - place).clamp(min=0), interval(low, high, 1), "a ramp"
        )
        truth = (1 - place) ** 2 / 2
        assert abs(float(found.value) - truth) <= max(found.error, 1e-15)
        assert found.error < 1e-8


def test_the_error_is_more_than_the_truth_where_there_are_kinks():
    rng = np.random.default_rng(0)
    for _ in range(12):
        (a, b), (s, r) = rng.normal(size=2), np.exp(0.5 * rng.normal(size=2))
        p, q = Gaussian(a, std=s), Gaussian(b, std=r)
        exact = divergence(p, q, of="total-variation").value
        one = GaussianMixture([a, a], std=s)  # which has no closed form
        found = divergence(one, q, of="total-variation")
        assert abs(found.value - exact) <= found.error < 1e-6


def test_what_stays_uncertain_is_refused():
    with pytest.raises(BadInput, match="quadrature of a comb"):
        integral(lambda x: (1e8 * x[..., 0] + 1).sin() * 1e3, interval(-1, 1, 1), "a comb")
    with pytest.raises(BadInput, match="quadrature of a root gives nan"):
        integral(lambda x: x[..., 0].sqrt(), interval(-1, 1, 1), "a root")
    with pytest.raises(BadInput, match="too much in width"):
        divergence(
            GaussianMixture([[0.0, 0.0]], covariances=[[[1.0, 0.9999999], [0.9999999, 1.0]]]),
            GaussianMixture([[1.0, 1.0]], std=1.0),
        )


def test_a_crease_in_the_plane():
    """Of |x − y| over the square [−1, 1]², 8/3."""
    square = Boxes(double([[0.0, 0.0]]), double([[1.0, 1.0]]))
    found = integral(lambda x: (x[..., 0] - x[..., 1]).abs(), square, "a crease")
    assert abs(float(found.value) - 8 / 3) <= found.error < 2e-6
    turned = integral(lambda x: (x[..., 0] - 0.7 * x[..., 1]).abs(), square, "a crease")
    assert abs(float(turned.value) - (2 + 2 * 0.49 / 3)) <= turned.error < 3e-6


def test_components_that_add_nothing_are_left_out_and_nothing_else():
    """Rows of points, each of which meets few of the modes, have the density of them all."""
    ticks = torch.arange(-4.0, 5, 2, dtype=torch.float64)
    p = GaussianMixture(torch.cartesian_prod(ticks, ticks), std=0.5)
    rng = torch.Generator().manual_seed(0)
    centres = 12 * torch.rand(400, 1, 2, generator=rng, dtype=torch.float64) - 6
    points = centres + 0.1 * torch.rand(400, 5, 2, generator=rng, dtype=torch.float64)
    together = p.log_density(points)
    off = (points[..., None, :] - p.means).square().sum(-1) / 0.5
    alone = (-off).logsumexp(-1) - math.log(25 * 2 * math.pi * 0.25)
    torch.testing.assert_close(together, alone, rtol=1e-14, atol=1e-13)
    assert p._counting(points).sum(1).double().mean() < 20
