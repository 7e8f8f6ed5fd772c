"""The earth mover's programme: its layout, the slide's piles, claims that can fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from saddlepoint.lab import EXPERIMENTS, PerSeed, tables
from saddlepoint.lab.lab_options import LabOptions
from saddlepoint.lab.likelihood import earth_mover_lp as experiment
from saddlepoint.lab.running import carry_out

RESULT = Path(__file__).parents[3] / "docs" / "results" / "earth-mover-lp" / "result.json"


def rows() -> list[dict[str, Any]]:
    findings, _ = tables.read_result(RESULT.read_text(encoding="utf-8"))
    return [dict(row) for row in findings.rows]


@pytest.mark.parametrize("name", experiment.PILES)
def test_the_piles_take_five(name: str) -> None:
    """On a line the work is also the sum of what has to cross each gap."""
    before, after, _ = experiment.piles(name)
    assert np.abs(np.cumsum(before - after)[:-1]).tolist() in ([2, 2, 1], [2, 2, 1])
    found = experiment.solved(*experiment.piles(name))
    assert found["value"] == pytest.approx(5, abs=1e-9)
    assert found["dual"] == pytest.approx(5, abs=1e-9)
    assert (found["size"], found["rank"]) == ("8 × 16", 7)


@pytest.mark.parametrize("name", experiment.SIZES)
def test_random_problems_are_solved_alike(name: str) -> None:
    found = experiment.solved(*experiment.random_problem(name, 3))
    n, m = experiment.SIZES[name]
    assert found["size"] == f"{n + m} × {n * m}"
    assert found["rank"] == n + m - 1
    assert abs(found["difference"]) < 1e-8
    assert found["certified"] == 1
    assert (found["lipschitz"] is None) == (name == experiment.COSTS)


def test_claims_are_refuted_by_other_rows() -> None:
    measured = rows()
    assert all(claim.holds for claim in experiment.claims(measured))
    wrong = {
        0: {"value": PerSeed((5.1,))},
        1: {"gap": PerSeed((1e-7,))},
        2: {"difference": PerSeed((1e-7,))},
        3: {"lipschitz": PerSeed((1.001,))},
        4: {"rank": 8},
    }
    for number, change in wrong.items():
        altered = [row | change for row in measured]
        assert not experiment.claims(altered)[number].holds, number
    for change in ({"excess": PerSeed((1e-7,))}, {"certified": 0}):
        altered = [row | change for row in measured]
        assert not experiment.claims(altered)[3].holds


def test_it_runs_in_its_smallest_form(tmp_path: Path) -> None:
    options = LabOptions(fast=True, seeds=1)
    findings = carry_out(EXPERIMENTS["earth-mover-lp"], tmp_path / "out", options)
    assert len(findings.rows) == 5
    assert all(claim.holds for claim in findings.claims)
    assert (tmp_path / "out/programme.png").stat().st_size > 10_000
