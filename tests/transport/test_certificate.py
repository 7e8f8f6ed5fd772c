"""The certificate notices each way in which a plan or its potentials can be wrong."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from saddlepoint.transport.certificate import TOLERANCE, Certificate, certify, critic_of
from saddlepoint.transport.earth_mover import earth_mover
from saddlepoint.transport.problem import Ground, Problem, is_metric, problem_of

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(9, 2)), RNG.normal(size=(7, 2)) + 0.5
A, B = RNG.dirichlet(np.full(9, 4.0)), RNG.dirichlet(np.full(7, 4.0))
PROBLEM = problem_of(X, Y, a=A, b=B)
MOVED = earth_mover(X, Y, a=A, b=B)


def certificate(problem: Problem = PROBLEM, **changed: np.ndarray) -> Certificate:
    parts = {"plan": MOVED.plan, "f": MOVED.f, "g": MOVED.g, **changed}
    return certify(problem, **parts)


def test_an_optimum_is_certified() -> None:
    proof = certificate()
    assert proof == MOVED.certificate
    assert proof.holds
    assert proof.tolerance == TOLERANCE == 1e-8
    assert (proof.total, proof.largest) == (pytest.approx(1), PROBLEM.cost.max())
    assert str(proof).splitlines()[-1] == "holds to 1e-08"


def test_a_plan_that_could_be_better_has_a_gap() -> None:
    proof = certificate(plan=np.outer(PROBLEM.a, PROBLEM.b))
    worse = float((PROBLEM.cost * np.outer(PROBLEM.a, PROBLEM.b)).sum()) - MOVED.value
    assert proof.gap == pytest.approx(worse)
    assert worse > 0.1
    assert not proof.holds
    assert str(proof).splitlines()[-1] == "does not hold to 1e-08"


def test_potentials_that_could_be_better_have_a_gap() -> None:
    proof = certificate(f=np.zeros(9), g=PROBLEM.cost.min(0))
    assert proof.excess <= 0
    assert proof.gap > 0.01
    assert not proof.holds


def test_sums_that_are_wrong_are_seen_though_the_gap_is_not() -> None:
    plan = MOVED.plan.copy()
    i, j = np.argwhere(plan > 0.01)[0]
    plan[i, j] -= 1e-4
    proof = certificate(plan=plan)
    assert proof.row_error == pytest.approx(1e-4)
    assert proof.column_error == pytest.approx(1e-4)
    assert not proof.holds
    rolled = certificate(plan=np.roll(MOVED.plan, 1, axis=1))  # rows as they were
    assert rolled.row_error < 1e-12
    assert rolled.column_error == pytest.approx(abs(np.roll(B, 1) - B).max())
    assert not dataclasses.replace(rolled, gap=0.0).holds


def test_negative_entries_are_seen() -> None:
    plan = MOVED.plan.copy()
    plan[:2, :2] += [[-2.0, 2.0], [2.0, -2.0]]  # the same sums
    proof = certificate(plan=plan)
    assert max(proof.row_error, proof.column_error) < 1e-12
    assert proof.negative == -plan.min() > 1
    assert not dataclasses.replace(proof, gap=0.0).holds


def test_infeasible_potentials_are_seen() -> None:
    f = MOVED.f.copy()
    f[3] += 0.01
    proof = certificate(f=f)
    assert proof.excess == pytest.approx(0.01)
    assert proof.two_in_one == pytest.approx(0.01)
    assert not dataclasses.replace(proof, gap=0.0, two_in_one=0.0).holds
    assert not dataclasses.replace(proof, gap=0.0, excess=0.0).holds


def test_potentials_that_are_two_functions_are_seen_only_where_there_is_mass() -> None:
    """An atom of both sides: f + g < 0 there is feasible, and no critic."""
    both = problem_of([0.0, 1.0], [0.0, 1.0])
    apart = certify(both, np.eye(2) / 2, np.array([0.0, -1.0]), np.array([0.0, 0.5]))
    assert apart.excess <= 0
    assert apart.two_in_one == pytest.approx(0.5)
    assert not dataclasses.replace(apart, gap=0.0).holds
    without = Problem(np.array([1.0, 0.0]), np.array([1.0, 0.0]), both.cost, 1.0, both.ground)
    massless = certify(without, np.diag([1.0, 0.0]), np.array([0.0, -1.0]), np.array([0.0, 0.5]))
    assert massless.two_in_one == 0
    assert massless.holds
    assert certify(without, np.diag([1.0, 0.0]), np.array([0.0, -1.0]), np.array([0.0, -5.0])).holds


def test_a_space_that_is_no_metric_is_seen() -> None:
    """Squared distances break the triangle inequality, and the transform is no critic."""
    squares = problem_of([0.0, 1.0, 2.0], [0.0, 1.0, 2.0], cost="squared").cost
    same = np.arange(3)
    ground = Ground(3, lambda s: squares[s, s.start :], same, same)
    problem = Problem(np.array([1.0, 0, 0]), np.array([0, 0, 1.0]), squares, 1.0, ground)
    proof = certify(problem, np.eye(3)[[2, 1, 0]] * [0, 0, 1], np.zeros(3), np.array([0, 0, 4.0]))
    assert (proof.gap, proof.excess) == (0, 4)
    assert proof.lipschitz == 3  # φ = 0, −3, −4 at 0, 1, 2: 3 between neighbours at distance 1
    assert not dataclasses.replace(proof, excess=0.0, two_in_one=0.0).holds


def test_the_critic_by_loops() -> None:
    assert PROBLEM.ground is not None
    phi = critic_of(PROBLEM.ground, MOVED.g)
    for z, value in zip(np.concatenate([X, Y]), phi, strict=True):
        assert value == pytest.approx(min(np.linalg.norm(Y - z, axis=1) - MOVED.g), abs=1e-12)
    np.testing.assert_allclose(phi[:9], MOVED.f, atol=1e-12)
    np.testing.assert_allclose(phi[9:], -MOVED.g, atol=1e-12)


@pytest.mark.parametrize("held", [48, 2**22])
def test_the_transform_of_any_potential(held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that is no critic's, whose minima lie anywhere."""
    monkeypatch.setattr("saddlepoint.transport.certificate.HELD", held)
    assert PROBLEM.ground is not None
    g = RNG.normal(size=7)
    z = np.concatenate([X, Y])
    expected = (np.linalg.norm(z[:, None] - Y, axis=-1) - g).min(1)
    np.testing.assert_allclose(critic_of(PROBLEM.ground, g), expected, atol=1e-12)


def test_the_constant_by_loops_in_any_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    z = np.concatenate([X, Y])
    whole = certificate()
    monkeypatch.setattr("saddlepoint.transport.certificate.HELD", 48)  # three rows at a time
    proof = certificate()
    assert proof == whole
    phi = np.concatenate([MOVED.f, -MOVED.g])
    slopes = [
        abs(phi[i] - phi[j]) / np.linalg.norm(z[i] - z[j]) for i in range(16) for j in range(i)
    ]
    assert proof.lipschitz == pytest.approx(max(slopes), rel=1e-9)


@pytest.mark.parametrize("field", ["gap", "row_error", "negative", "excess", "lipschitz"])
def test_what_is_not_a_number_does_not_hold(field: str) -> None:
    assert not dataclasses.replace(MOVED.certificate, **{field: math.nan}).holds


def test_one_place_for_all_atoms() -> None:
    proof = earth_mover([1.0, 1.0], [1.0]).certificate
    assert (proof.lipschitz, proof.gap, proof.holds) == (0, 0, True)


def test_matrices_that_are_metrics() -> None:
    steps = abs(np.subtract.outer(np.arange(5.0), np.arange(5.0)))
    assert is_metric(steps)
    assert is_metric(1 - np.eye(4))  # total variation
    assert is_metric(np.zeros((2, 2)))
    assert not is_metric(steps**2)
    assert not is_metric(steps[:, :4])
    assert not is_metric(steps + np.eye(5))
    assert not is_metric(np.triu(steps))
    assert not is_metric(np.zeros((501, 501)))
