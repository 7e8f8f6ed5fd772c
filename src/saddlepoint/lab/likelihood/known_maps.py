"""Invertible maps of normal numbers, their densities, and how samples agree with these."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
SAMPLES = 10_000  # of each map
CELLS, NODES = 40, 8  # of a histogram along an axis, and of Gauss's rule in each
LEAST_EXPECTED = 5.0  # samples in a cell of the χ² test


@dataclass(frozen=True)
class Map:
    """A known invertible map of standard normal numbers.

    Attributes:
        forward: f, from x (n, d) to y (n, d).
        inverse: f⁻¹, from y (n, d) to x (n, d).
        log_slope: log |det d f⁻¹/dy| at y (n, d), as (n,).
        limits: Lowest and highest y of the histogram, for each coordinate.
    """

    forward: Callable[[Array], Array]
    inverse: Callable[[Array], Array]
    log_slope: Callable[[Array], Array]
    limits: tuple[tuple[float, float], ...]

    def density(self, y: Array, jacobian: bool = True) -> Array:
        """p_x(f⁻¹(y)) |det d f⁻¹/dy| at y (n, d); without the determinant if it is left out."""
        x = self.inverse(y)
        log = -(x**2).sum(1) / 2 - x.shape[1] / 2 * math.log(2 * math.pi)
        return np.asarray(np.exp(log + (self.log_slope(y) if jacobian else 0.0)))


def _banana(x: Array) -> Array:
    return np.stack([x[:, 0], x[:, 1] * np.exp(np.tanh(x[:, 0])) + x[:, 0] ** 2], axis=1)


def _straight(y: Array) -> Array:
    return np.stack([y[:, 0], (y[:, 1] - y[:, 0] ** 2) * np.exp(-np.tanh(y[:, 0]))], axis=1)


MAPS = {
    "softplus(x)": Map(
        forward=lambda x: np.logaddexp(0, x),
        inverse=lambda y: y + np.log(-np.expm1(-y)),
        log_slope=lambda y: -np.log(-np.expm1(-y[:, 0])),
        limits=((1e-9, 6.0),),
    ),
    "exp(x/2)": Map(
        forward=lambda x: np.exp(x / 2),
        inverse=lambda y: 2 * np.log(y),
        log_slope=lambda y: np.log(2 / y[:, 0]),
        limits=((1e-9, 12.0),),
    ),
    "coupling in the plane": Map(
        forward=_banana,
        inverse=_straight,
        log_slope=lambda y: -np.tanh(y[:, 0]),
        limits=((-5.5, 5.5), (-12.0, 36.0)),
    ),
}


@cache
def masses(name: str, jacobian: bool = True) -> Array:
    """What the density gives every cell of the histogram (cells,), by Gauss's rule."""
    one = MAPS[name]
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    places, shares = [], []
    for low, high in one.limits:
        width = (high - low) / CELLS
        starts = low + width * np.arange(CELLS)
        places.append((starts[:, None] + width * (nodes + 1) / 2).ravel())
        shares.append(np.tile(weights * width / 2, CELLS))
    points = np.stack([axis.ravel() for axis in np.meshgrid(*places, indexing="ij")], axis=1)
    each = np.prod(np.meshgrid(*shares, indexing="ij"), axis=0).ravel()
    contents = one.density(points, jacobian) * each
    shape = [size for _ in one.limits for size in (CELLS, NODES)]
    return np.asarray(contents.reshape(shape).sum(axis=tuple(range(1, len(shape), 2)))).ravel()


def whole(name: str) -> dict[str, float]:
    """The integrals of the density with and without its Jacobian."""
    return {"integral": float(masses(name).sum()), "plain": float(masses(name, False).sum())}


def of_map(name: str, seed: int) -> dict[str, float | None]:
    """How samples of a map agree with its density."""
    from scipy import stats

    one, random = MAPS[name], np.random.default_rng([seed, list(MAPS).index(name)])
    y = one.forward(random.normal(size=(SAMPLES, len(one.limits))))
    edges = [np.linspace(low, high, CELLS + 1) for low, high in one.limits]
    counts = np.histogramdd(y, edges)[0].ravel()
    share = masses(name) / masses(name).sum()
    ideal = random.multinomial(SAMPLES, share)
    wrong = masses(name, False) / masses(name, False).sum()
    ks = None
    if y.shape[1] == 1:
        ks = float(stats.kstest(y[:, 0], lambda t: cumulative(name, t)).pvalue)
    return {
        "ks": ks,
        "chi": chi_squared(counts, share),
        "tv": float(np.abs(counts / SAMPLES - share).sum() / 2),
        "ideal": float(np.abs(ideal / SAMPLES - share).sum() / 2),
        "wrong": chi_squared(counts, wrong),
    }


def chi_squared(counts: Array, shares: Array) -> float:
    """The p-value of counts (cells,) under shares, cells of few expected samples put together."""
    from scipy import stats

    total = counts.sum()
    expected = shares * total
    many = expected >= LEAST_EXPECTED
    seen = np.append(counts[many], counts[~many].sum())
    due = np.append(expected[many], expected[~many].sum())
    kept = due > 0
    return float(
        stats.chisquare(seen[kept], due[kept] * (seen[kept].sum() / due[kept].sum())).pvalue
    )


def cumulative(name: str, at: Array) -> Array:
    """The integral of a density on the line up to places (n,), on a fine lattice."""
    ((low, high),) = MAPS[name].limits
    y = np.linspace(low, high, 200_001)
    heights = MAPS[name].density(y[:, None])
    steps = (heights[1:] + heights[:-1]) / 2 * np.diff(y)
    return np.asarray(np.interp(at, y, np.append(0.0, np.cumsum(steps))))
