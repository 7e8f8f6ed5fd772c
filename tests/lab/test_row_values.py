"""What claims read from rows: a seed without a number can make no claim hold."""

from __future__ import annotations

import math

import pytest

from saddlepoint.lab.findings import Column, PerSeed
from saddlepoint.lab.row_values import joined, least, most, number, numbers, shown

ROW = {"n": 3, "x": 0.25, "seeds": PerSeed((1.0, None, 3.0))}


def test_a_seed_without_a_number_is_on_neither_side() -> None:
    values = numbers(ROW, "seeds")
    assert values == pytest.approx([1, math.nan, 3], nan_ok=True)
    assert not most(values) <= 10
    assert not least(values) >= -10
    assert (least([2, 1, 3]), most([2, 1, 3])) == (1, 3)
    assert len(joined([ROW, ROW], "seeds")) == 6


def test_numbers_are_shown_as_in_the_table() -> None:
    assert (number(ROW, "n"), number(ROW, "x")) == (3.0, 0.25)
    assert shown([Column("x", "x", "number", ".1f", 100)], ROW, "x") == "25.0"
    with pytest.raises(AssertionError, match="has no seeds"):
        numbers(ROW, "x")
    with pytest.raises(AssertionError, match="is no number"):
        number(ROW, "seeds")
