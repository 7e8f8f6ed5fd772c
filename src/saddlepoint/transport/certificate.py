"""What proves that a plan is optimal: numbers that anybody can compute again (torch-free).

    primal: min ⟨c, P⟩,  P1 = a, Pᵀ1 = b, P ≥ 0        dual: max aᵀf + bᵀg,  fᵢ + gⱼ ≤ cᵢⱼ

Every feasible dual value lies below every feasible primal one, so two that are equal are both
optimal, however they were found. Where the cost is a metric, the dual has one function for both
potentials, f = φ and g = −φ with |φ(z) − φ(z′)| ≤ d(z, z′), the critic of Wasserstein-1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from saddlepoint.transport.measures import Array
from saddlepoint.transport.problem import Ground, Problem

TOLERANCE = 1e-8
NEAR = 1e-6  # of the largest cost: a quotient over less would be one of rounding errors
HELD = 2**22  # distances that are held at a time


@dataclass(frozen=True)
class Certificate:
    """How far a plan and its potentials are from a proof that both are optimal.

    Attributes:
        gap: Primal value − dual value, in units of cost × mass.
        row_error: Largest |Σⱼ Pᵢⱼ − aᵢ|, in units of mass.
        column_error: Largest |Σᵢ Pᵢⱼ − bⱼ|.
        negative: Size of the most negative entry of the plan, 0 if there is none.
        excess: Largest fᵢ + gⱼ − cᵢⱼ, in units of cost; below 0 if no constraint is tight.
        lipschitz: Largest |φ(z) − φ(z′)| / d(z, z′) over all atoms of both sides, where the cost is
            a metric d and φ(z) = minⱼ d(z, yⱼ) − gⱼ the c-transformed potential. Atoms nearer to
            each other than 10⁻⁶ of the largest cost count as that far apart. None for other costs.
        two_in_one: Largest |φ(xᵢ) − fᵢ| and |φ(yⱼ) + gⱼ| at atoms with mass, which is how far f + g
            is from 0 after the c-transform. None for other costs.
        total: The mass of either side, the unit of errors of mass.
        largest: The largest cost, the unit of errors of cost.
        tolerance: What each number may be, in its unit.
    """

    gap: float
    row_error: float
    column_error: float
    negative: float
    excess: float
    lipschitz: float | None
    two_in_one: float | None
    total: float
    largest: float
    tolerance: float = TOLERANCE

    @property
    def holds(self) -> bool:
        """Whether every number is within the tolerance (a number that is not finite is not).

        Masses are held to tolerance × total, costs to tolerance × largest cost, the gap to
        tolerance × total × largest cost, the Lipschitz constant to 1 + tolerance.
        """
        mass, cost = self.tolerance * self.total, self.tolerance * self.largest
        return (
            abs(self.gap) <= cost * self.total
            and all(each <= mass for each in (self.row_error, self.column_error, self.negative))
            and self.excess <= cost
            and (self.lipschitz is None or self.lipschitz <= 1 + self.tolerance)
            and (self.two_in_one is None or self.two_in_one <= cost)
        )

    def __str__(self) -> str:
        lines = [
            f"gap {self.gap:.3g}",
            f"row sums off by {self.row_error:.3g}, column sums by {self.column_error:.3g}, "
            f"below zero by {self.negative:.3g}",
            f"largest f + g − c: {self.excess:.3g}",
        ]
        if self.lipschitz is not None:
            lines.append(
                f"Lipschitz constant {self.lipschitz:.9g}, f + g off by {self.two_in_one:.3g}"
            )
        lines.append(f"{'holds' if self.holds else 'does not hold'} to {self.tolerance:g}")
        return "\n".join(lines)


def certify(problem: Problem, plan: Array, f: Array, g: Array) -> Certificate:
    """The certificate of a plan (n, m) and potentials f (n,), g (m,), whoever found them."""
    lipschitz = two_in_one = None
    if problem.ground is not None:
        phi = critic_of(problem.ground, g)
        lipschitz = _lipschitz(problem.ground, phi, NEAR * problem.largest)
        two_in_one = max(
            _largest(abs(phi[problem.ground.rows] - f)[problem.a > 0]),
            _largest(abs(phi[problem.ground.columns] + g)[problem.b > 0]),
        )
    return Certificate(
        gap=float(np.vdot(problem.cost, plan)) - float(problem.a @ f + problem.b @ g),
        row_error=_largest(abs(plan.sum(1) - problem.a)),
        column_error=_largest(abs(plan.sum(0) - problem.b)),
        negative=_largest(np.maximum(0.0, -plan)) + 0.0,  # of a zero with a sign, zero
        excess=max(float((f[i] + g - problem.cost[i]).max()) for i in range(len(f))),
        lipschitz=lipschitz,
        two_in_one=two_in_one,
        total=problem.total,
        largest=problem.largest,
    )


def critic_of(ground: Ground, g: Array) -> Array:
    """φ(z) = minⱼ d(z, yⱼ) − gⱼ at every point of the ground (size,)."""
    minus_g = np.full(ground.size, np.inf)  # at points of the first side alone there is no g
    np.minimum.at(minus_g, ground.columns, -g)
    phi = minus_g.copy()
    for at, distances in _strips(ground):
        beyond = slice(at.start, ground.size)
        phi[at] = np.minimum(phi[at], (distances + minus_g[beyond]).min(1))
        phi[beyond] = np.minimum(phi[beyond], (distances + minus_g[at, None]).min(0))
    return phi


def _lipschitz(ground: Ground, phi: Array, near: float) -> float:
    if not near:
        return 0.0 if np.ptp(phi) == 0 else np.inf
    return max(
        float((abs(phi[at, None] - phi[at.start :]) / np.maximum(distances, near)).max())
        for at, distances in _strips(ground)
    )


def _strips(ground: Ground) -> Iterator[tuple[slice, Array]]:
    """Distances of some points at a time to themselves and those after them, so each pair once."""
    height = max(1, HELD // ground.size)
    for start in range(0, ground.size, height):
        at = slice(start, min(start + height, ground.size))
        yield at, ground.distances(at)


def _largest(errors: Array) -> float:
    return float(errors.max(initial=0.0))
