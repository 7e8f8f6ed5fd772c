"""Numbers out of rows, for claims and readings: NaN or nothing where a row has none."""

from __future__ import annotations

import math
from collections.abc import Sequence

from saddlepoint.lab.findings import Column, PerSeed, Row


def number(row: Row, key: str) -> float:
    """The number of a row; NaN if it has none, so that every comparison with it fails."""
    value = row[key]
    return float(value) if isinstance(value, float) else math.nan


def values(row: Row, key: str) -> list[float]:
    """The finite numbers of all seeds."""
    value = row[key]
    return value.finite if isinstance(value, PerSeed) else []


def shown(columns: Sequence[Column], row: Row, key: str) -> str:
    """What a row's column shows to readers."""
    return next(column for column in columns if column.key == key).shown(row[key])
