"""The critic's estimate over a training: correlations by hand, claims that can fail, a tiny run."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kit.outcomes import quickly
from saddlepoint.lab import EXPERIMENTS, Interval, PerSeed
from saddlepoint.lab.bench import Budget, Trained
from saddlepoint.lab.game import wasserstein_tracks_quality as module
from saddlepoint.lab.lab_options import LabOptions
from saddlepoint.lab.over_time import figures
from saddlepoint.lab.running import carry_out


def cell(game: str, setting: str, estimates: list, distances: list) -> Trained:
    steps = [10, 20, 30, 40]
    made = figures(
        {"estimate": (steps, np.array(estimates)), "distance": (steps, np.array(distances))}
    )
    return Trained(f"{game} / {setting}", 40, 1.0, "cpu", "a processor", made)


def rows() -> list:
    """Rows of a world in which the lecture is right."""
    falling = [[4.0, 4.1, 4.2], [3.0, 3.1, 2.9], [2.0, 1.9, 2.5], [1.0, 1.1, 0.9]]
    better = [[0.8, 0.7, 0.9], [0.5, 0.6, 0.6], [0.3, 0.2, 0.3], [0.1, 0.1, 0.2]]
    bad = [[1.0, 1.1, 1.0], [1.0, 1.2, 0.9], [1.1, 1.0, 1.0], [1.0, 1.1, 1.0]]
    large = [[9.0, 9.1, 9.2], [8.0, 9.5, 9.1], [9.4, 9.2, 8.8], [9.0, 9.1, 9.0]]
    stuck = [[0.65, 0.66, 0.67], [0.68, 0.67, 0.66], [0.66, 0.69, 0.69], [0.69, 0.65, 0.65]]
    made = []
    for setting in ("MLP", "DCGAN"):
        made.append(module.row("WGAN-GP", setting, [cell("WGAN-GP", setting, falling, better)]))
        made.append(module.row("GAN", setting, [cell("GAN", setting, stuck, better)]))
    made.append(
        module.row("WGAN-GP", module.FAILING, [cell("WGAN-GP", module.FAILING, large, bad)])
    )
    return made


def test_a_correlation_is_of_ranks_and_none_where_one_stands_still():
    rising = np.array([1.0, 2.0, 3.0, 10.0])
    assert module.correlation(rising, rising**3) == pytest.approx(1)
    assert module.correlation(rising, -rising) == pytest.approx(-1)
    # one swap of neighbours among four: 1 − 6·2/(4·15)
    assert module.correlation(rising, rising[[1, 0, 2, 3]]) == pytest.approx(0.8)
    assert math.isnan(module.correlation(rising, np.ones(4)))
    assert module.correlation(np.append(rising, 0), np.append(rising, np.nan)) == pytest.approx(1)


def test_the_lecture_holds_in_a_world_made_for_it():
    made = module.claims(rows())
    assert len(made) == 8
    assert all(claim.holds for claim in made), [claim for claim in made if not claim.holds]
    assert module.claims([]) == []


@pytest.mark.parametrize(
    ("number", "key", "value"),
    [
        (0, "interval", Interval(0.4, -0.1, 0.9)),
        (0, "interval", None),
        (1, "interval", Interval(0.9, 0.8, 1.0)),
        (1, "log2", PerSeed((0.5, 0.5, 0.5))),
        (4, "last_distance", PerSeed((0.1, 0.1, 0.2))),
        (4, "last", PerSeed((1.0, 0.9, 1.2))),
    ],
)
def test_each_claim_fails_when_the_evidence_is_another(number: int, key: str, value):
    made = rows()
    made[number] = {**made[number], key: value}
    assert [claim.holds for claim in module.claims(made)].count(False) == 1


def test_it_runs_from_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "CHECKPOINTS", 4)
    monkeypatch.setattr(module, "SAMPLES", 40)
    tiny = replace(
        EXPERIMENTS["wasserstein-tracks-quality"], full=Budget(seeds=2, steps=8, seconds=1)
    )
    with quickly():
        findings = carry_out(tiny, tmp_path / "out", LabOptions(at_once=1))
    assert [(r["game"], r["setting"]) for r in findings.rows] == [
        (game, setting) for game in module.GAMES for setting in module.SETTINGS
    ]
    for r in findings.rows:
        assert isinstance(r["last_distance"], PerSeed)
        assert len(r["last_distance"].finite) == 2
        assert (r["log2"] is None) == (r["game"] == "WGAN-GP")
    (control,) = findings.controls
    assert isinstance(control["last_distance"], PerSeed)
    assert list(findings.claims) == module.claims(findings.rows)
    assert findings.reading.count("samples") == len(findings.rows)
    for name in ("curves", "samples"):
        assert (tmp_path / "out" / f"{name}.png").stat().st_size > 10_000
