"""The linear programme: the lecture's layout, primal and dual apart, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from kit.piles import Piles, piles
from saddlepoint.errors import BadInput, RunStopped
from saddlepoint.transport import programme
from saddlepoint.transport.problem import problem_of
from saddlepoint.transport.programme import LinearProgramme, linear_programme, programme_of


def test_two_by_three_as_on_a_slide() -> None:
    given = linear_programme([1, 2], [0.5, 1.5, 1], [[0, 1, 2], [3, 4, 5]])
    assert given.dense().tolist() == [
        [1, 1, 1, 0, 0, 0],
        [0, 0, 0, 1, 1, 1],
        [1, 0, 0, 1, 0, 0],
        [0, 1, 0, 0, 1, 0],
        [0, 0, 1, 0, 0, 1],
    ]
    assert given.c.tolist() == [0, 1, 2, 3, 4, 5]
    assert given.b.tolist() == [1, 2, 0.5, 1.5, 1]
    assert given.shape == (2, 3)


@pytest.mark.parametrize("states", [1, 2, 5])
def test_the_layout_with_three_axes(states: int) -> None:
    """Row sums A_r[i, i, j] = 1 above column sums A_t[i, j, i] = 1, each reshaped to a matrix."""
    above, below = np.zeros((states,) * 3), np.zeros((states,) * 3)
    for i in range(states):
        above[i, i, :] = 1
        below[i, :, i] = 1
    expected = np.concatenate([above, below]).reshape(2 * states, states**2)
    uniform = np.full(states, 1 / states)
    given = linear_programme(uniform, uniform, np.ones((states, states)))
    assert np.array_equal(given.dense(), expected)
    plan = np.arange(states**2.0).reshape(states, states)
    sums = np.concatenate([plan.sum(1), plan.sum(0)])
    assert np.array_equal(given.A @ plan.ravel(), sums)


@settings(max_examples=40, deadline=None)
@given(piles())
def test_primal_and_dual_are_feasible_and_equal(sides: Piles) -> None:
    given = programme_of(problem_of(**sides.given(), power=1.5))
    x, y = given.primal(), given.dual()
    mass, cost = sides.total, max(given.c.max(), 1e-300)
    assert x.min() >= -1e-9 * mass
    assert abs(given.A @ x - given.b).max() <= 1e-9 * mass
    assert (given.A.T @ y - given.c).max() <= 1e-9 * cost
    assert given.c @ x == pytest.approx(given.b @ y, rel=1e-9, abs=1e-9 * mass * cost)


@pytest.mark.parametrize(("mass", "cost"), [(1e-12, 1e12), (1e12, 1e-12), (1e-200, 1e250)])
def test_units_do_not_matter(mass: float, cost: float) -> None:
    """Solvers have absolute tolerances, in which a millionth of a millionth would vanish."""
    a, b = np.array([3.0, 1, 4, 1]), np.array([1.0, 5, 1, 2])
    steps = abs(np.subtract.outer(np.arange(4.0), np.arange(4.0)))
    given = linear_programme(mass * a, mass * b, cost * steps)
    assert given.c @ given.primal() == pytest.approx(5 * mass * cost, rel=1e-9)
    assert given.b @ given.dual() == pytest.approx(5 * mass * cost, rel=1e-9)


def test_a_large_matrix_is_not_written_out() -> None:
    n = 90
    given = linear_programme(None, None, np.ones((n, n)))
    assert given.A.nnz == 2 * n * n
    with pytest.raises(BadInput, match=r"180 × 8,100 numbers"):
        given.dense()


def test_what_has_no_solution_is_said() -> None:
    good = linear_programme([1, 1], [1, 1], np.ones((2, 2)))
    bad = LinearProgramme(good.c, good.A, np.array([1.0, 1, 1, 2]), good.shape)
    with pytest.raises(BadInput, match="totals are 2 and 3"):
        bad.primal()


def test_masses_over_twenty_decades() -> None:
    """All rows at once contradict each other by a rounding error, which hides the small masses."""
    rng = np.random.default_rng(1)
    for _ in range(10):
        a, b = 10.0 ** rng.uniform(-20, 3, 40), 10.0 ** rng.uniform(-20, 3, 30)
        b *= a.sum() / b.sum()
        given = linear_programme(a, b, rng.random((40, 30)))
        x, y = given.primal(), given.dual()
        assert abs(given.A @ x - given.b).max() <= 1e-9 * a.sum()
        assert given.c @ x == pytest.approx(given.b @ y, abs=1e-9 * a.sum())


def test_a_solver_that_gives_up_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programme, "PRECISION", {"maxiter": 1, "presolve": False})
    given = linear_programme(None, None, np.random.default_rng(2).random((9, 8)))
    for solve in (given.primal, given.dual):
        with pytest.raises(RunStopped, match="no optimum"):
            solve()
