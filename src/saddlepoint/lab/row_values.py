"""What claims read from rows: numbers, those of seeds, and how they are shown (torch-free)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from saddlepoint.lab.findings import Column, PerSeed, Row


def number(row: Row, key: str) -> float:
    """A single number of a row; NaN if it has none, so that every comparison with it fails."""
    value = row[key]
    assert value is None or isinstance(value, int | float), f"{key} is no number"
    return math.nan if value is None else float(value)


def numbers(row: Row, key: str) -> list[float]:
    """The numbers of all seeds, NaN for one that is not finite; of a row without any, none."""
    value = row[key]
    if value is None:
        return []
    assert isinstance(value, PerSeed), f"{key} has no seeds"
    return [math.nan if each is None else each for each in value.values]


def joined(rows: Iterable[Row], *keys: str) -> list[float]:
    """The numbers of all seeds of several rows and columns, one after the other."""
    return [each for row in rows for key in keys for each in numbers(row, key)]


def least(values: Iterable[float]) -> float:
    """The smallest; NaN of none, or if one is NaN, which Python's ``min`` would pass over.

    NaN is on neither side of any threshold, so that a claim about every seed fails where one has
    no number.
    """
    given = list(values)
    return math.nan if any(map(math.isnan, given)) else min(given, default=math.nan)


def most(values: Iterable[float]) -> float:
    """The largest; NaN of none, or if one is NaN."""
    return -least(-each for each in values)


def shown(columns: Sequence[Column], row: Row, key: str) -> str:
    """A value of a row as its table has it."""
    return next(column for column in columns if column.key == key).shown(row[key])
