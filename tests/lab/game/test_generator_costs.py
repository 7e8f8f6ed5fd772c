"""Costs of the generator: the known slopes, shares held to a closed form, claims that can fail."""

from __future__ import annotations

import math
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

from saddlepoint.lab import EXPERIMENTS, PerSeed
from saddlepoint.lab.game import generator_costs
from saddlepoint.lab.game.generator_costs import (
    FORMULAS,
    GAMES,
    claims,
    deviation,
    exact_share,
    row,
    shares,
)
from saddlepoint.lab.lab_options import LabOptions
from saddlepoint.lab.running import carry_out


def test_slopes_at_an_even_verdict_and_at_both_ends() -> None:
    at = np.array([-30.0, 0.0, 30.0])
    minimax, other, likelihood = (slope(at) for _, slope in FORMULAS.values())
    assert minimax == pytest.approx([0, -0.5, -1], abs=1e-12)
    assert other == pytest.approx([-1, -0.5, 0], abs=1e-12)
    assert likelihood == pytest.approx([-math.exp(-30), -1, -math.exp(30)])
    assert max(map(deviation, GAMES)) < 1e-12


def test_the_share_of_the_top_fakes_is_that_of_the_normal_distribution() -> None:
    normal = NormalDist()
    for distance in (1.0, 2.0, 3.0):
        expected = normal.cdf(distance + normal.inv_cdf(0.01))
        assert exact_share("maximum_likelihood", distance) == pytest.approx(expected, abs=1e-4)
    drawn = shares(50_000, 0)
    for game in GAMES:
        assert drawn[game]["1"] == pytest.approx(exact_share(game, 1.0), rel=0.05)


def found() -> list[dict[str, Any]]:
    seeds = [{g: {f"{d:g}": exact_share(g, d) for d in (1, 2, 3)} for g in GAMES}] * 2
    return [dict(row(game, seeds)) for game in GAMES]


@pytest.mark.parametrize(
    ("game", "changes", "number"),
    [
        (0, {"deviation": 1e-6}, 0),
        (2, {"even": -0.5}, 1),
        (0, {"rejected": -0.5}, 2),
        (2, {"top_3": PerSeed((0.6, 0.6))}, 3),
        (1, {"top_2": PerSeed((0.1, 0.1))}, 4),
    ],
)
def test_claims_fail_when_the_rows_are_others(game: int, changes: dict, number: int) -> None:
    rows = found()
    assert all(claim.holds for claim in claims(rows))
    rows[game] |= changes
    assert [n for n, claim in enumerate(claims(rows)) if not claim.holds] == [number]


def test_the_smallest_form_runs_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generator_costs, "FAKES", 1000)
    findings = carry_out(EXPERIMENTS["generator-costs"], tmp_path / "out", LabOptions(seeds=2))
    assert [r["game"] for r in findings.rows] == list(GAMES.values())
    assert list(findings.claims) == claims(findings.rows)
    assert len(findings.controls) == 3
    assert "minimax" in findings.reading
    assert (tmp_path / "out/costs.png").is_file()
