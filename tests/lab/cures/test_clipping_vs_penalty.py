"""Clipping against a penalty: gradients by autograd, and claims that other rows refute."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from saddlepoint.explore import trained_critic
from saddlepoint.lab import EXPERIMENTS, PerSeed
from saddlepoint.lab.bench import Bench, Budget
from saddlepoint.lab.cures import clipping_vs_penalty
from saddlepoint.lab.cures.clipping_vs_penalty import (
    DATA,
    LAYERS,
    LIMITS,
    claims,
    clipped,
    drawn_sides,
    gradients,
    named,
    rows_of,
    slope,
    weights_of,
)
from saddlepoint.networks.mlp import Mlp


def test_the_slope_is_that_of_a_power_going_back() -> None:
    assert slope([4.0, 2.0, 1.0]) == pytest.approx(np.log(2)), "grows going back: explodes"
    assert slope([0.1, 1.0, 10.0]) == pytest.approx(-np.log(10)), "vanishes"
    assert slope([0.0, 1.0, 1.0]) is None


def test_gradients_are_those_of_a_chain_written_out() -> None:
    """Of two layers: ∂f/∂h₂ = w₃ and ∂f/∂h₁ = W₂ᵀ (φ'(W₂ h₁ + b₂) w₃), h = φ(...)."""
    real, fake = drawn_sides("swiss roll", 0)
    learner = clipped(0.3, Mlp(hidden=(5, 4)))
    critic = trained_critic(real, fake, steps=5, batch_size=32, learner=learner)
    network = copy.deepcopy(critic.duel.critic).double()
    first, second = (m for m in network.backbone if isinstance(m, torch.nn.Linear))
    with torch.no_grad():
        h1 = first(torch.from_numpy(real[:50])).relu()
        last = network.head.weight.detach().expand(50, -1)
        before = (last * (second(h1) > 0)) @ second.weight
    expected = [float(each.norm(dim=1).mean()) for each in (before, last)]
    assert gradients(critic, real[:50]) == pytest.approx(expected, rel=1e-9)
    weights = weights_of(critic)
    assert len(weights) == 2 * 5 + 5 * 4 + 4
    assert np.abs(weights).max() <= 0.3 + 1e-7


@pytest.mark.parametrize("data", DATA)
def test_fakes_are_the_data_with_unit_noise(data: str) -> None:
    real, fake = drawn_sides(data, 3)
    assert fake.var() - real.var() == pytest.approx(1, abs=0.1)
    assert np.abs(real).max() < 2.2


def rows() -> list[dict]:
    back = {0.1: 3.0, 0.01: 0.1, 0.001: 0.01, None: 1.01}
    deep = [
        {
            named(limit): {
                "norms": [factor**k for k in range(LAYERS)][::-1],
                "at_limit": None if limit is None else 0.8,
            }
            for limit, factor in back.items()
        }
    ] * 3
    shallow = [
        {
            f"{data}: {named(limit)}": {"caught": 0.8 if limit is None else 0.5}
            for data in DATA
            for limit in (0.01, None)
        }
    ] * 3
    return rows_of(deep, shallow)


def test_claims_are_refuted_by_other_rows() -> None:
    measured = rows()
    assert all(claim.holds for claim in claims(measured))
    for which, key, value, numbers in (
        (0, "slope", -1.0, [0]),
        (1, "slope", 1.0, [1]),
        (2, "slope", 1.0, [2]),
        (3, "slope", 1.5, [3]),
        (0, "slope", None, [0, 3]),
        (1, "at_limit", 0.4, [4]),
        (5, "caught", 0.4, [5]),
    ):
        altered = [dict(r) for r in measured]
        before = measured[which][key].values[0]
        altered[which][key] = PerSeed((before, value, before))
        others = [claim.holds for claim in claims(altered)]
        assert [n for n in range(len(LIMITS) + 3) if not others[n]] == numbers, key


def test_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clipping_vs_penalty, "STEPS", {True: (2, 2)})
    monkeypatch.setattr(clipping_vs_penalty, "JUDGED", 40)
    monkeypatch.setattr(clipping_vs_penalty, "PLACES", 11)
    entry = EXPERIMENTS["clipping-vs-penalty"]
    findings = entry.function(Bench(entry.name, tmp_path / "out", Budget(seeds=1), fast=True))
    assert len(findings.rows) == 4 + 2 * len(DATA)
    assert set(findings.pictures) == set(entry.pictures)
    assert findings.claims == claims(findings.rows)
