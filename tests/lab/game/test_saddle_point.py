"""Saddle points: the Jacobians by hand, who reaches which point, and claims that can fail."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from saddlepoint.lab import EXPERIMENTS, PerSeed
from saddlepoint.lab.game.saddle_point import MODES, REACHES, SURFACES, claims, ends, orbit, row
from saddlepoint.lab.lab_options import LabOptions
from saddlepoint.lab.running import carry_out


def found() -> list[dict[str, Any]]:
    seeds = [ends(seed) for seed in (0, 1)]
    return [dict(row(function, mode, seeds)) for function in SURFACES for mode in MODES]


def test_moduli_are_those_of_the_eigenvalues() -> None:
    moduli = [r["modulus"] for r in found()]
    spiral = math.hypot(1 - 0.1, 0.2)
    expected = [0.8, 1.2, 1.2, 0.8, 1.1, math.sqrt(1.01), 1 + 0.1 * math.sqrt(5), spiral]
    assert moduli == pytest.approx(expected, abs=1e-12)
    words = [r["eigenvalues"] for r in found()]
    assert words[:6] == ["2, 2", "−2, 2", "−2, 2", "2, 2", "−1, 1", "±i"]
    assert words[7] == "1 ± 2i"


def test_a_step_contracts_exactly_where_the_point_is_reached() -> None:
    for function in SURFACES:
        for mode in MODES:
            assert (function.moduli(mode) < 1) == REACHES[function.formula, mode]
    (bowl, *_) = SURFACES
    way = orbit(bowl, "minimised", (1.0, 0.0), 3)
    assert way == pytest.approx(np.array([[0.8**n, 0.0] for n in range(4)]))


@pytest.mark.parametrize(
    ("which", "changes", "numbers"),
    [
        (0, {"deviation": 1e-3}, [0]),
        (0, {"end": PerSeed((0.0, 1.0))}, [1]),
        (2, {"end": PerSeed((5.0, 0.5))}, [2]),
        (3, {"end": PerSeed((0.5, 0.5))}, [1, 2]),
        (5, {"end": PerSeed((1.0, 1.0))}, [3]),
    ],
)
def test_claims_fail_when_the_rows_are_others(
    which: int, changes: dict, numbers: list[int]
) -> None:
    rows = found()
    assert all(claim.holds for claim in claims(rows))
    rows[which] |= changes
    assert [n for n, claim in enumerate(claims(rows)) if not claim.holds] == numbers


def test_the_smallest_form_runs_to_its_end(tmp_path: Path) -> None:
    findings = carry_out(EXPERIMENTS["saddle-point"], tmp_path / "out", LabOptions(seeds=1))
    assert len(findings.rows) == 8
    assert list(findings.claims) == claims(findings.rows)
    assert "±i" in findings.reading
    assert (tmp_path / "out/surfaces.png").is_file()
