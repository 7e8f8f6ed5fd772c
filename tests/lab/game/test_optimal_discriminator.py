"""The best discriminator: its value at known distances, and claims that can fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from saddlepoint.lab import EXPERIMENTS, PerSeed
from saddlepoint.lab.game import optimal_discriminator
from saddlepoint.lab.game.optimal_discriminator import (
    DISTANCES,
    best_value,
    claims,
    learn,
    predicted_value,
    row,
)
from saddlepoint.lab.lab_options import LabOptions
from saddlepoint.lab.running import carry_out

KNOWN = {0.5: -1.325672, 1.0: -1.163451, 2.0: -0.712633, 3.0: -0.332740, 4.0: -0.120854}


@pytest.mark.parametrize("theta", KNOWN)
def test_the_value_at_the_best_discriminator_is_the_known_one(theta: float) -> None:
    assert best_value(theta) == pytest.approx(KNOWN[theta], abs=2e-6)
    assert predicted_value(theta) == pytest.approx(KNOWN[theta], abs=2e-6)


def test_a_discriminator_learns_which_way_the_data_lie() -> None:
    found = learn(1.0, 0, 150)
    assert found["mean_error"] < 0.05
    assert found["uphill"] > 0.9
    assert len(found["curve"]) == len(optimal_discriminator.SHOWN)


def perfect(theta: float) -> dict[str, Any]:
    """The row of two seeds that learned the best discriminator."""
    seed = {
        "learned": predicted_value(theta),
        "mean_error": 0.0,
        "largest_error": 0.0,
        "uphill": 1.0,
        "flat_learned": 0.1,
        "steep_learned": 1.0,
    }
    return dict(row(theta, [seed, seed]))


@pytest.mark.parametrize(
    ("changes", "number"),
    [
        ({"value": -1.0}, 0),
        ({"mean_error": PerSeed((0.0, 0.03))}, 1),
        ({"learned": PerSeed((-0.1, -0.712633))}, 2),
        ({"uphill": PerSeed((1.0, 0.9))}, 3),
    ],
)
def test_claims_fail_when_the_rows_are_others(changes: dict, number: int) -> None:
    rows = [perfect(theta) for theta in DISTANCES]
    assert all(claim.holds for claim in claims(rows))
    rows[2] |= changes
    assert [n for n, claim in enumerate(claims(rows)) if not claim.holds] == [number]


def test_the_smallest_form_runs_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimal_discriminator, "STEPS", 3)
    monkeypatch.setattr(optimal_discriminator, "EXAMPLES", 200)
    options = LabOptions(seeds=1)
    findings = carry_out(EXPERIMENTS["optimal-discriminator"], tmp_path / "out", options)
    assert [r["theta"] for r in findings.rows] == list(DISTANCES)
    assert list(findings.claims) == claims(findings.rows)
    assert (tmp_path / "out/discriminators.png").is_file()
