"""Optimal transport on a line, in closed form: equal quantiles are paired (torch-free).

    W_pᵖ = ∫ |F⁻¹(s) − G⁻¹(s)|ᵖ ds over s from 0 to the total mass,   p ≥ 1

F⁻¹ and G⁻¹ are the quantile functions of the two sides, steps that end where the mass of the atoms
so far does. Between two neighbouring ends of either both are constant, so the integral is a sum of
at most n + m − 1 terms (Villani, Topics in Optimal Transportation, 2003, theorem 2.18). The pairs
that it visits are a path from the first atoms to the last, on each step of which one side goes on
by one atom, so potentials follow from f + g = c along the path; they are feasible everywhere
because c has the Monge property c(x, y) + c(x′, y′) ≤ c(x, y′) + c(x′, y) for x ≤ x′, y ≤ y′.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from saddlepoint.errors import BadInput
from saddlepoint.transport.measures import Array, balanced, masses, points
from saddlepoint.transport.problem import Problem, problem_of
from saddlepoint.transport.solution import Transport, transport_of


@dataclass(frozen=True)
class _Path:
    """The pairs of the monotone plan, in order; indices are those of the atoms as given.

    Attributes:
        rows: Atom of the first side (k,).
        columns: Atom of the second side (k,).
        mass: What goes between them (k,), 0 where both sides end at once or an atom has none.
    """

    rows: np.ndarray
    columns: np.ndarray
    mass: Array


def line_distance(xa: Any, xb: Any, *, a: Any = None, b: Any = None, p: float = 1.0) -> float:
    """W_p of two weighted samples on a line, of any size: n log n steps, no matrix.

    Args:
        xa: Places of the first side (n,) or (n, 1).
        xb: Places of the second side (m,) or (m, 1).
        a: Masses (n,), 1/n each if not given.
        b: Masses (m,), 1/m each if not given.
        p: The order, ≥ 1.

    Returns:
        (∫ |F⁻¹ − G⁻¹|ᵖ ds)^(1/p), in units of the places if the masses add up to 1.

    Raises:
        BadInput: As `earth_mover`; more than one coordinate; p below 1.

    Example:
        >>> from saddlepoint.transport import line_distance
        >>> line_distance([0.0, 1.0], [3.0, 4.0])
        3.0
        >>> line_distance([0, 1, 2, 3], [0, 1, 2, 3], a=[3, 1, 4, 1], b=[1, 5, 1, 2])
        5.0
    """
    if not 1 <= p < np.inf:
        raise BadInput(f"The cost is a power of the distance of at least 1, and not {p:g}.")
    first, second = points(xa, "first points"), points(xb, "second points")
    if first.shape[1] != 1 or second.shape[1] != 1:
        raise BadInput(
            f"A line has one coordinate, and the points have {first.shape[1]} and "
            f"{second.shape[1]}: use earth_mover."
        )
    sides = balanced(masses(a, len(first), "first masses"), masses(b, len(second), "second masses"))
    path = _path(first[:, 0], second[:, 0], *sides)
    with np.errstate(over="ignore"):
        gaps = abs(first[path.rows, 0] - second[path.columns, 0])
    largest = float(gaps.max())
    if not largest:
        return 0.0
    if not np.isfinite(largest):
        raise BadInput("The points are so far apart that a cost is infinite: use a larger unit.")
    # In units of the largest gap, so that no power overflows.
    return largest * float(path.mass @ (gaps / largest) ** p) ** (1 / p)


def line_transport(xa: Any, xb: Any, *, a: Any = None, b: Any = None, p: float = 1.0) -> Transport:
    """The same with its plan, potentials and certificate, which take an n × m matrix.

    Raises:
        BadInput: As `line_distance`, or more than 2²⁶ pairs.
    """
    return by_quantiles(problem_of(xa, xb, a=a, b=b, power=p))


def by_quantiles(problem: Problem) -> Transport:
    """The monotone plan of a problem on a line.

    Raises:
        BadInput: The problem is not on a line.
    """
    if problem.line is None:
        raise BadInput(
            "The closed form is for points with one coordinate and costs that are a power of "
            "their distance: use another solver, or auto."
        )
    path = _path(*problem.line, problem.a, problem.b)
    plan = np.zeros(problem.cost.shape)
    np.add.at(plan, (path.rows, path.columns), path.mass)
    along = problem.cost[path.rows, path.columns]
    # f + g = c on all of the path: a step of one side changes its potential by what c changes.
    steps = np.flatnonzero(path.columns[1:] != path.columns[:-1]) + 1
    g = np.zeros(len(problem.b))
    g[path.columns[steps]] = np.cumsum(along[steps] - along[steps - 1])
    return transport_of(problem, plan, g, "line")


def _path(x: Array, y: Array, a: Array, b: Array) -> _Path:
    rows, columns = (np.argsort(places, kind="stable") for places in (x, y))
    ends_x, ends_y = np.cumsum(a[rows])[:-1], np.cumsum(b[columns])[:-1]
    ends = np.concatenate([ends_x, ends_y])
    order = np.argsort(ends, kind="stable")
    of_x = order < len(ends_x)
    start, total = [0], [float(a.sum())]
    i, j = (np.concatenate([start, np.cumsum(steps)]) for steps in (of_x, ~of_x))
    # Sums in two orders may pass the total by a rounding error.
    bounds = np.minimum(np.concatenate([start, ends[order], total]), total)
    return _Path(rows[i], columns[j], np.diff(bounds))
