"""Optimal transport as a linear programme in the lecture's letters (torch-free).

    primal: min cᵀx,  Ax = b, x ≥ 0            dual: max bᵀy,  Aᵀy ≤ c

x is the plan row by row, x = (P₁₁, P₁₂, ..., P₁ₘ, P₂₁, ...), c the costs in the same order. The
first n rows of A add up a row of the plan, the last m a column; b is what they must give, the
masses of the first side above those of the second. y is one number for each row of A: the
potentials f above g. For n = m = 2:

        ⎡ 1 1 0 0 ⎤       ⎡ a₁ ⎤
    A = ⎢ 0 0 1 1 ⎥,  b = ⎢ a₂ ⎥
        ⎢ 1 0 1 0 ⎥       ⎢ b₁ ⎥
        ⎣ 0 1 0 1 ⎦       ⎣ b₂ ⎦

This is the layout of V. Herrmann, Wasserstein GAN and the Kantorovich–Rubinstein Duality, 2017,
for two sides that need not be of one size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from saddlepoint.errors import BadInput, RunStopped
from saddlepoint.transport.measures import Array, balanced
from saddlepoint.transport.problem import Problem, problem_of
from saddlepoint.transport.solution import Transport, transport_of, unit

SHOWN = 10**6  # numbers of the largest A that is written out
# The least that HiGHS takes; on costs and masses near 1.
PRECISION = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}


@dataclass(frozen=True)
class LinearProgramme:
    """min cᵀx, Ax = b, x ≥ 0.

    Attributes:
        c: Costs (n·m,), row by row.
        A: Constraints (n + m, n·m), a sparse matrix of ones.
        b: Masses (n + m,), the first side's above the second's.
        shape: (n, m).
    """

    c: Array
    A: sparse.csr_matrix
    b: Array
    shape: tuple[int, int]

    def dense(self) -> Array:
        """A written out (n + m, n·m), for a slide.

        Raises:
            BadInput: It would have more than a million numbers.
        """
        rows, columns = self.A.shape
        if rows * columns > SHOWN:
            raise BadInput(
                f"A has {rows:,} × {columns:,} numbers, nearly all 0: use the sparse A itself."
            )
        return np.asarray(self.A.toarray())

    def primal(self) -> Array:
        """An optimal x (n·m,), found by HiGHS.

        One row of A x = b follows from the others, since the totals are equal; but only up to
        rounding, and all of them together may contradict each other. That of the most mass is left
        to follow.

        Raises:
            BadInput: The masses of both sides have different totals.
            RunStopped: HiGHS gave up.
        """
        balanced(*np.split(self.b, [self.shape[0]]))
        mass, cost = self._units
        rows = np.arange(len(self.b)) != self._follows
        A, b = self.A[rows], self.b[rows] / mass
        return _solved(self.c / cost, A_eq=A, b_eq=b, bounds=(0, None)) * mass

    def dual(self) -> Array:
        """An optimal y (n + m,), found by HiGHS as a programme of its own, not from x.

        Only sums fᵢ + gⱼ matter, so the entry of the row with the most mass is held at 0.

        Raises:
            RunStopped: HiGHS gave up.
        """
        mass, cost = self._units
        free: list[tuple[float | None, float | None]] = [(None, None)] * len(self.b)
        free[self._follows] = (0.0, 0.0)
        upper = self.A.T.tocsr()
        return _solved(-self.b / mass, A_ub=upper, b_ub=self.c / cost, bounds=free) * cost

    @property
    def _follows(self) -> int:
        return int(self.b.argmax())

    @property
    def _units(self) -> tuple[float, float]:
        return unit(float(self.b.sum()) / 2), unit(float(self.c.max()))


def linear_programme(a: Any, b: Any, cost: Any) -> LinearProgramme:
    """The programme for masses a (n,) and b (m,) and costs (n, m).

    Raises:
        BadInput: As `earth_mover` with a matrix.

    Example:
        >>> from saddlepoint.transport import linear_programme
        >>> programme = linear_programme([2, 1], [1, 2], [[0, 1], [1, 0]])
        >>> print(programme.dense().astype(int))
        [[1 1 0 0]
         [0 0 1 1]
         [1 0 1 0]
         [0 1 0 1]]
        >>> x, y = programme.primal(), programme.dual()
        >>> float(programme.c @ x), float(programme.b @ y)
        (1.0, 1.0)
    """
    return programme_of(problem_of(a=a, b=b, cost=cost))


def programme_of(problem: Problem) -> LinearProgramme:
    """The programme of a problem."""
    n, m = problem.cost.shape
    rows = sparse.kron(sparse.identity(n), np.ones((1, m)))
    columns = sparse.kron(np.ones((1, n)), sparse.identity(m))
    return LinearProgramme(
        c=problem.cost.ravel(),
        A=sparse.csr_matrix(sparse.vstack([rows, columns])),
        b=np.concatenate([problem.a, problem.b]),
        shape=(n, m),
    )


def by_linear_programme(problem: Problem) -> Transport:
    """Both programmes solved, each without the other.

    Raises:
        RunStopped: HiGHS gave up.
    """
    programme = programme_of(problem)
    n, m = programme.shape
    plan = programme.primal().reshape(n, m)
    return transport_of(problem, plan, programme.dual()[n:], "linear-programme")


def _solved(objective: Array, **constraints: Any) -> Array:
    from scipy.optimize import linprog

    found = linprog(objective, **constraints, method="highs", options=PRECISION)
    if found.status != 0:
        raise RunStopped(f"HiGHS found no optimum of the transport problem: {found.message}")
    return np.asarray(found.x)
