"""The earth mover's distance: one function, three exact solvers (torch-free)."""

from __future__ import annotations

from typing import Any, Literal, get_args

from saddlepoint.errors import BadInput, did_you_mean
from saddlepoint.transport.line import by_quantiles
from saddlepoint.transport.network_simplex import by_network_simplex
from saddlepoint.transport.problem import Problem, problem_of
from saddlepoint.transport.programme import by_linear_programme
from saddlepoint.transport.solution import Transport

Solver = Literal["auto", "linear-programme", "network-simplex", "line"]
FEW = 2500  # pairs up to which the linear programme takes no longer than importing POT
SOLVERS = {
    "linear-programme": by_linear_programme,
    "network-simplex": by_network_simplex,
    "line": by_quantiles,
}


def earth_mover(
    xa: Any = None,
    xb: Any = None,
    *,
    a: Any = None,
    b: Any = None,
    cost: Any = "euclidean",
    solver: Solver = "auto",
) -> Transport:
    """The least work that turns one set of masses into another, with a plan and a certificate.

        min ⟨c, P⟩ over plans P ≥ 0 with row sums a and column sums b
        = max Σ aᵢ fᵢ + Σ bⱼ gⱼ over potentials with fᵢ + gⱼ ≤ cᵢⱼ

    With cost "euclidean" and masses that add up to 1 the value is W₁, with "squared" W₂²
    (`Transport.distance` takes the root). Masses may have any total, as piles of earth do, if it is
    the same on both sides: four piles of 3, 1, 4 and 1 shovels, one step apart, that shall be 1, 5,
    1 and 2, take three moves: two shovels one step (2), two shovels one step back (2), one shovel
    one step (1), and the work is 5 = 2 + 2 + 1.

    Args:
        xa: Points of the first side (n, d), or (n,) on a line.
        xb: Points of the second side (m, d) or (m,).
        a: Masses of the first side (n,), 1/n each if not given.
        b: Masses of the second side (m,), 1/m each if not given.
        cost: "euclidean", "squared" (the squared distance), or a matrix (n, m) instead of points.
        solver: "line" (closed form, one coordinate), "linear-programme" (HiGHS, primal and dual
            apart: up to some hundred points), "network-simplex" (POT: thousands of points). "auto"
            takes the line where it can, else the linear programme for up to 2,500 pairs, else the
            network simplex.

    Returns:
        The plan (n, m), potentials, both values, and a certificate; see `Transport`.

    Raises:
        BadInput: Totals that differ by more than one part in a million, masses or costs that are
            negative or not finite, shapes that do not fit, nothing at all, unknown words, or more
            than 2²⁶ pairs.
        RunStopped: A solver gave up.

    Example:
        >>> from saddlepoint.transport import earth_mover
        >>> piles = [0, 1, 2, 3]
        >>> moved = earth_mover(piles, piles, a=[3, 1, 4, 1], b=[1, 5, 1, 2])
        >>> moved.value, moved.dual_value, moved.certificate.holds
        (5.0, 5.0, True)
    """
    if solver not in get_args(Solver):
        raise BadInput(
            f"No solver is called '{solver}': there are {', '.join(get_args(Solver))}."
            f"{did_you_mean(str(solver), get_args(Solver))}"
        )
    problem = problem_of(xa, xb, a=a, b=b, cost=cost)
    return SOLVERS[_chosen(problem) if solver == "auto" else solver](problem)


def _chosen(problem: Problem) -> str:
    if problem.line is not None:
        return "line"
    return "linear-programme" if problem.cost.size <= FEW else "network-simplex"
