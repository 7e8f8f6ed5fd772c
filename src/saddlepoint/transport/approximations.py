"""What is not exact and says so: Sinkhorn's plan, and transport along random lines.

Neither is a `Transport`, so that nobody takes one for the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from saddlepoint.errors import BadInput
from saddlepoint.transport.measures import Array, points
from saddlepoint.transport.problem import Problem, problem_of
from saddlepoint.transport.solution import transport_of


@dataclass(frozen=True)
class SinkhornApproximation:
    """A plan that is blurred on purpose, with bounds for the exact value on both sides.

    Attributes:
        value: ⟨c, P⟩ of the plan, which is no less than the exact value.
        lower: A dual value, which is no more than the exact one.
        plan: The plan (n, m) with exact row and column sums.
        regularisation: The ε that was asked for, in units of cost.
        marginal_error: Σⱼ |Σᵢ Pᵢⱼ − bⱼ| + Σᵢ |Σⱼ Pᵢⱼ − aᵢ| over the total mass, before the sums
            were made exact: how far the iteration was from its end.
        iterations: How many there were.
        order: As of `Transport`.
    """

    value: float
    lower: float
    plan: Array
    regularisation: float
    marginal_error: float
    iterations: int
    order: float

    @property
    def distance(self) -> float:
        """value^(1/p), which is no less than W_p if the masses add up to 1."""
        return float(max(self.value, 0.0) ** (1 / self.order))


@dataclass(frozen=True)
class SlicedApproximation:
    """The root of the mean of W₂² along random lines, which is no more than W₂.

    Attributes:
        distance: SW₂ along these lines, in units of the points.
        projections: How many lines.
        seed: What they depend on.
    """

    distance: float
    projections: int
    seed: int


def sinkhorn_approximation(
    xa: Any = None,
    xb: Any = None,
    *,
    a: Any = None,
    b: Any = None,
    cost: Any = "euclidean",
    regularisation: float,
    iterations: int = 10_000,
    precision: float = 1e-9,
) -> SinkhornApproximation:
    """Transport with an entropy, in the log domain.

        min ⟨c, P⟩ + ε Σᵢⱼ Pᵢⱼ (log Pᵢⱼ − 1) over plans P,   Pᵢⱼ = exp((fᵢ + gⱼ − cᵢⱼ)/ε)

    by POT's iteration, which fits f and g in turn. Then the sums of the plan are made exact
    (Altschuler et al. 2017, algorithm 2), and the potentials feasible by the c-transform, so that
    the exact value lies between ``lower`` and ``value`` whether the iteration ended or not.

    Args:
        xa: As of `earth_mover`, and so xb, a, b and cost.
        xb: Points of the second side.
        a: Masses of the first side.
        b: Masses of the second side.
        cost: "euclidean", "squared" or a matrix.
        regularisation: ε > 0 in units of cost. The smaller, the nearer, and the slower.
        iterations: At most so many.
        precision: Ends the iteration: the Euclidean error of the column sums, over the total mass.

    Raises:
        BadInput: As `earth_mover`, or ε is not positive, or no iterations.

    References: Cuturi, Sinkhorn Distances: Lightspeed Computation of Optimal Transport, 2013;
    Altschuler, Weed & Rigollet, Near-linear Time Approximation Algorithms for Optimal Transport via
    Sinkhorn Iteration, 2017.
    """
    if not 0 < regularisation < np.inf:
        raise BadInput(
            f"The regularisation must be above 0 and finite, and not {regularisation:g}."
        )
    if iterations < 1:
        raise BadInput(f"Sinkhorn's iteration needs at least one round, and not {iterations}.")
    import ot

    problem = problem_of(xa, xb, a=a, b=b, cost=cost)
    rows, columns = problem.a > 0, problem.b > 0
    among = np.ix_(rows, columns)
    with np.errstate(over="ignore"):  # POT also writes exp(f/ε) down, which is not used
        part, log = ot.bregman.sinkhorn_log(
            problem.a[rows] / problem.total,
            problem.b[columns] / problem.total,
            problem.cost[among],
            regularisation,
            numItermax=iterations,
            stopThr=precision,
            log=True,
            warn=False,
        )
    plan = np.zeros(problem.cost.shape)
    plan[among] = part * problem.total
    error = abs(plan.sum(1) - problem.a).sum() + abs(plan.sum(0) - problem.b).sum()
    plan = _with_exact_sums(problem, plan)
    g = np.zeros(len(problem.b))
    g[columns] = regularisation * log["log_v"]
    bounds = transport_of(problem, plan, g, "sinkhorn")
    return SinkhornApproximation(
        value=bounds.value,
        lower=bounds.dual_value,
        plan=plan,
        regularisation=regularisation,
        marginal_error=float(error) / problem.total,
        iterations=int(log["niter"]) + 1,
        order=problem.order,
    )


def sliced_approximation(
    xa: Any, xb: Any, *, projections: int = 512, seed: int = 0
) -> SlicedApproximation:
    """SW₂ = (mean over lines θ of W₂²(θ·x, θ·y))^½, every point of the same mass.

    A projection brings no two points further apart, so it is at most W₂; over uniform lines its
    square is at most W₂²/d in the mean. `saddlepoint.metrics.sliced` computes it, and an interval.

    Raises:
        BadInput: Shapes that do not fit, nothing, no projections, or numbers that are not finite.
    """
    import torch

    from saddlepoint.metrics.sliced import sliced_distance

    first, second = (
        torch.from_numpy(np.ascontiguousarray(points(x, name)))
        for x, name in ((xa, "first points"), (xb, "second points"))
    )
    return SlicedApproximation(sliced_distance(first, second, projections, seed), projections, seed)


def _with_exact_sums(problem: Problem, plan: Array) -> Array:
    """The plan, no entry of it raised, and what is then missing spread over rows and columns."""
    for target, axis in ((problem.a, 1), (problem.b, 0)):
        sums = plan.sum(axis)
        share = np.minimum(1, np.divide(target, sums, out=np.ones_like(sums), where=sums > 0))
        plan = plan * np.expand_dims(share, axis)
    rows, columns = (
        np.maximum(0, target - plan.sum(axis)) for target, axis in ((problem.a, 1), (problem.b, 0))
    )
    missing = rows.sum()
    return plan + np.outer(rows, columns) / missing if missing > 0 else plan
