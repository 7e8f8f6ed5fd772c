"""What ``--vary`` names: values and ranges."""

from __future__ import annotations

import pytest

import saddlepoint as sp
from saddlepoint.sweeping.varied import Range, Varied

RANGES = [
    # text, low, high, log, whole
    ("1e-5..1e-3", 1e-5, 1e-3, True, False),
    ("1..5", 1, 5, False, True),
    ("1..10", 1, 10, False, True),  # a decade, and not more
    ("1..11", 1, 11, True, True),
    ("0.0..0.999", 0.0, 0.999, False, False),
    ("-3..-1", -3, -1, False, True),
    ("log:2..8", 2, 8, True, True),
    ("linear:1.0..50.0", 1, 50, False, False),
]


@pytest.mark.parametrize(("text", "low", "high", "log", "whole"), RANGES)
def test_a_range_is_read(text: str, low: float, high: float, log: bool, whole: bool) -> None:
    varied = Varied.parse(f"learner.width={text}")
    assert varied.range == Range(low, high, log, whole)
    assert Varied.parse(varied.written()) == varied  # as the sweep's file holds it
    assert Varied.of("learner.width", text) == varied


def test_numbers_of_a_range_are_written_to_the_last_bit() -> None:
    numbers = Range.parse("1e-5..1e-3")
    assert numbers is not None
    value = 0.1 + 0.2
    assert float(numbers.word(value)) == value
    assert Varied.parse("a.b=1e-5..1e-3").shown([numbers.word(value)]) == "0.3"
    assert Varied.parse("a.b=1..9").shown(["7"]) == "7"


@pytest.mark.parametrize(
    ("vary", "why"),
    [
        ("a.b=3..1", "the first number is to be the smaller one"),
        ("a.b=1..1", "the first number is to be the smaller one"),
        ("a.b=0..inf", "the first number is to be the smaller one"),
        ("a.b=one..two", "bounds that are no numbers"),
        ("a.b=log:0..2", "has no logarithms"),
        ("seed=1..9", "--seeds trains several"),
        ("a.b=../one", "two values or more"),
    ],
)
def test_what_is_no_range(vary: str, why: str) -> None:
    with pytest.raises(sp.BadInput, match=why):
        Varied.parse(vary)


def test_paths_are_values_and_no_range() -> None:
    assert Varied.parse("a.b=../one.onnx,../two.onnx").values == (
        ("../one.onnx",),
        ("../two.onnx",),
    )
