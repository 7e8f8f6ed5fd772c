"""The pair of normal distributions: gradients of the games against those of their divergences."""

from __future__ import annotations

import numpy as np
import pytest

from saddlepoint.lab.game.two_gaussians import (
    density,
    descended_gradient,
    draws,
    line,
    logit,
    played_gradient,
)

#: 2 dJSD/dθ at each distance θ; the non-saturating gradient is θ less this.
TWICE_JSD = {
    0.5: 0.235264,
    1.0: 0.397973,
    2.0: 0.449600,
    3.0: 0.295864,
    4.0: 0.137195,
    6.0: 0.012453,
    8.0: 0.000393,
}


@pytest.mark.parametrize("theta", TWICE_JSD)
def test_gradients_of_the_games_are_those_that_are_known(theta: float) -> None:
    known = {
        "minimax": TWICE_JSD[theta],
        "non_saturating": theta - TWICE_JSD[theta],
        "maximum_likelihood": theta,
        "wasserstein": 1.0,
    }
    for objective, expected in known.items():
        assert played_gradient(objective, theta) == pytest.approx(expected, abs=2e-6)
        assert descended_gradient(objective, theta) == pytest.approx(expected, abs=2e-6)


def test_the_logit_is_the_logarithm_of_the_ratio() -> None:
    x, step = line(2.0)
    p, q = density(x, 0.0), density(x, 2.0)
    assert p.sum() * step == pytest.approx(1.0)
    near = np.abs(x) < 5
    assert np.log(p / q)[near] == pytest.approx(logit(x, 2.0)[near])


def test_draws_are_those_of_their_seed() -> None:
    first = draws(2.0, 5000, 1)
    assert np.array_equal(first, draws(2.0, 5000, 1))
    assert not np.array_equal(first, draws(2.0, 5000, 2))
    assert (first.mean(), first.std()) == pytest.approx((2.0, 1.0), abs=0.05)
