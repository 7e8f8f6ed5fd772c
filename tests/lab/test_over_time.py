"""Courses of trainings: there and back, intervals by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from saddlepoint.lab import PerSeed, over_time
from saddlepoint.lab.bench import Trained


def test_courses_survive_being_figures_of_seeds():
    steps, values = [10, 20], np.array([[1.0, 2.0], [3.0, np.nan]])
    made = over_time.figures({"a": (steps, values), "ab": (steps, 2 * values)})
    assert made[1] == {"a @ 10": 2.0, "a @ 20": None, "ab @ 10": 4.0, "ab @ 20": None}
    cells = [Trained("", 20, 1.0, "cpu", "", [seed]) for seed in made]
    back, found = over_time.course(cells, "a")
    assert list(back) == steps
    np.testing.assert_array_equal(found, values)


def test_what_was_logged_is_averaged_from_checkpoint_to_checkpoint():
    steps, values = np.array([1, 2, 3, 4, 5]), np.arange(5.0)[:, None]
    np.testing.assert_array_equal(over_time.between(steps, values, [2, 5]), [[0.5], [3.0]])


def test_intervals_are_students():
    found = over_time.mean_interval([1.0, 2.0, 3.0, None])
    assert found is not None
    half = 4.302653 / math.sqrt(3)  # t at 0.975 with two degrees of freedom, deviation 1
    assert found.ends == pytest.approx((2.0, 2.0 - half, 2.0 + half), abs=1e-5)
    assert over_time.mean_interval([1.0]) is None
    gap = over_time.gap(PerSeed((5.0, 7.0, 9.0)), PerSeed((4.0, 5.0, 6.0)))
    assert gap is not None
    assert gap.ends == pytest.approx(found.ends), "seed against seed"
    assert over_time.gap(None, PerSeed((1.0,))) is None


def test_distances_are_along_lines_and_in_the_unit_of_length():
    real = np.zeros((3, 1, 2))
    apart = over_time.distance(real, real + np.array([3.0, 0.0]), 3.0)
    assert apart == pytest.approx(math.sqrt(0.5), rel=0.15), "E cos² of random lines"
    assert math.isnan(over_time.distance(real, np.full((3, 1, 2), np.nan)))


def test_a_band_is_mean_and_deviation():
    ends = over_time.band(np.array([[1.0, 3.0]]))
    assert np.asarray(ends.middle) == pytest.approx([2.0])
    assert np.asarray(ends.high) == pytest.approx([2.0 + math.sqrt(2)])
