"""Parallel lines: the known divergences, what a critic's gradient is, claims that can fail."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from saddlepoint.lab import EXPERIMENTS, PerSeed, tables
from saddlepoint.lab.lab_options import LabOptions
from saddlepoint.lab.likelihood import parallel_lines as experiment
from saddlepoint.lab.running import carry_out

RESULT = Path(__file__).parents[3] / "docs" / "results" / "parallel-lines" / "result.json"


def rows() -> list[dict[str, Any]]:
    findings, _ = tables.read_result(RESULT.read_text(encoding="utf-8"))
    return [dict(row) for row in findings.rows]


@pytest.mark.parametrize("theta", [-1.0, 0.01, 0.5])
def test_apart_only_the_distance_says_how_far(theta: float) -> None:
    row = experiment.exact(theta)
    assert (row["kl"], row["reverse"]) == ("∞", "∞")
    assert row["jsd"] == pytest.approx(math.log(2), abs=1e-12)
    assert row["tv"] == pytest.approx(1, abs=1e-12)
    assert row["w"] == pytest.approx(abs(theta), abs=1e-9)


def test_the_same_line_has_no_distance() -> None:
    row = experiment.exact(0.0)
    assert (row["kl"], row["reverse"]) == ("0.000000", "0.000000")
    assert (row["jsd"], row["tv"], row["w"]) == (0, 0, 0)


def test_claims_are_refuted_by_other_rows() -> None:
    measured = rows()
    made = experiment.claims(measured)
    changes: tuple[tuple[int, dict[str, Any]], ...] = (
        (0, {"jsd": 0.69}),
        (0, {"kl": "7.000000"}),
        (1, {"w": 0.3}),
        (2, {"end": PerSeed((0.0, 0.11))}),
        (3, {"gradient": PerSeed((0.06,))}),
        (4, {"end": PerSeed((1.0, 0.4))}),
        (5, {"gradient": PerSeed((0.9, 5.0))}),
    )
    for number, change in changes:
        assert made[number].holds, number
        altered = [row | change for row in measured]
        assert not experiment.claims(altered)[number].holds, number
    stuck = [row | {"end": PerSeed((0.9, -0.8))} for row in measured]
    assert experiment.claims(stuck)[6].holds
    assert not made[6].holds


def test_it_runs_in_its_smallest_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiment, "FEW_TURNS", 12)
    monkeypatch.setattr(experiment, "BEFORE", 30)
    options = LabOptions(fast=True, seeds=1)
    findings = carry_out(EXPERIMENTS["parallel-lines"], tmp_path / "out", options)
    assert [row["what"] for row in findings.rows[-3:]] == list(experiment.METHODS)
    assert len(findings.claims) == 7
    once = experiment.trained(experiment.WGAN_GP, 0, 3)
    assert once == experiment.trained(experiment.WGAN_GP, 0, 3)
    assert np.diff(once["path"]) == pytest.approx(
        [-0.02 * (1 - i / 3) * g for i, g in enumerate(once["gradients"])], abs=1e-6
    )
