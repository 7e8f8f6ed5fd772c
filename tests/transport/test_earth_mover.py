"""The earth mover's distance: solvers agree, a distance's axioms, known values, refusals."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.piles import Piles, piles
from saddlepoint.errors import BadInput, RunStopped
from saddlepoint.transport import earth_mover
from saddlepoint.transport.earth_mover import SOLVERS

EXACT = ("linear-programme", "network-simplex")
AGREE = 1e-9  # of total × largest cost
STEPS = [0, 1, 2, 3]
HEIGHTS, WANTED = [3, 1, 4, 1], [1, 5, 1, 2]


@pytest.mark.parametrize("solver", [*EXACT, "line"])
def test_piles_of_earth(solver: Any) -> None:
    """Three moves: two shovels one step right, two one step left, one one step right, 2 + 2 + 1.

    What crosses each gap is the difference of the heights up to it: 3 − 1 = 2 to the right, then
    2 + (1 − 5) = −2 to the left, then −2 + (4 − 1) = 1 to the right, then 1 + (1 − 2) = 0.
    """
    moved = earth_mover(STEPS, STEPS, a=HEIGHTS, b=WANTED, solver=solver)
    crossing = np.cumsum(np.subtract(HEIGHTS, WANTED))
    assert crossing.tolist() == [2, -2, 1, 0]
    assert moved.value == moved.dual_value == abs(crossing).sum() == 5
    moves = moved.plan - np.diag(np.diag(moved.plan))
    assert {(i, j): moves[i, j] for i, j in np.argwhere(moves)} == {(0, 1): 2, (2, 1): 2, (2, 3): 1}
    work = [moves[i, j] * abs(i - j) for i, j in np.argwhere(moves)]
    assert sorted(work) == [1, 2, 2]
    assert moved.critic is not None
    assert moved.critic[0].tolist() == moved.critic[1].tolist() == [0, -1, 0, -1]
    assert moved.certificate.holds
    assert moved.certificate.lipschitz == 1
    assert moved.solver == solver


@settings(max_examples=40, deadline=None)
@given(piles(), st.sampled_from(["euclidean", "squared"]))
def test_all_exact_solvers_agree(sides: Piles, cost: str) -> None:
    solvers = [*EXACT, "line"] if sides.xa.shape[1] == 1 else EXACT
    found = [earth_mover(**sides.given(), cost=cost, solver=s) for s in solvers]
    near = AGREE * sides.total * found[0].certificate.largest
    for each in found:
        assert each.certificate.holds
        assert each.value == pytest.approx(found[0].value, abs=near)
        assert each.dual_value == pytest.approx(found[0].value, abs=near)
        assert np.isfinite(each.f).all()
        assert np.isfinite(each.g).all()
        assert each.f[0] == 0
        assert (each.critic is None) == (cost == "squared")


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 10_000))
def test_any_matrix_of_costs(n: int, m: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    costs = rng.integers(0, 4, size=(n, m))
    a, b = rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(m))
    first, second = (earth_mover(a=a, b=b, cost=costs, solver=s) for s in EXACT)
    assert first.certificate.holds
    assert second.certificate.holds
    assert first.value == pytest.approx(second.value, abs=4 * AGREE)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 6), st.integers(1, 3), st.booleans(), st.integers(0, 10_000))
def test_permutations_one_by_one(n: int, d: int, ties: bool, seed: int) -> None:
    """Equal masses, n a side: some permutation is optimal (Birkhoff)."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, n, d)).round(0 if ties else 9)
    for cost, power in (("euclidean", 1), ("squared", 2)):
        costs = np.linalg.norm(x[:, None] - y, axis=-1) ** power
        orders = itertools.permutations(range(n))
        least = min(costs[range(n), order].mean() for order in orders)
        for solver in ("auto", "network-simplex"):
            moved = earth_mover(x, y, cost=cost, solver=solver)
            assert moved.value == pytest.approx(least, rel=1e-9, abs=1e-12)


@settings(max_examples=15, deadline=None)
@given(piles(), st.integers(0, 1000))
def test_the_axioms_of_a_distance(sides: Piles, seed: int) -> None:
    third = np.random.default_rng(seed).normal(size=(3, sides.xa.shape[1])).round(1)
    mass = np.full(3, sides.total / 3)
    for cost in ("euclidean", "squared"):
        there = earth_mover(**sides.given(), cost=cost)
        back = earth_mover(sides.xb, sides.xa, a=sides.b, b=sides.a, cost=cost)
        near = AGREE * sides.total * max(there.certificate.largest, 1)
        assert back.value == pytest.approx(there.value, abs=near)
        assert earth_mover(sides.xa, sides.xa, a=sides.a, b=sides.a, cost=cost).value == 0
        split = earth_mover(
            sides.xa, np.repeat(sides.xa, 2, 0), a=sides.a, b=np.repeat(sides.a / 2, 2), cost=cost
        )
        assert split.value <= near
        via = [
            earth_mover(x, third, a=a, b=mass, cost=cost).distance
            for x, a in ((sides.xa, sides.a), (sides.xb, sides.b))
        ]
        assert there.distance <= sum(via) * (1 + 1e-9) + near


@settings(max_examples=20, deadline=None)
@given(piles(), st.sampled_from([1e-6, 0.5, 3.0, 1e6]))
def test_masses_and_lengths_scale(sides: Piles, factor: float) -> None:
    once = earth_mover(**sides.given())
    near = AGREE * sides.total * once.certificate.largest
    more = earth_mover(sides.xa, sides.xb, a=factor * sides.a, b=factor * sides.b)
    assert more.value == pytest.approx(factor * once.value, abs=factor * near)
    longer = earth_mover(factor * sides.xa, factor * sides.xb, a=sides.a, b=sides.b)
    assert longer.value == pytest.approx(factor * once.value, abs=factor * near)
    assert longer.certificate.holds
    assert more.certificate.holds


@pytest.mark.parametrize("solver", EXACT)
@pytest.mark.parametrize("d", [1, 2, 5])
def test_a_translation_costs_its_length(solver: Any, d: int) -> None:
    x = np.random.default_rng(3).normal(size=(30, d))
    shift = np.linspace(-1, 2, d)
    for cost in ("euclidean", "squared"):
        moved = earth_mover(x, x[::-1] + shift, cost=cost, solver=solver)
        assert moved.distance == pytest.approx(np.linalg.norm(shift), rel=1e-9)
        assert moved.certificate.holds


@pytest.mark.parametrize("theta", [-0.7, 0.0, 1e-3, 2.0])
def test_parallel_lines(theta: float) -> None:
    """(0, z) and (θ, z) with z uniform: W₁ = |θ|, where Jensen–Shannon is log 2 unless θ = 0."""
    z = np.random.default_rng(4).uniform(size=60)
    x, y = (np.stack([np.full(60, place), z], axis=1) for place in (0.0, theta))
    moved = earth_mover(x, y)
    assert moved.solver == "network-simplex"
    assert moved.value == pytest.approx(abs(theta), abs=1e-12)
    assert moved.certificate.holds


def test_total_variation_is_a_transport() -> None:
    """With cost 1 for everything that moves, the least work is the total variation."""
    a, b = np.array([0.5, 0.3, 0.2, 0.0]), np.array([0.1, 0.3, 0.2, 0.4])
    moved = earth_mover(a=a, b=b, cost=1 - np.eye(4))
    assert moved.value == pytest.approx(0.4, rel=1e-12)
    assert moved.certificate.lipschitz == pytest.approx(1, rel=1e-9)


def test_a_mean_is_moved_by_its_length() -> None:
    """Everything to one point: the mean distance, and for squares the variance about it."""
    x = np.random.default_rng(5).normal(size=(40, 3))
    assert earth_mover(x, np.zeros((1, 3))).value == pytest.approx(np.linalg.norm(x, axis=1).mean())
    squares = earth_mover(x, np.zeros((1, 3)), cost="squared")
    assert squares.value == pytest.approx((x**2).sum(1).mean())
    assert squares.distance == pytest.approx(squares.value**0.5)


def test_auto_chooses_by_its_rule() -> None:
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(2, 51, 2))
    assert earth_mover(x[:50], y[:50]).solver == "linear-programme"
    assert earth_mover(x, y[:50]).solver == "network-simplex"
    assert earth_mover(x[:, 0], y[:, :1], cost="squared").solver == "line"
    assert earth_mover(cost=np.ones((3, 3))).solver == "linear-programme"
    assert set(SOLVERS) == {*EXACT, "line"}


def test_other_arrays_and_lower_precision() -> None:
    x = torch.randn(20, 2, generator=torch.Generator().manual_seed(0))
    mass = torch.rand(20, generator=torch.Generator().manual_seed(1)).softmax(0)
    moved = earth_mover(x, x + 1, a=mass, b=mass.flip(0))
    same = earth_mover(x.tolist(), (x + 1).numpy(), a=mass.tolist(), b=mass.flip(0).tolist())
    assert moved.value == same.value
    close = earth_mover([0.0, 1.0], [2.0], a=[0.5, 0.5], b=[1 + 1e-7])
    assert close.value == pytest.approx(1.5, rel=1e-12)
    assert close.certificate.holds


def test_neither_torch_nor_pot_is_imported_for_few_points() -> None:
    program = (
        "import sys\nfrom saddlepoint.transport import earth_mover\n"
        "earth_mover([[0, 0]], [[1, 1]])\nassert not {'torch', 'ot'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_simplex_that_gives_up_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("saddlepoint.transport.network_simplex.PIVOTS", 1)
    x, y = np.random.default_rng(7).normal(size=(2, 30, 2))
    with (
        pytest.warns(UserWarning, match="numItermax"),
        pytest.raises(RunStopped, match="network simplex"),
    ):
        earth_mover(x, y, solver="network-simplex")


SQUARE = np.ones((2, 2))
POINTS = {"xa": [0.0, 1.0], "xb": [2.0, 3.0]}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({**POINTS, "a": [3, 4], "b": [1, 5]}, r"totals are 7 and 6, and must be equal"),
        ({**POINTS, "a": [3, 4]}, r"totals are 7 and 1"),
        ({**POINTS, "a": [0.5, 0.5], "b": [0.5, 0.5001]}, r"totals are 1 and 1\.0001"),
        ({**POINTS, "a": [2, -1]}, r"first masses hold -1 at index 1"),
        ({**POINTS, "b": [math.nan, 1]}, r"second masses hold a number that is not finite"),
        ({**POINTS, "b": [math.inf, 1]}, r"second masses hold a number that is not finite"),
        ({**POINTS, "a": [1.0]}, r"1 first masses for 2 atoms"),
        ({**POINTS, "a": [[0.5, 0.5]]}, r"first masses must have 1 axes and have 2"),
        ({**POINTS, "a": [0, 0], "b": [0, 0]}, r"total of 0"),
        ({**POINTS, "a": []}, r"first masses are empty"),
        ({"xa": [], "xb": [1.0]}, r"first points are empty"),
        ({"xa": np.zeros((0, 2)), "xb": [[1.0, 2.0]]}, r"first points are empty"),
        ({"xa": [[0.0, 1.0]], "xb": [[0.0]]}, r"2 coordinates on the first side and 1"),
        ({"xa": np.zeros((1, 1, 1)), "xb": [0.0]}, r"1 or 2 axes and have 3"),
        ({"xa": [math.nan], "xb": [0.0]}, r"first points hold a number that is not finite"),
        ({"xa": ["a"], "xb": [0.0]}, r"cannot be read as numbers"),
        ({"xa": [[0.0], [1.0, 2.0]], "xb": [0.0]}, r"cannot be read as numbers"),
        ({"xa": [0.0]}, r"points on both sides"),
        ({}, r"points on both sides"),
        ({**POINTS, "cost": SQUARE}, r"either points or a matrix"),
        ({"cost": -SQUARE}, r"costs hold -1: none may be negative"),
        ({"cost": SQUARE * math.nan}, r"costs hold a number that is not finite"),
        ({"cost": SQUARE * math.inf}, r"costs hold a number that is not finite"),
        ({"cost": np.ones(4)}, r"costs must have 2 axes and have 1"),
        ({"cost": None}, r"costs must have 2 axes"),
        ({"cost": np.ones((0, 3))}, r"costs are empty"),
        ({"cost": SQUARE, "a": [1, 1, 1]}, r"3 first masses for 2 atoms"),
        ({**POINTS, "cost": "euclid"}, r"No cost is called 'euclid'.*Did you mean 'euclidean'"),
        ({**POINTS, "solver": "simplex"}, r"No solver is called 'simplex'"),
        ({"cost": SQUARE, "solver": "line"}, r"points with one coordinate"),
        ({"xa": [[0.0, 1.0]], "xb": [[1.0, 0.0]], "solver": "line"}, r"one coordinate"),
        ({"xa": [0.0], "xb": [1e200], "cost": "squared"}, r"beyond what numbers can hold"),
        ({"cost": SQUARE * 1e200, "a": [1e200] * 2, "b": [1e200] * 2}, r"beyond what numbers"),
        ({"xa": np.zeros(9000), "xb": np.zeros(9000)}, r"9,000 × 9,000 pairs do not fit"),
    ],
)
def test_refusals(given: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        earth_mover(**given)
