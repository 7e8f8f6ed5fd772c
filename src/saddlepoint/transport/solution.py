"""An optimal plan with its potentials and its certificate (torch-free)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saddlepoint.transport.certificate import Certificate, certify
from saddlepoint.transport.measures import Array
from saddlepoint.transport.problem import Problem


@dataclass(frozen=True)
class Transport:
    """An optimal plan, the potentials that prove it, and the proof in numbers.

    Attributes:
        plan: How much goes from i to j (n, m), in units of mass.
        f: Potential of the first side (n,), in units of cost; 0 at its first atom.
        g: Potential of the second side (m,).
        value: ⟨c, P⟩, the work of the plan, in units of cost × mass.
        dual_value: aᵀf + bᵀg.
        order: The p for which value^(1/p) is a distance; 1 for a matrix of costs.
        solver: Who found the plan.
        certificate: What proves that value and dual value are the optimum.
    """

    plan: Array
    f: Array
    g: Array
    value: float
    dual_value: float
    order: float
    solver: str
    certificate: Certificate

    @property
    def distance(self) -> float:
        """value^(1/p): W₁ or W₂ if the masses add up to 1."""
        return float(max(self.value, 0.0) ** (1 / self.order))

    @property
    def critic(self) -> tuple[Array, Array] | None:
        """φ at the first atoms (n,) and at the second (m,): the critic of Wasserstein-1.

        value = Σ aᵢ φ(xᵢ) − Σ bⱼ φ(yⱼ) with |φ(z) − φ(z′)| ≤ d(z, z′), so φ = f on the first side
        and −g on the second. None where the cost is not known to be a metric.
        """
        return (self.f, -self.g) if self.certificate.lipschitz is not None else None


def transport_of(problem: Problem, plan: Array, g: Array, solver: str) -> Transport:
    """The result for a plan (n, m) and a solver's potential g (m,) where b has mass.

    The potentials are brought to one form, each the c-transform of the other,

        fᵢ = minⱼ cᵢⱼ − gⱼ over atoms j with mass,   gⱼ = minᵢ cᵢⱼ − fᵢ over all i,

    with f = 0 at the first atom. No dual value falls by it, atoms without mass get a potential, and
    both are feasible whatever g was. A wrong g shows in the gap.
    """
    cost, massive = problem.cost, problem.b > 0
    f = (cost[:, massive] - g[massive]).min(1)
    f = f - f[0]
    g = np.min(cost - f[:, None], axis=0)
    return Transport(
        plan=plan,
        f=f,
        g=g,
        value=float(np.vdot(cost, plan)),
        dual_value=float(problem.a @ f + problem.b @ g),
        order=problem.order,
        solver=solver,
        certificate=certify(problem, plan, f, g),
    )


def unit(largest: float) -> float:
    """The power of two by which a solver divides its numbers, so that the largest is in [1, 2).

    Solvers have absolute tolerances, so costs and masses of any unit are brought near 1; division
    by a power of two rounds nothing.
    """
    return float(np.ldexp(1.0, int(np.frexp(largest)[1]) - 1)) if largest > 0 else 1.0
