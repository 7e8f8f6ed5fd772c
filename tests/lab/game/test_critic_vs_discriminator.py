"""GAN against WGAN: what the best judges say, the penalised optimum, claims that can fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from saddlepoint.lab import EXPERIMENTS, PerSeed
from saddlepoint.lab.game import critic_vs_discriminator
from saddlepoint.lab.game.critic_vs_discriminator import (
    DISTANCES,
    KINDS,
    best,
    claims,
    penalised_slope,
    row,
    straightness,
    stretch,
)
from saddlepoint.lab.lab_options import LabOptions
from saddlepoint.lab.running import carry_out

#: 2 dJSD/dθ = E θ D*(fake), of which the slope of D* is a further factor 1 − D* below.
TWICE_JSD = {2.0: 0.449600, 4.0: 0.137195, 8.0: 0.000393}


def test_the_best_judges() -> None:
    for theta in DISTANCES:
        assert best(theta, "logit") == (theta, 1.0)
        slope, straight = best(theta, "discriminator")
        assert slope is not None
        assert straight is not None
        assert slope < TWICE_JSD[theta]
        assert straight < 1.0
    assert best(2.0, "clipped") == (None, None)


def test_the_penalised_optimum_is_steeper_than_one_where_mass_must_pass() -> None:
    x, slope = penalised_slope(8.0)
    middle = slope[np.abs(x - 4.0) < 0.5]
    assert middle == pytest.approx(np.full(len(middle), 1 + 8.0 / 20), abs=0.02)
    for theta in DISTANCES:
        assert penalised_slope(theta)[1].min() > 1 - 1e-9


def test_straightness_is_one_of_a_line_alone() -> None:
    x = stretch(2.0)
    assert straightness((3 - 2 * x).tolist(), 2.0) == pytest.approx(1.0)
    assert straightness((x**2).tolist(), 2.0) < 0.9


def found() -> list[dict[str, Any]]:
    """Rows of two seeds that learned the best judges."""
    rows = []
    for theta in DISTANCES:
        for kind in KINDS:
            exact = best(theta, kind)[0]
            seed = {
                kind: {
                    "slope": exact or 1.0,
                    "along": (-stretch(theta)).tolist(),
                    "begins": None if kind == "discriminator" else 0.1,
                }
            }
            rows.append(dict(row(theta, kind, [seed, seed])))
    return rows


@pytest.mark.parametrize(
    ("theta", "kind", "changes", "number"),
    [
        (8.0, "discriminator", {"slope": PerSeed((0.0, 0.1))}, 0),
        (4.0, "logit", {"learned_straight": PerSeed((1.0, 0.8))}, 1),
        (4.0, "penalised", {"learned_straight": PerSeed((1.0, 0.8))}, 2),
        (2.0, "penalised", {"slope": PerSeed((1.1, 0.6))}, 3),
        (2.0, "clipped", {"learned_straight": PerSeed((1.0, 0.8))}, 4),
        (2.0, "penalised_line", {"begins": PerSeed((0.1, -0.1))}, 5),
    ],
)
def test_claims_fail_when_the_rows_are_others(
    theta: float, kind: str, changes: dict, number: int
) -> None:
    rows = found()
    assert all(claim.holds for claim in claims(rows))
    (one,) = (r for r in rows if (r["theta"], r["judge"]) == (theta, KINDS[kind]))
    one |= changes
    assert [n for n, claim in enumerate(claims(rows)) if not claim.holds] == [number]


def test_the_smallest_form_runs_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"STEPS": 2, "EXAMPLES": 200, "FAKES": 50}.items():
        monkeypatch.setattr(critic_vs_discriminator, name, value)
    options = LabOptions(seeds=1)
    findings = carry_out(EXPERIMENTS["critic-vs-discriminator"], tmp_path / "out", options)
    assert len(findings.rows) == len(DISTANCES) * len(KINDS)
    assert list(findings.claims) == claims(findings.rows)
    assert (tmp_path / "out/judges.png").is_file()
