"""A transport problem: masses on both sides, and what it costs to move one unit (torch-free)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from saddlepoint.errors import BadInput, did_you_mean
from saddlepoint.transport.measures import Array, balanced, masses, numbers, points

PAIRS = 2**26  # entries of the largest cost matrix, 512 MiB in float64
METRIC = 500  # atoms up to which a matrix is searched for broken triangles, in n³ steps
POWERS = {"euclidean": 1.0, "squared": 2.0}  # of the Euclidean distance, by the word for the cost


@dataclass(frozen=True)
class Ground:
    """The metric space in which both sides lie, where the cost is its distance.

    Attributes:
        size: Its points: those of both sides, or the common ones.
        distances: The distances (k, size − i) from the k points of a slice to those from its
            start i on.
        rows: Which of its points is each atom of the first side (n,).
        columns: The same of the second side (m,).
    """

    size: int
    distances: Callable[[slice], Array]
    rows: np.ndarray
    columns: np.ndarray


@dataclass(frozen=True)
class Problem:
    """Masses and costs of a balanced transport problem.

    Attributes:
        a: Masses of the first side (n,).
        b: Masses of the second side (m,), of the same total.
        cost: What one unit from i to j costs (n, m), ≥ 0.
        order: The p for which (cost of a plan)^(1/p) is a distance: W_p where the cost is the p-th
            power of a distance, 1 where nothing is known of it.
        ground: The metric space, where the cost is a metric.
        line: The places (n,) and (m,), where both sides lie on a line and the cost is a power of
            their distance.
    """

    a: Array
    b: Array
    cost: Array
    order: float = 1.0
    ground: Ground | None = None
    line: tuple[Array, Array] | None = None

    @property
    def total(self) -> float:
        """The mass of either side."""
        return float(self.a.sum())

    @property
    def largest(self) -> float:
        """The largest cost of a unit."""
        return float(self.cost.max())


def problem_of(
    xa: Any = None,
    xb: Any = None,
    *,
    a: Any = None,
    b: Any = None,
    cost: Any = "euclidean",
    power: float | None = None,
) -> Problem:
    """A problem from points, or from a matrix of costs.

    Args:
        xa: Points of the first side (n, d), or (n,) on a line; none with a matrix.
        xb: Points of the second side (m, d) or (m,).
        a: Masses of the first side (n,), 1/n each if not given.
        b: Masses of the second side (m,), 1/m each if not given.
        cost: "euclidean" (the distance), "squared" (its square) or a matrix (n, m).
        power: The cost is the Euclidean distance to this power, ≥ 1, instead of a word.

    Raises:
        BadInput: Shapes that do not fit, no points, numbers that are negative or not finite,
            unequal totals, unknown words, or more than 2²⁶ pairs.
    """
    if isinstance(cost, str):
        if power is None:
            power = _power_of(cost)
        return _between_points(xa, xb, a, b, power)
    if xa is not None or xb is not None:
        raise BadInput("Give either points or a matrix of costs: with both, one would be ignored.")
    return _of_matrix(a, b, cost)


def _power_of(word: str) -> float:
    if word not in POWERS:
        raise BadInput(
            f"No cost is called '{word}': there are {', '.join(POWERS)}, or give a matrix."
            f"{did_you_mean(word, POWERS)}"
        )
    return POWERS[word]


def _between_points(xa: Any, xb: Any, a: Any, b: Any, power: float) -> Problem:
    if xa is None or xb is None:
        raise BadInput("Without a matrix of costs there must be points on both sides.")
    if not 1 <= power < np.inf:
        raise BadInput(f"The cost is a power of the distance of at least 1, and not {power:g}.")
    first, second = points(xa, "first points"), points(xb, "second points")
    if first.shape[1] != second.shape[1]:
        raise BadInput(
            f"The points have {first.shape[1]} coordinates on the first side and {second.shape[1]} "
            "on the second: they must lie in one space."
        )
    n, m = len(first), len(second)
    if n * m > PAIRS:
        raise BadInput(
            f"{n:,} × {m:,} pairs do not fit into memory: use fewer points, line_distance in one "
            "dimension or sliced_approximation in more."
        )
    sides = balanced(masses(a, n, "first masses"), masses(b, m, "second masses"))
    with np.errstate(over="ignore"):
        cost = cdist(first, second, "sqeuclidean") if power == 2 else distances(first, second)
        cost = cost if power in (1, 2) else cost**power
    ground = _ground_of(np.concatenate([first, second]), n) if power == 1 else None
    line = (first[:, 0], second[:, 0]) if first.shape[1] == 1 else None
    return _finite(Problem(*sides, cost, power, ground, line))


def _of_matrix(a: Any, b: Any, matrix: Any) -> Problem:
    cost = numbers(matrix, "costs", (2,))
    n, m = cost.shape
    if n * m > PAIRS:
        raise BadInput(f"{n:,} × {m:,} costs do not fit into memory with their plan: use fewer.")
    if (cost < 0).any():
        raise BadInput(f"The costs hold {cost.min():g}: none may be negative.")
    sides = balanced(masses(a, n, "first masses"), masses(b, m, "second masses"))
    if not is_metric(cost):
        return _finite(Problem(*sides, cost))
    same = np.arange(n)
    ground = Ground(n, lambda s: cost[s, s.start :], same, same)
    return _finite(Problem(*sides, cost, ground=ground))


def _finite(problem: Problem) -> Problem:
    if not problem.total * problem.largest < np.finfo(np.float64).max / 4:
        raise BadInput(
            f"The work is beyond what numbers can hold: a mass of {problem.total:g} times a cost "
            f"of {problem.largest:g}. Use another unit."
        )
    return problem


def _ground_of(places: Array, n: int) -> Ground:
    index = np.arange(len(places))
    return Ground(
        len(places), lambda s: distances(places[s], places[s.start :]), index[:n], index[n:]
    )


def distances(x: Array, y: Array) -> Array:
    """Euclidean distances (n, m) of points (n, d) and (m, d); on a line nothing is rounded."""
    return np.asarray(cdist(x, y, "cityblock" if x.shape[1] == 1 else "euclidean"))


def is_metric(cost: Array) -> bool:
    """Whether a matrix holds the distances of one set of atoms (zero between different ones too).

    Symmetric, zero on the diagonal, cᵢⱼ ≤ cᵢₖ + cₖⱼ up to rounding. Above 500 atoms it is not
    looked at, and the answer is no.
    """
    n, m = cost.shape
    if n != m or n > METRIC or np.diag(cost).any() or not np.array_equal(cost, cost.T):
        return False
    slack = 1e-12 * float(cost.max())
    return all((cost <= cost[:, k, None] + cost[k] + slack).all() for k in range(n))
