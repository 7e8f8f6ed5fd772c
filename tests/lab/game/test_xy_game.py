"""The game min max xy: known moduli, the continuous solution, and claims that can fail."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from saddlepoint.games.dynamics import DYNAMICS
from saddlepoint.lab import EXPERIMENTS, PerSeed
from saddlepoint.lab.game import xy_game
from saddlepoint.lab.game.xy_game import ALL, RATES, THEORY, claims, controls, orbits, row, solution
from saddlepoint.lab.lab_options import LabOptions
from saddlepoint.lab.running import carry_out

KNOWN = {
    "simultaneous": (1.00499, 1.1180),
    "alternating": (1.0, 1.0),
    "extragradient": (0.99504, 0.9014),
    "consensus": (0.90554, 0.7071),
    "optimistic": (0.99494, 0.7071),
}


def found() -> list[dict[str, Any]]:
    """Rows of two seeds with orbits of the right rate."""
    seeds: dict[str, Any] = {
        f"{dynamics.kind} {rate:g}": {
            "measured": (modulus := THEORY[dynamics.kind](rate)),
            "end": modulus**600,
        }
        for dynamics in ALL
        for rate in RATES
    }
    return [dict(row(dynamics, rate, [seeds] * 2)) for rate in RATES for dynamics in ALL]


def test_every_dynamics_has_its_theory_and_its_known_modulus() -> None:
    assert [type(dynamics) for dynamics in ALL] == DYNAMICS
    assert set(THEORY) == {dynamics.kind for dynamics in ALL}
    rows = {(r["dynamics"], r["rate"]): r for r in found()}
    for name, moduli in KNOWN.items():
        for rate, expected in zip(RATES, moduli, strict=True):
            assert rows[name, rate]["modulus"] == pytest.approx(expected, abs=5e-5)


def test_the_solution_turns_and_the_implicit_step_draws_in() -> None:
    times = np.array([0.0, math.pi / 2, math.pi])
    assert solution((1.0, 2.0), times) == pytest.approx(np.array([[1, 2], [-2, 1], [-1, -2]]))
    continuous, *proximal = controls([0, 1])
    apart = continuous["end"]
    assert isinstance(apart, PerSeed)
    assert max(apart.finite) < 1e-8
    for control, expected in zip(proximal, (0.99504, 0.8944), strict=True):
        assert control["modulus"] == pytest.approx(control["theory"], abs=1e-12)
        assert control["modulus"] == pytest.approx(expected, abs=5e-5)
        assert isinstance(control["measured"], PerSeed)
        assert control["measured"].mean == pytest.approx(expected, abs=5e-5)


def test_an_orbit_has_the_modulus_of_its_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xy_game, "STEPS", 60)
    monkeypatch.setattr(xy_game, "SETTLED", 10)
    measured = orbits(0)["simultaneous 0.5"]["measured"]
    assert measured == pytest.approx(math.sqrt(1.25), abs=1e-12)


@pytest.mark.parametrize(
    ("which", "changes", "number"),
    [
        (1, {"modulus": 1.0}, 0),
        (0, {"measured": PerSeed((1.01, 1.0))}, 1),
        (1, {"end": PerSeed((20.0, 2.0))}, 2),
        (0, {"end": PerSeed((1.0, 3.0))}, 3),
        (2, {"end": PerSeed((0.05, 0.2))}, 4),
    ],
)
def test_claims_fail_when_the_rows_are_others(which: int, changes: dict, number: int) -> None:
    rows = found()
    assert all(claim.holds for claim in claims(rows))
    rows[which] |= changes
    assert [n for n, claim in enumerate(claims(rows)) if not claim.holds] == [number]


def test_the_smallest_form_runs_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xy_game, "STEPS", 20)
    monkeypatch.setattr(xy_game, "SETTLED", 5)
    monkeypatch.setattr(xy_game, "DRAWN", 10)
    findings = carry_out(EXPERIMENTS["xy-game"], tmp_path / "out", LabOptions(seeds=1))
    assert len(findings.rows) == len(RATES) * len(ALL)
    assert list(findings.claims) == claims(findings.rows)
    assert (tmp_path / "out/orbits.png").is_file()
