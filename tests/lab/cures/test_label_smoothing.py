"""Label smoothing: D* and its push in closed form, and claims that other rows refute."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from saddlepoint.lab import EXPERIMENTS, PerSeed
from saddlepoint.lab.bench import Bench, Budget
from saddlepoint.lab.cures import label_smoothing
from saddlepoint.lab.cures.label_smoothing import (
    ALL,
    BOTH,
    FAKES_ALONE,
    ONE_SIDED,
    PLACES,
    PLAIN,
    Targets,
    claims,
    optimum,
    peaks,
    push,
    row,
)


def rows() -> list[dict]:
    trained = {"off": 0.01, "learned": 0.0, "learned_push": -4.0}
    made = []
    for targets in ALL:
        here = trained | {"learned_push": -0.1 if targets.fake else -4.0}
        made.append(row(targets, [None if targets == BOTH else here] * 3))
    return made


@pytest.mark.parametrize("targets", ALL, ids=lambda t: t.name)
def test_the_optimum_minimises_the_smoothed_cost(targets: Targets) -> None:
    """D* against a search over D of −αp log D − (1−α)p log(1−D) − βq log D − (1−β)q log(1−D)."""
    x = np.array([-4.0, -2.0, 0.0, 2.5])
    p = (norm.pdf(x, -4) + norm.pdf(x, 0)) / 2
    q = (norm.pdf(x, 0) + norm.pdf(x, 5)) / 2
    tried = np.linspace(1e-4, 1 - 1e-4, 9999)[:, None]
    yes, no = targets.real * p + targets.fake * q, (1 - targets.real) * p + (1 - targets.fake) * q
    best = tried[(-yes * np.log(tried) - no * np.log1p(-tried)).argmin(axis=0), 0]
    assert optimum(targets, x) == pytest.approx(best, abs=2e-4)


@pytest.mark.parametrize("targets", ALL, ids=lambda t: t.name)
def test_the_push_is_the_slope_of_log_d(targets: Targets) -> None:
    h = 1e-5
    slope = np.log(optimum(targets, PLACES + h)) - np.log(optimum(targets, PLACES - h))
    assert push(targets, PLACES) == pytest.approx(slope / (2 * h), abs=1e-6)


def test_the_push_without_smoothed_fakes_is_the_same_to_rounding() -> None:
    assert push(ONE_SIDED, PLACES) == pytest.approx(push(PLAIN, PLACES), rel=1e-9)
    assert abs(push(FAKES_ALONE, PLACES[-20:])).max() < 1e-3


def test_peaks_are_counted() -> None:
    assert peaks(np.array([0.0, 1.0, 0.0, 2.0, 0.0])) == 2
    assert peaks(np.array([2.0, 1.0, 0.0])) == 0


def test_claims_are_refuted_by_other_rows() -> None:
    measured = rows()
    held = [claim.holds for claim in claims(measured)]
    assert held == [True, True, True, True, False, True]  # the tutorial's peak is not there
    for which, key, value, number in (
        (1, "highest", 0.95, 0),
        (1, "same_way", 0.99, 0),
        (1, "push", -4.0, 1),
        (2, "at_stray", 0.0, 2),
        (2, "push", -1.0, 3),
        (2, "learned_push", PerSeed((-0.1, -0.1, -1.0)), 3),
        (2, "peaks", 1, 4),
        (0, "off", PerSeed((0.01, 0.06, 0.01)), 5),
    ):
        altered = [dict(r) for r in measured]
        altered[which][key] = value
        others = [claim.holds for claim in claims(altered)]
        assert [n for n in range(6) if others[n] != held[n]] == [number], key


def test_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_smoothing, "STEPS", (20, 20))
    monkeypatch.setattr(label_smoothing, "POINTS", 500)
    entry = EXPERIMENTS["label-smoothing"]
    bench = Bench(entry.name, tmp_path / "out", Budget(seeds=2), fast=True)
    findings = entry.function(bench)
    assert len(findings.rows) == 4
    assert set(findings.pictures) == set(entry.pictures)
    assert "peak" in findings.reading
    assert findings.claims == claims(findings.rows)
