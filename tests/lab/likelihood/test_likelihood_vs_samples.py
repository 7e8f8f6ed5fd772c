"""Likelihood against samples: the exact bound, what small windows tend to, claims that can fail."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from saddlepoint.lab import EXPERIMENTS, PerSeed, tables
from saddlepoint.lab.lab_options import LabOptions
from saddlepoint.lab.likelihood import likelihood_vs_samples as experiment
from saddlepoint.lab.running import carry_out

RESULT = Path(__file__).parents[3] / "docs" / "results" / "likelihood-vs-samples" / "result.json"


def rows() -> list[dict[str, Any]]:
    findings, _ = tables.read_result(RESULT.read_text(encoding="utf-8"))
    return [dict(row) for row in findings.rows]


@pytest.fixture(scope="module")
def digits() -> experiment.Digits:
    return experiment.Digits(7)


def test_no_image_loses_more_than_log_100(digits: experiment.Digits) -> None:
    logs = digits.log_densities()
    loss = logs[experiment.P] - logs[experiment.MOSTLY_NOISE]
    assert loss.max() <= 4.60517018599 + 1e-9
    likely = logs[experiment.P] > 30
    assert likely.sum() > 300
    assert loss[likely] == pytest.approx(math.log(100), abs=1e-6)


def test_windows_tend_to_the_distance_of_the_nearest_image(digits: experiment.Digits) -> None:
    """The log of a sum lies between its largest term and that times n."""
    width, n = experiment.TINY, len(digits.train)
    (log,) = experiment.windowed(digits.train, digits.test, [width])
    squares = ((digits.test[:, None] - digits.train[None]) ** 2).sum(2).min(1)
    largest = -squares / (2 * width**2) - 32 * math.log(2 * math.pi * width**2) - math.log(n)
    assert (log >= largest * (1 + 1e-9)).all()
    assert (log <= largest + math.log(n) + 1e-4).all()


def test_the_split_and_the_samples_are_what_they_should_be(digits: experiment.Digits) -> None:
    assert [len(x) for x in (digits.train, digits.held_out, digits.test)] == [1000, 398, 399]
    assert digits.train.min() >= 0
    assert digits.train.max() < 1
    near = digits.samples[experiment.copies(experiment.TINY)]
    distances = np.sqrt(((near[:, None] - digits.train[None]) ** 2).sum(2).min(1))
    assert distances == pytest.approx(8 * experiment.TINY, rel=0.5)


def test_claims_are_refuted_by_other_rows() -> None:
    measured = rows()
    before = [claim.holds for claim in experiment.claims(measured)]
    assert before[:4] == [True] * 4
    for number, name, key, value in (
        (0, experiment.MOSTLY_NOISE, "largest", 4.6052),
        (1, experiment.MOSTLY_NOISE, "kernel", 0.3),
        (1, experiment.MOSTLY_NOISE, "precision", 0.06),
        (2, experiment.copies(0.01), "likelihood", 0.0),
        (2, experiment.copies(experiment.TINY), "likelihood", -9e4),
        (3, experiment.copies(experiment.TINY), "memorised", 0.99),
        (3, experiment.P, "precision", 1.0),
    ):
        seeds = PerSeed((value,) * 5)
        altered = [row | {key: seeds} if row["model"] == name else row for row in measured]
        assert not experiment.claims(altered)[number].holds, (name, key)
    far = PerSeed((1.0,) * 5)
    altered = [row | {"kernel": far} if row["model"] == experiment.P else row for row in measured]
    assert experiment.claims(altered)[4].holds


def test_it_runs_in_its_smallest_form(tmp_path: Path) -> None:
    options = LabOptions(fast=True, seeds=1)
    findings = carry_out(EXPERIMENTS["likelihood-vs-samples"], tmp_path / "out", options)
    assert len(findings.rows) == 3 + len(experiment.WIDTHS)
    assert [row["model"] for row in findings.controls] == [experiment.REAL]
    assert (tmp_path / "out/samples.png").stat().st_size > 10_000
