"""Random transport problems that are small and awkward: ties, atoms without mass, unequal sizes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st


@dataclass(frozen=True)
class Piles:
    """Two sets of atoms on a grid of halves, with masses of one total."""

    xa: np.ndarray
    xb: np.ndarray
    a: np.ndarray
    b: np.ndarray

    @property
    def total(self) -> float:
        return float(self.a.sum())

    def given(self) -> dict[str, np.ndarray]:
        return {"xa": self.xa, "xb": self.xb, "a": self.a, "b": self.b}


def _masses(n: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(0, 4), min_size=n, max_size=n).filter(any)


def _points(n: int, d: int) -> st.SearchStrategy[list[list[int]]]:
    one = st.lists(st.integers(-4, 4), min_size=d, max_size=d)
    return st.lists(one, min_size=n, max_size=n)


@st.composite
def piles(draw: st.DrawFn, dimensions: int | None = None) -> Piles:
    """Up to seven atoms a side; the totals are equal to the last bit, and usually not 1."""
    d = dimensions or draw(st.integers(1, 3))
    n, m = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    a, b = (np.array(draw(_masses(k)), dtype=float) for k in (n, m))
    xa, xb = (np.array(draw(_points(k, d)), dtype=float) / 2 for k in (n, m))
    unit = draw(st.sampled_from([1.0, 0.25, 2.0**-40]))
    return Piles(xa, xb, unit * a * b.sum(), unit * b * a.sum())
