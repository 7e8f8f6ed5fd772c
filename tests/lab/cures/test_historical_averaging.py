"""Historical averaging: the exponent two ways, and claims that other rows refute."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from saddlepoint.lab import EXPERIMENTS, PerSeed
from saddlepoint.lab.bench import Bench, Budget
from saddlepoint.lab.cures import historical_averaging
from saddlepoint.lab.cures.historical_averaging import (
    STRENGTHS,
    claims,
    eigenvalue,
    played,
    row,
    slope,
    velocity,
)


@pytest.mark.parametrize("strength", [0.1, *STRENGTHS])
def test_the_eigenvalues_give_the_formula(strength: float) -> None:
    assert eigenvalue(strength) == pytest.approx(-1 / (1 + strength**2), abs=1e-12)


def test_a_power_has_its_slope() -> None:
    assert slope(3 * np.arange(1.0, 501) ** -0.7) == pytest.approx(-0.7, abs=1e-12)


def test_the_portrait_shows_the_game_that_is_played() -> None:
    for start in ((2.0, 2.0), (-0.5, 0.3)):
        way = played("simultaneous", 0.0, start, 1)[:, :2]
        (here,) = velocity(np.array([start]))
        assert (way[1] - way[0]) / historical_averaging.RATE == pytest.approx(here, abs=1e-12)


def rows() -> list[dict]:
    made = []
    for name, left in (("plain-alternating", 1.0), ("plain-simultaneous", 5.0)):
        made.append(row(name, [{"exponent": 0.0, "left": left}] * 3, None))
    for strength in STRENGTHS:
        seed = {"exponent": -1 / (1 + strength**2), "left": 0.1}
        made.append(row(f"averaging-{strength:g}", [seed] * 3, -0.5))
    return made


def test_claims_are_refuted_by_other_rows() -> None:
    measured = rows()
    assert all(claim.holds for claim in claims(measured))
    for which, key, value, numbers in (
        (2, "exponent", PerSeed((-0.94, -0.94, -0.88)), [0]),
        (3, "eigenvalue", -0.8 + 1e-6, [1]),
        (0, "left", PerSeed((1.0, 0.85, 1.0)), [2]),
        (1, "left", PerSeed((5.0, 1.9, 5.0)), [2]),
        (5, "exponent", PerSeed((-0.55,) * 3), [0, 3]),
    ):
        altered = [dict(r) for r in measured]
        altered[which][key] = value
        others = [claim.holds for claim in claims(altered)]
        assert [n for n in range(4) if not others[n]] == numbers, key


def test_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(historical_averaging, "STEPS", {True: 60})
    entry = EXPERIMENTS["historical-averaging"]
    findings = entry.function(Bench(entry.name, tmp_path / "out", Budget(seeds=1), fast=True))
    assert len(findings.rows) == 2 + len(STRENGTHS)
    assert set(findings.pictures) == set(entry.pictures)
    assert findings.claims == claims(findings.rows)
