"""Two-sample tests: the differences are what they are said to be, claims that can fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from saddlepoint.lab import EXPERIMENTS, Interval, tables
from saddlepoint.lab.lab_options import LabOptions
from saddlepoint.lab.likelihood import two_sample_power as experiment
from saddlepoint.lab.running import carry_out
from saddlepoint.two_sample.kinds import TWO_SAMPLE_TESTS

RESULT = Path(__file__).parents[3] / "docs" / "results" / "two-sample" / "result.json"


def rows() -> list[dict[str, Any]]:
    findings, _ = tables.read_result(RESULT.read_text(encoding="utf-8"))
    return [dict(row) for row in findings.rows]


def test_two_modes_have_the_moments_of_the_normal_law() -> None:
    y = experiment.DIFFERENCES[experiment.SHAPE](400_000, np.random.default_rng(0))
    moments = [(y**power).mean() for power in (1, 2, 3)]
    assert moments == pytest.approx([0, 1, 0], abs=0.01)
    a, variance = experiment.MODES_AT, experiment.MODES_STD**2
    fourth = a**4 + 6 * a**2 * variance + 3 * variance**2
    assert (y**4).mean() == pytest.approx(fourth, rel=0.01)
    assert fourth < 2  # and 3 of the normal law


def changed(measured: list[dict[str, Any]], name: str, test: str, value: float) -> Any:
    share = Interval(value, value, value)
    sizes = {f"n{n}": share for n in experiment.SIZES}
    return [
        row | sizes if (row["difference"], row["test"]) == (name, test) else row for row in measured
    ]


def test_claims_turn_with_the_rows() -> None:
    """Every claim holds for some rows and fails for others."""
    measured = rows()
    for number, name, test, holding, failing in (
        (0, experiment.NULL, "energy", 0.0, 0.08),
        (2, experiment.SHAPE, experiment.NEIGHBOURS, 1.0, 0.0),
        (4, experiment.SHIFT, "classifier", -0.1, 1.0),
        (5, experiment.SPREAD, "kolmogorov smirnov", -0.1, 1.0),
    ):
        made = [
            experiment.claims(changed(measured, name, test, value))[number].holds
            for value in (holding, failing)
        ]
        assert made == [True, False], number
    blind, seeing = measured, measured
    for test in ("mmd cubic", "classifier"):
        blind = changed(blind, experiment.SHAPE, test, 0.05)
    for test in ("mmd", "nearest neighbour", "kolmogorov smirnov"):
        seeing = changed(seeing, experiment.SHAPE, test, 0.9)
    assert experiment.claims(blind)[1].holds
    assert not experiment.claims(changed(blind, experiment.SHAPE, "classifier", 0.2))[1].holds
    assert experiment.claims(seeing)[3].holds
    assert not experiment.claims(changed(seeing, experiment.SHAPE, "mmd", 0.7))[3].holds


def test_it_runs_in_its_smallest_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiment, "FEW_TRIES", 2)
    options = LabOptions(fast=True, seeds=1)
    findings = carry_out(EXPERIMENTS["two-sample"], tmp_path / "out", options)
    assert len(findings.rows) == len(experiment.DIFFERENCES) * (len(TWO_SAMPLE_TESTS) + 1)
    assert {row["tries"] for row in findings.rows} == {2}
    assert len(findings.claims) == 6
