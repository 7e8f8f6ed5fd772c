"""Schedules: end points, shape, clamping, and what is refused."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from saddlepoint.description import Description
from saddlepoint.schedules import (
    Coefficient,
    Cosine,
    Exponential,
    Piecewise,
    coefficient_from,
    coefficient_text,
    value_at,
)

COEFFICIENT = TypeAdapter(Coefficient)
EXAMPLES = (
    Cosine(start=3.0, end=1.0),
    Exponential(start=0.1, end=0.001),
    Piecewise(points=((0.2, 1.0), (0.5, 4.0), (0.9, 2.0))),
    Piecewise(points=((0.2, 1.0), (0.5, 4.0), (0.9, 2.0)), geometric=True),
)

progresses = st.floats(0, 1)
values = st.floats(-100, 100)


def test_a_number_is_itself_everywhere():
    for number in (0, 2, 2.5, -1e-3):
        for progress in (-1.0, 0.0, 0.3, 1.0, 7.0):
            value = value_at(number, progress)
            assert value == number
            assert type(value) is float


@settings(derandomize=True)
@given(values, values, progresses)
def test_cosine_runs_from_start_to_end_evenly_about_its_middle(start, end, progress):
    schedule = Cosine(start=start, end=end)
    assert value_at(schedule, 0.0) == pytest.approx(start, abs=1e-9)
    assert value_at(schedule, 1.0) == pytest.approx(end, abs=1e-9)
    mirrored = value_at(schedule, progress) + value_at(schedule, 1 - progress)
    assert mirrored == pytest.approx(start + end, abs=1e-9)


def test_cosine_is_a_cosine_and_ends_at_zero_by_default():
    schedule = Cosine(start=2.0)
    assert value_at(schedule, 1.0) == pytest.approx(0.0, abs=1e-15)
    assert value_at(schedule, 0.5) == pytest.approx(1.0)
    assert value_at(schedule, 1 / 3) == pytest.approx(1.5)
    assert value_at(schedule, 0.25) == pytest.approx(1 + math.sqrt(0.5))


@settings(derandomize=True)
@given(st.floats(1e-6, 10), st.floats(1e-6, 10), progresses)
def test_exponential_is_a_straight_line_in_the_logarithm(start, end, progress):
    logarithm = math.log(value_at(Exponential(start=start, end=end), progress))
    straight = (1 - progress) * math.log(start) + progress * math.log(end)
    assert logarithm == pytest.approx(straight, abs=1e-9)


@settings(derandomize=True)
@given(
    st.lists(st.integers(0, 100), min_size=1, max_size=6, unique=True).map(sorted),
    st.data(),
    st.integers(0, 1000),
)
def test_piecewise_joins_its_points_by_lines(places, data, thousandths):
    heights = [data.draw(values) for _ in places]
    points = tuple((a / 100, b) for a, b in zip(places, heights, strict=True))
    progress = thousandths / 1000
    expected = np.interp(progress, [a for a, _ in points], heights)
    assert value_at(Piecewise(points=points), progress) == pytest.approx(expected, abs=1e-9)
    for place, height in points:
        assert value_at(Piecewise(points=points), place) == pytest.approx(height, abs=1e-9)


def test_geometric_is_piecewise_in_the_logarithm():
    schedule = coefficient_from("geometric:0=1:0.5=0.01:1=0.1")
    assert isinstance(schedule, Piecewise)
    assert [value_at(schedule, p) for p in (0.0, 0.25, 0.5, 0.75, 1.0)] == pytest.approx(
        [1.0, 0.1, 0.01, 0.1**1.5, 0.1]
    )
    with pytest.raises(ValidationError, match="above 0"):
        Piecewise(points=((0.0, 1.0), (1.0, 0.0)), geometric=True)


@pytest.mark.parametrize("schedule", EXAMPLES, ids=lambda s: s.kind)
def test_progress_is_clamped(schedule):
    assert value_at(schedule, 1.7) == value_at(schedule, 1.0) == schedule.at(1.0)
    assert value_at(schedule, -0.4) == value_at(schedule, 0.0) == schedule.at(0.0)
    assert value_at(schedule, 0.35) != value_at(schedule, 1.0)


@pytest.mark.parametrize("coefficient", [*EXAMPLES, 0.25], ids=str)
def test_coefficients_survive_json(coefficient):
    assert COEFFICIENT.validate_json(COEFFICIENT.dump_json(coefficient)) == coefficient


@pytest.mark.parametrize(
    "points",
    [
        (),
        ((0.5, 1.0), (0.2, 2.0)),
        ((0.5, 1.0), (0.5, 2.0)),
        ((-0.1, 1.0), (0.5, 2.0)),
        ((0.0, 1.0), (1.1, 2.0)),
        ((0.0, math.nan),),
    ],
)
def test_piecewise_refuses_points_that_make_no_function(points):
    with pytest.raises(ValidationError):
        Piecewise(points=points)


@pytest.mark.parametrize(("start", "end"), [(0.0, 1.0), (1.0, 0.0), (-1.0, -2.0), (math.inf, 1)])
def test_exponential_refuses_what_has_no_logarithm(start, end):
    with pytest.raises(ValidationError):
        Exponential(start=start, end=end)


@pytest.mark.parametrize("wrong", ["fast", math.nan, math.inf, {"kind": "cosin", "start": 1.0}])
def test_a_coefficient_refuses_what_is_neither_number_nor_schedule(wrong):
    class Holder(Description):
        coefficient: Coefficient

    assert Holder(coefficient=0.5).coefficient == 0.5
    with pytest.raises(ValidationError):
        Holder(coefficient=wrong)


@pytest.mark.parametrize(
    "text",
    [
        "0.5",
        "2e-4",
        "cosine:0.0002:0.0",
        "exponential:1.0:0.01",
        "exponential:1.0:0.01:0.5",
        "piecewise:0.0=1.0:0.5=0.1",
    ],
)
def test_coefficients_are_read_and_written_as_one_word(text: str) -> None:
    read = coefficient_from(text)
    assert coefficient_from(coefficient_text(read)) == read
    assert value_at(read, 0.0) == {"0.5": 0.5, "2e-4": 2e-4, "cosine:0.0002:0.0": 2e-4}.get(
        text, 1.0
    )


@pytest.mark.parametrize(
    "text", ["", "x", "cosin:1:2", "cosine:1", "nan", "inf", "exponential:1:0"]
)
def test_other_words_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a coefficient: give a number, cosine:START:END"):
        coefficient_from(text)
