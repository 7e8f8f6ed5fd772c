"""Toy distributions: modes, moments, exact densities."""

import numpy as np
import pytest
import torch

from saddlepoint.data.published import Digits
from saddlepoint.data.source import Split
from saddlepoint.data.toys import Grid, Ring, Spirals, SwissRoll, TwoLines
from saddlepoint.errors import BadInput

CPU = torch.device("cpu")
TOYS = [Ring, Grid, SwissRoll, Spirals, TwoLines]


def test_ring_modes_are_distinct_and_on_the_circle():
    centres = Ring(modes=8, radius=2.0).centres()
    assert centres.shape == (8, 2)
    assert np.allclose(np.hypot(*centres.T), 2)
    gaps = np.linalg.norm(centres - np.roll(centres, 1, axis=0), axis=1)
    # The chord of 1/8 of the circle, all the way round: no mode twice.
    assert np.allclose(gaps, 4 * np.sin(np.pi / 8))


def test_grid_modes_are_distinct_and_centred():
    centres = Grid(side=4, spacing=3.0).centres()
    assert len({tuple(point) for point in centres}) == 16
    assert np.allclose(centres.mean(axis=0), 0)
    assert np.allclose(np.unique(centres), [-4.5, -1.5, 1.5, 4.5])


@pytest.mark.parametrize("toy", [SwissRoll(), Spirals(), TwoLines(), Digits()])
def test_what_is_no_mixture_has_neither_modes_nor_a_density(toy):
    assert toy.mixture() is None
    assert toy.log_density(np.zeros((3, 2))) is None


@pytest.mark.parametrize(
    "toy", [Ring(modes=5, radius=1, std=0.2), Grid(side=2, spacing=1, std=0.15), Ring(modes=1)]
)
def test_density_integrates_to_one(toy):
    step = toy.std / 4
    ticks = np.arange(-2.5, 2.5, step)
    points = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    density = toy.log_density(points)
    assert density.dtype == np.float64
    assert np.isclose(np.exp(density).sum() * step**2, 1, atol=1e-6)


def test_density_at_one_gaussian_is_the_formula_far_out_too():
    toy = Ring(modes=1, radius=1, std=0.01)
    points = np.array([[1.0, 0.0], [1.01, 0.0], [101.0, 0.0]])
    constant = np.log(2 * np.pi * 0.01**2)
    expected = np.array([0, -0.5, -0.5 * 100**2 / 0.01**2]) - constant
    assert np.allclose(toy.log_density(points), expected)
    with pytest.raises(BadInput, match=r"\(N, 2\).*\(3,\)"):
        toy.log_density(np.zeros(3))


@pytest.mark.parametrize("toy", [Ring(examples=40_000, std=0.1), Grid(examples=40_000)])
def test_mixtures_have_equal_weights_right_centres_and_spread(toy):
    points, labels = toy.draw()
    centres = toy.centres()
    counts = np.bincount(labels, minlength=len(centres))
    mean = 40_000 / len(centres)
    assert np.abs(counts - mean).max() < 5 * np.sqrt(mean)
    for mode, centre in enumerate(centres):
        cluster = points[labels == mode]
        assert np.abs(cluster.mean(axis=0) - centre).max() < 5 * toy.std / np.sqrt(len(cluster))
    residual = points - centres[labels]
    assert np.isclose(residual.std(), toy.std, rtol=0.02)


def test_curves_lie_where_they_should():
    points, labels = TwoLines(examples=5000, distance=2.0).draw()
    assert set(np.unique(points[:, 0])) == {0.0, 2.0}
    assert np.array_equal(labels, (points[:, 0] == 2).astype(int))
    assert points[:, 1].min() >= 0
    assert points[:, 1].max() <= 1
    assert abs(points[:, 1].mean() - 0.5) < 0.02
    points, labels = Spirals(examples=3000, arms=3, turns=1.5, std=0).draw()
    radius, angle = np.hypot(*points.T), np.arctan2(points[:, 1], points[:, 0])
    expected = 2 * np.pi * (1.5 * radius + labels / 3)
    assert np.allclose(np.cos(angle - expected), 1, atol=1e-3)
    points, labels = SwissRoll(examples=3000, std=0).draw()
    assert labels is None
    angle = np.hypot(*points.T) * 4.5 * np.pi
    assert np.allclose(np.cos(angle - np.arctan2(points[:, 1], points[:, 0])), 1, atol=1e-3)
    assert 0.99 < np.hypot(*points.T).max() <= 1.0001


@pytest.mark.parametrize("toy", TOYS)
def test_toys_depend_on_their_seed_alone(toy):
    one, two, other = (toy(examples=200, seed=seed).open() for seed in (5, 5, 6))
    assert one.info.fingerprint == two.info.fingerprint != other.info.fingerprint
    assert one.info.shape == (2,)
    assert not one.info.images
    batch = one.loader("train", 16, seed=0, device=CPU).batch(0)
    assert batch.x.shape == (16, 2)
    assert batch.x.dtype == torch.float32
    if batch.label is not None:
        assert len(one.info.classes) > int(batch.label.max())


def test_a_single_point_cannot_be_trained_on():
    with pytest.raises(BadInput, match="at least 2 are needed"):
        Ring(examples=1, split=Split(validation=0, test=0)).open()
