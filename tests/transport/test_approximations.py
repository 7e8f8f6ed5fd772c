"""Sinkhorn's plan and sliced transport: bounds of the exact value, limits, what is stated."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.piles import Piles, piles
from saddlepoint.errors import BadInput
from saddlepoint.metrics.sliced import sliced_distance
from saddlepoint.transport import (
    Transport,
    earth_mover,
    sinkhorn_approximation,
    sliced_approximation,
)

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(20, 2)), RNG.normal(size=(15, 2)) + 0.5


@settings(max_examples=25, deadline=None)
@given(
    piles(),
    st.sampled_from([0.01, 0.3, 5.0]),
    st.sampled_from([1, 300]),
    st.sampled_from(["euclidean", "squared"]),
)
def test_the_exact_value_lies_between_the_bounds(
    sides: Piles, share: float, iterations: int, cost: str
) -> None:
    """However early the iteration ends."""
    exact = earth_mover(**sides.given(), cost=cost)
    largest = exact.certificate.largest
    found = sinkhorn_approximation(
        **sides.given(), cost=cost, regularisation=share * (largest or 1), iterations=iterations
    )
    near = 1e-12 * sides.total * largest
    assert found.lower - near <= exact.value <= found.value + near
    np.testing.assert_allclose(found.plan.sum(1), sides.a, atol=1e-12 * sides.total)
    np.testing.assert_allclose(found.plan.sum(0), sides.b, atol=1e-12 * sides.total)
    assert found.plan.min() >= 0
    assert found.iterations <= iterations


def test_less_regularisation_is_nearer() -> None:
    exact = earth_mover(X, Y).value
    found = [sinkhorn_approximation(X, Y, regularisation=e) for e in (3.0, 0.3, 0.03)]
    above = [each.value - exact for each in found]
    below = [exact - each.lower for each in found]
    assert above[0] > above[1] > above[2] > 0
    assert below[0] > below[1] > below[2] > 0
    assert above[2] < 0.01 * exact
    assert below[2] < 0.01 * exact
    assert [each.regularisation for each in found] == [3.0, 0.3, 0.03]
    assert all(each.marginal_error < 1e-7 for each in found)
    assert [each.iterations for each in found] == sorted(each.iterations for each in found)


def test_two_atoms_in_closed_form() -> None:
    """Cost 1 off the diagonal: P₁₂/P₁₁ = exp(−1/ε), so the value is 1/(1 + exp(1/ε))."""
    for epsilon in (0.2, 1.0, 10.0):
        found = sinkhorn_approximation(cost=1 - np.eye(2), regularisation=epsilon)
        assert found.value == pytest.approx(1 / (1 + math.exp(1 / epsilon)), rel=1e-6)
        assert found.lower == pytest.approx(0, abs=1e-12)


def test_much_regularisation_forgets_the_costs() -> None:
    """The plan with the largest entropy is the product of the masses."""
    found = sinkhorn_approximation(X, Y, cost="squared", regularisation=1e6)
    np.testing.assert_allclose(found.plan, 1 / 300, rtol=1e-4)
    assert found.distance == pytest.approx(found.value**0.5)
    squares = ((X[:, None] - Y) ** 2).sum(-1)
    assert found.value == pytest.approx(squares.mean(), rel=1e-4)


def test_little_regularisation_does_not_overflow() -> None:
    """exp(−c/ε) is 0 for most pairs; the logarithm is not."""
    found = sinkhorn_approximation(100 * X, 100 * Y, regularisation=0.05, iterations=50)
    exact = earth_mover(100 * X, 100 * Y).value
    assert found.marginal_error > 1e-3  # far from its end, and says so
    assert found.lower <= exact <= found.value


def test_sliced_is_the_metric_s_and_below_the_exact_distance() -> None:
    found = sliced_approximation(X, Y, projections=64, seed=3)
    expected = sliced_distance(torch.from_numpy(X), torch.from_numpy(Y), 64, 3)
    assert (found.distance, found.projections, found.seed) == (expected, 64, 3)
    exact = earth_mover(X, Y, cost="squared").distance
    assert 0.3 * exact < found.distance < exact
    on_a_line = sliced_approximation(X[:, 0], Y[:, 0], projections=1)
    line = earth_mover(X[:, 0], Y[:, 0], cost="squared").distance
    assert on_a_line.distance == pytest.approx(line, rel=1e-12)


def test_no_approximation_passes_for_the_exact_thing() -> None:
    for found in (sinkhorn_approximation(X, Y, regularisation=1), sliced_approximation(X, Y)):
        assert not isinstance(found, Transport)
        assert not hasattr(found, "certificate")
        assert "Approximation" in type(found).__name__


def test_refusals() -> None:
    for epsilon in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(BadInput, match="regularisation must be above 0"):
            sinkhorn_approximation(X, Y, regularisation=epsilon)
    with pytest.raises(BadInput, match="at least one round"):
        sinkhorn_approximation(X, Y, regularisation=1, iterations=0)
    with pytest.raises(BadInput, match="totals are 2 and 1"):
        sinkhorn_approximation([0.0, 1.0], [0.0], a=[1, 1], regularisation=1)
    with pytest.raises(BadInput, match="0 projections"):
        sliced_approximation(X, Y, projections=0)
    with pytest.raises(BadInput, match="empty"):
        sliced_approximation([], Y)
    with pytest.raises(BadInput, match="dimensions"):
        sliced_approximation(X, Y[:, :1])
