"""Mode covering: known values on both sides of the switch, closed forms, claims that can fail."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from saddlepoint.lab import EXPERIMENTS, tables
from saddlepoint.lab.lab_options import LabOptions
from saddlepoint.lab.likelihood import mode_covering as experiment
from saddlepoint.lab.running import carry_out

RESULT = Path(__file__).parents[3] / "docs" / "results" / "mode-covering" / "result.json"


def rows() -> list[dict[str, Any]]:
    findings, _ = tables.read_result(RESULT.read_text(encoding="utf-8"))
    return [dict(row) for row in findings.rows]


@pytest.mark.parametrize("m", [1.0, 2.0, 3.0])
def test_forward_kl_matches_moments(m: float) -> None:
    value, mean, std = experiment.fitted(m, "kl", 0.5 * m, 1.3)
    assert mean == pytest.approx(0, abs=1e-5)
    assert std == pytest.approx(math.sqrt(1 + m * m), abs=1e-5)
    known = {2.0: 0.171999, 3.0: 0.461995}
    assert value == pytest.approx(known.get(m, value), abs=1e-6)
    assert experiment.at_one_mode(m, "kl") is None


@pytest.mark.parametrize(
    ("of", "m", "cover", "mode"),
    [
        ("reverse-kl", 2.75, 0.6477, 0.6825),
        ("reverse-kl", 3.0, 0.8406, 0.6888),
        ("jensen-shannon", 3.0, 0.1284, 0.2141),
        ("jensen-shannon", 4.0, 0.2010, 0.2157),
        ("jensen-shannon", 5.0, 0.2554, 0.2158),
    ],
)
def test_both_candidates_have_the_known_values(
    of: str, m: float, cover: float, mode: float
) -> None:
    assert experiment.covering(m, of)[0] == pytest.approx(cover, abs=5.1e-5)
    found = experiment.at_one_mode(m, of)
    assert found is not None
    assert found[0] == pytest.approx(mode, abs=5.1e-5)
    assert experiment.by_trapezia(of, m, *found[1:]) == pytest.approx(found[0], abs=1e-9)


def test_reverse_kl_at_two_has_one_optimum() -> None:
    assert experiment.at_one_mode(2.0, "reverse-kl") is None
    value, _, std = experiment.covering(2.0, "reverse-kl")
    assert (round(value, 4), round(std, 3)) == (0.2265, 2.047)


def test_claims_are_refuted_by_other_rows() -> None:
    measured = rows()
    assert all(claim.holds for claim in experiment.claims(measured))
    for number, key, change in (
        (0, "cover_std", 1.001),
        (1, "mode", 1.001),
        (2, "cover", 1.001),
        (3, "mode", 1.01),
        (4, "lowest", 0.99),
        (5, "off", 1e12),
    ):
        altered = [row | {key: row[key] and row[key] * change} for row in measured]
        assert not experiment.claims(altered)[number].holds, key
    seeking = [row | {"best": "mode"} for row in measured]
    assert not any(claim.holds for claim in experiment.claims(seeking)[:3])


def test_it_runs_in_its_smallest_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiment, "FEW", (2.75, 3.0))
    monkeypatch.setattr(experiment, "SHOWN", (3.0,))
    monkeypatch.setattr(experiment, "DIVERGENCES", {"kl": "KL", "reverse-kl": "reverse KL"})
    findings = carry_out(EXPERIMENTS["mode-covering"], tmp_path / "out", LabOptions(fast=True))
    assert len(findings.rows) == 5
    assert experiment.switches(findings.rows)["reverse KL"] == pytest.approx(2.80, abs=0.01)
    assert [claim.holds for claim in findings.claims] == [False, True, False, False, True, True]
