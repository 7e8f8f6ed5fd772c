"""Oscillation: waves whose size and period are known, claims that can fail, a tiny run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kit.outcomes import quickly
from saddlepoint.lab import EXPERIMENTS, PerSeed
from saddlepoint.lab.bench import Budget, Trained
from saddlepoint.lab.game import oscillation as module
from saddlepoint.lab.lab_options import LabOptions
from saddlepoint.lab.over_time import figures
from saddlepoint.lab.running import carry_out

LINES, POINTS, SEEDS = 400, 20, 4


def test_a_wave_on_a_slope_has_the_size_and_the_period_that_it_was_given():
    places = np.arange(400.0)
    wave = 3 + 0.01 * places + 2 * np.cos(2 * np.pi * places / 25)
    assert module.swing(wave) == pytest.approx(2 / np.sqrt(2), rel=0.02)
    assert module.period(wave) == pytest.approx(25, rel=0.02)
    assert module.swing(3 + 0.01 * places) == pytest.approx(0, abs=1e-9)


def game(name: str, swing: float, shrink: float, early: float, late: float, wobble: float) -> dict:
    """The row of a game whose loss is a wave and whose distance falls with one on it."""
    lines, points = np.arange(LINES), np.arange(POINTS)
    sizes = 1 + 0.05 * np.array([-1.0, 0.0, 1.0, 0.5])[:SEEDS]
    height = np.where(lines < LINES // 2, swing, swing * shrink)
    loss = (height * np.cos(2 * np.pi * lines / 20))[:, None] * sizes
    falls = np.where(points < POINTS // 2, early, late) + wobble * (-1.0) ** points
    courses = {
        "loss": (list(10 * (1 + lines)), loss),
        "distance": (list(200 * (1 + points)), falls[:, None] * sizes),
    }
    return module.row(Trained(name, 4000, 1.0, "cpu", "a processor", figures(courses)))


def rows(**changes: dict[str, float]) -> list:
    """Rows of a world in which every claim holds."""
    usual = {"swing": 0.4, "shrink": 1.0, "early": 0.5, "late": 0.3, "wobble": 0.05}
    cures = {"swing": 0.1, "shrink": 0.5, "late": 0.1}
    means = {"late": 0.1, "wobble": 0.001}
    worlds = {module.PLAIN: {}, module.AVERAGED: means, module.CURED: cures}
    return [
        game(name, **usual | more | changes.get(name.split()[0], {}))
        for name, more in worlds.items()
    ]


def test_claims_hold_in_a_world_made_for_them():
    made = module.claims(rows())
    assert len(made) == 6
    assert all(claim.holds for claim in made), [claim for claim in made if not claim.holds]
    assert module.claims([]) == []
    (plain, *_) = rows()
    assert isinstance(plain["period"], PerSeed)
    assert plain["period"].mean == pytest.approx(200)


@pytest.mark.parametrize(
    ("name", "changes", "refuted"),
    [
        ("plain", {"shrink": 0.5}, {0}),
        ("plain", {"early": 0.3, "wobble": 0.02}, {1}),
        ("R1", {"swing": 0.9}, {2}),
        ("R1", {"late": 0.4}, {3}),
        ("averaged", {"late": 0.31}, {4}),
        ("averaged", {"wobble": 0.08}, {5}),
    ],
)
def test_each_claim_fails_when_the_evidence_is_another(name: str, changes: dict, refuted: set):
    made = module.claims(rows(**{name: changes}))
    assert {number for number, claim in enumerate(made) if not claim.holds} == refuted


def test_it_runs_from_end_to_end_and_averaging_leaves_the_game_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "SAMPLES", 50)
    monkeypatch.setattr(module, "CHECKPOINTS", 4)
    monkeypatch.setattr(module, "LOG_EVERY", 1)
    tiny = replace(EXPERIMENTS["oscillation"], full=Budget(seeds=2, steps=24, seconds=1))
    with quickly():
        findings = carry_out(tiny, tmp_path / "out", LabOptions(at_once=1))
    plain, averaged, cured = findings.rows
    assert plain["last"] == averaged["last"] != cured["last"]
    assert plain["late"] != averaged["late"]
    assert list(findings.claims) == module.claims(findings.rows)
    assert (tmp_path / "out/curves.png").stat().st_size > 10_000
