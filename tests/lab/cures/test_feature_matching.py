"""Feature matching: weights that keep the means, and claims that other rows refute."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from saddlepoint.lab import EXPERIMENTS, PerSeed
from saddlepoint.lab.bench import Bench, Budget
from saddlepoint.lab.cures import feature_matching
from saddlepoint.lab.cures.feature_matching import claims, lopsided, row


def test_weights_keep_the_means_and_favour_the_mode() -> None:
    """On a line, with the mean alone kept at 0, half of the mass can go to the outermost point."""
    x = np.array([[-2.0], [-1.0], [0.0], [1.0], [2.0]])
    weights = lopsided(x, x[:, 0] == 2)
    assert weights == pytest.approx([0.5, 0, 0, 0, 0.5], abs=1e-9)


def test_many_features_leave_few_points() -> None:
    random = np.random.default_rng(0)
    features = random.normal(size=(400, 10))
    features[:, 3] = 1.0  # a unit that is dead
    weights = lopsided(features, np.arange(400) < 50)
    assert weights.sum() == pytest.approx(1)
    assert weights @ features == pytest.approx(features.mean(axis=0), abs=1e-9)
    assert weights[:50].sum() > 0.2
    assert (weights > 1e-12).sum() <= 11


STAGE = {
    "accuracy": 1.0,
    "fakes": 1e-4,
    "minimax": 1e-3,
    "non_saturating": 1.0,
    "matching": 10.0,
    "ratio": 1e4,
    "ratio_ns": 10.0,
    "off": 1e-20,
    "points": 33.0,
    "variation": 0.2,
    "fullest": 0.3,
}


def test_claims_are_refuted_by_other_rows() -> None:
    measured = [row(name, [STAGE] * 3) for name in ("30 updates", "300 updates")]
    assert all(claim.holds for claim in claims(measured))
    for which, key, value, number in (
        (1, "accuracy", 0.98, 0),
        (1, "ratio", 9.0, 1),
        (1, "ratio_ns", 0.9, 2),
        (1, "variation", 0.05, 4),
        (0, "points", 34.0, 3),
    ):
        altered = [dict(r) for r in measured]
        before = measured[which][key].values[0]
        altered[which][key] = PerSeed((before, value, before))
        others = [claim.holds for claim in claims(altered)]
        assert [n for n in range(5) if not others[n]] == [number], key


def test_means_that_differ_refute_both_examples() -> None:
    rows = [row("30 updates", [STAGE | {"off": 1e-8}] * 3)]
    assert [claim.holds for claim in claims(rows)] == [True, True, True, False, False]


def test_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_matching, "UPDATES", {True: (2, 4)})
    monkeypatch.setattr(feature_matching, "POINTS", 400)
    monkeypatch.setattr(feature_matching, "BATCH", 200)
    entry = EXPERIMENTS["feature-matching"]
    findings = entry.function(Bench(entry.name, tmp_path / "out", Budget(seeds=2), fast=True))
    assert [r["critic"] for r in findings.rows] == ["2 updates", "4 updates"]
    assert set(findings.pictures) == set(entry.pictures)
    assert findings.claims == claims(findings.rows)
