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
    Elapsed,
    Exponential,
    Piecewise,
    Share,
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
        "cosine:0.0002:0.0:images=20000000",
        "exponential:1.0:0.01:0.5:images=2e7",
        "piecewise:0.0=1.0:0.5=0.1:images=1",
    ],
)
def test_coefficients_are_read_and_written_as_one_word(text: str) -> None:
    read = coefficient_from(text)
    assert coefficient_from(coefficient_text(read)) == read
    start = next(
        (v for k, v in {"0.5": 0.5, "2e-4": 2e-4, "cos": 2e-4}.items() if k in text[:4]), 1
    )
    assert value_at(read, Elapsed()) == start


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "cosin:1:2", "cosine:1", "nan", "inf", "exponential:1:0"),
        *("cosine:1:0:images=0", "cosine:1:0:images=x", "cosine:1:0:images=2.5", "2:images=5"),
        *("cosine:1:0:images=", "cosine:1:0:images=inf", "cosine:1:images=5:0", "images=5"),
    ],
)
def test_other_words_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a coefficient: give a number, cosine:START:END"):
        coefficient_from(text)


# ------------------------------------------------------------------------------------- of images


@pytest.mark.parametrize("schedule", EXAMPLES, ids=lambda s: s.kind)
def test_a_schedule_of_images_is_the_same_function_of_their_share(schedule):
    counting = schedule.replace(images=200)
    for images in (0, 1, 70, 130, 199, 200, 201, 10**9):
        share = min(images / 200, 1.0)
        for progress in (0.0, 0.3, 1.0):
            assert value_at(counting, Elapsed(progress, images)) == schedule.at(share)
    for progress in (0.0, 0.3, 1.0):
        assert value_at(schedule, Elapsed(progress, 70)) == schedule.at(progress)
    with pytest.raises(TypeError, match="counts images"):
        value_at(counting, 0.3)


@pytest.mark.parametrize("schedule", EXAMPLES, ids=lambda s: s.kind)
def test_scaling_keeps_the_axis_and_the_bounds_are_attained(schedule):
    counting = schedule.replace(images=200)
    assert counting.scaled(0.5).images == 200
    assert value_at(counting.scaled(0.5), Elapsed(images=70)) == pytest.approx(
        value_at(counting, Elapsed(images=70)) / 2
    )
    heights = [schedule.at(place / 1000) for place in range(1001)]
    assert schedule.least() == pytest.approx(min(heights))
    assert schedule.most() == pytest.approx(max(heights))


def test_a_share_stays_within_zero_and_one():
    share = TypeAdapter(Share)
    for fine in (0, 0.999, Cosine(start=0.9, end=0.99), Exponential(start=0.9, end=0.1)):
        assert share.validate_python(fine) == fine
    for wrong in (1.0, -0.1, Cosine(start=0.9, end=1.0), Piecewise(points=((0.5, -0.1),))):
        with pytest.raises(ValidationError, match="at least 0 and below 1 is meant"):
            share.validate_python(wrong)


R3GAN = {  # CIFAR-10 and FFHQ-64: the end points of what runs over the first 20 million images
    "learning rate": (2e-4, 5e-5),
    "beta2": (0.9, 0.99),
    "gamma, CIFAR-10": (0.05, 0.005),
    "gamma, FFHQ-64": (2.0, 0.2),
    "half-life, CIFAR-10": (0.0, 5e6),
    "half-life, FFHQ-64": (0.0, 5e5),
}


@pytest.mark.parametrize("name", R3GAN)
def test_what_r3gan_anneals_can_be_written_down(name):
    """Huang et al. 2024: every value on half a cosine over the burn-in, constant behind it."""
    first, last = R3GAN[name]
    schedule = coefficient_from(f"cosine:{first}:{last}:images=2e7")
    for batch in (256, 512):
        for step in (0, 1, 1000, 12_345, 20_000, 39_062, 39_063, 78_125, 500_000):
            images = step * batch
            angle = np.pi * np.clip(images / 2e7, 0, 1)
            expected = last + (first - last) * np.cos(angle / 2) ** 2  # (1 + cos a) / 2
            assert value_at(schedule, Elapsed(0.5, images)) == pytest.approx(expected, rel=1e-12)


def test_a_rate_that_warms_up_over_images_can_be_written_down():
    """StyleGAN's and EDM's ramp: rate · min(images / ramp, 1)."""
    schedule = coefficient_from("piecewise:0=0:1=0.0025:images=1e7")
    for images in (0, 64, 10**6, 5 * 10**6, 10**7, 10**8):
        expected = 0.0025 * min(images / 1e7, 1)
        assert value_at(schedule, Elapsed(images=images)) == pytest.approx(expected, rel=1e-12)
