"""Maps and generators: inverses, Jacobians, exact smoothing, claims that can fail."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from saddlepoint.lab import EXPERIMENTS, PerSeed, tables
from saddlepoint.lab.lab_options import LabOptions
from saddlepoint.lab.likelihood import transformation as experiment
from saddlepoint.lab.likelihood.known_maps import MAPS, chi_squared, cumulative, masses, whole
from saddlepoint.lab.running import carry_out

RESULT = Path(__file__).parents[3] / "docs" / "results" / "transformation" / "result.json"


def rows() -> list[dict[str, Any]]:
    findings, _ = tables.read_result(RESULT.read_text(encoding="utf-8"))
    return [dict(row) for row in findings.rows]


@pytest.mark.parametrize("name", MAPS)
def test_a_map_has_its_inverse_and_its_jacobian(name: str) -> None:
    one = MAPS[name]
    d = len(one.limits)
    x = np.random.default_rng(0).normal(size=(50, d))
    y = one.forward(x)
    assert one.inverse(y) == pytest.approx(x, abs=1e-8)
    step = 1e-6
    slopes = [
        (one.inverse(y + step * e) - one.inverse(y - step * e)) / (2 * step) for e in np.eye(d)
    ]
    determinant = np.linalg.det(np.stack(slopes, axis=2))
    assert one.log_slope(y) == pytest.approx(np.log(np.abs(determinant)), abs=1e-5)
    assert whole(name)["integral"] == pytest.approx(1, abs=1e-5)


def test_cells_and_cumulative_are_those_of_the_normal_law() -> None:
    """P(y ≤ t) = Φ(f⁻¹(t)), which needs no Jacobian."""
    from scipy.stats import norm

    for name in ("softplus(x)", "exp(x/2)"):
        t = np.linspace(0.3, 3, 7)
        exact = norm.cdf(MAPS[name].inverse(t[:, None])[:, 0])
        assert cumulative(name, t) == pytest.approx(exact, abs=1e-7)
        ((low, high),) = MAPS[name].limits
        edges = np.linspace(low, high, len(masses(name)) + 1)
        upper = norm.cdf(MAPS[name].inverse(edges[1:, None])[:, 0])
        assert np.cumsum(masses(name)) == pytest.approx(upper, abs=1e-5)


def test_chi_squared_puts_rare_cells_together() -> None:
    shares = np.array([0.5, 0.4996, 0.0002, 0.0002])
    fits = np.array([500.0, 499.0, 1.0, 0.0])
    assert chi_squared(fits, shares) > 0.5
    assert chi_squared(np.array([600.0, 399.0, 1.0, 0.0]), shares) < 1e-8


def test_smoothing_is_exact_for_a_straight_line() -> None:
    """G(z) = (z, 0) with N(0, h²I) added is a Gaussian of variances 1 + h² and h²."""
    h = experiment.BANDWIDTH
    points = np.array([[0.0, 0.0], [1.0, 0.1], [-2.0, 0.3]])
    found = experiment.smoothed_exactly(lambda z: np.concatenate([z, 0 * z], axis=1), points)
    squares = points[:, 0] ** 2 / (1 + h * h) + points[:, 1] ** 2 / (h * h)
    exact = -squares / 2 - math.log(2 * math.pi) - math.log(h * math.sqrt(1 + h * h))
    assert found == pytest.approx(exact, abs=1e-9)


def test_claims_are_refuted_by_other_rows() -> None:
    measured = rows()
    made = experiment.claims(measured)
    changes: tuple[tuple[int, dict[str, Any]], ...] = (
        (0, {"chi": PerSeed((1e-9, 0.5))}),
        (0, {"integral": 1.001}),
        (1, {"plain": 1.01}),
        (1, {"wrong": PerSeed((0.01,))}),
        (2, {"off": PerSeed((0.1,))}),
        (3, {"rise": PerSeed((0.1,))}),
        (4, {"rise": PerSeed((0.6,))}),
    )
    for number, change in changes:
        assert made[number].holds, number
        altered = [
            row | {k: v for k, v in change.items() if row[k] is not None} for row in measured
        ]
        assert not experiment.claims(altered)[number].holds, number


def test_it_runs_in_its_smallest_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiment, "SIZES", (100, 1000))
    monkeypatch.setattr(experiment, "HALVED", (0.2, 0.1))
    monkeypatch.setattr(experiment, "MANY", 20_000)
    monkeypatch.setattr(experiment, "FRESH", 200)
    options = LabOptions(fast=True, seeds=1)
    findings = carry_out(EXPERIMENTS["transformation"], tmp_path / "out", options)
    assert len(findings.rows) == 7
    assert len(findings.claims) == 5
