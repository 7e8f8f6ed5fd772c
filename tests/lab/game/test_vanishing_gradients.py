"""Vanishing gradients: known exact figures, a critic of known slope, claims that can fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from saddlepoint.lab import EXPERIMENTS, PerSeed
from saddlepoint.lab.game import generator_gradients
from saddlepoint.lab.game.generator_gradients import Told, between_gaussians, looks
from saddlepoint.lab.game.vanishing_gradients import (
    DISTANCES,
    GAMES,
    LEARNED,
    claims,
    exact_noise,
    row,
)
from saddlepoint.lab.lab_options import LabOptions
from saddlepoint.lab.running import carry_out

PLACES = (1, 10, 1000)
TOLD: Told = {
    "minimax": {"mean": [0.5, 1.0, 1e-4], "noise": [0.1, 0.1, 1e-4]},
    "non_saturating": {"mean": [0.5, 1.0, 8.0], "noise": [0.1, 0.1, 0.5]},
    "wasserstein": {"mean": [0.5, 1.0, 1.0], "noise": [0.0, 0.0, 0.0]},
}


def found() -> list[dict[str, Any]]:
    """Rows of two seeds that bear out the lecture."""
    line = {8.0: [TOLD] * 2}
    rows = [row(f"θ = {t:g}", g, t, line.get(t), PLACES) for t in DISTANCES for g in GAMES]
    rows += [row("digits, at 100%", game, None, [TOLD] * 2, PLACES) for game in LEARNED]
    return [dict(r) for r in rows]


def test_the_exact_noise_is_one_for_two_costs_whose_slopes_add_to_one() -> None:
    for theta in (1.0, 4.0, 8.0):
        noises = [exact_noise(game, theta) for game in ("minimax", "non_saturating")]
        assert noises[0] == pytest.approx(noises[1], rel=1e-6), "θD and θ(1 − D)"
    assert exact_noise("non_saturating", 8.0) == pytest.approx(0.0396, abs=1e-4)
    assert exact_noise("wasserstein", 2.0) == 0.0
    assert exact_noise("maximum_likelihood", 2.0) is None


def test_critics_are_looked_at_up_to_the_last_update(monkeypatch: pytest.MonkeyPatch) -> None:
    assert looks(1000) == [1, 3, 10, 30, 100, 300, 1000]
    assert looks(20) == [1, 3, 10, 20]
    monkeypatch.setattr(generator_gradients, "EXAMPLES", 500)
    monkeypatch.setattr(generator_gradients, "FAKES", 50)
    told = between_gaussians(8.0, 0, 5)
    assert set(told) == set(LEARNED)
    for curves in told.values():
        assert [len(curves[which]) for which in ("mean", "noise")] == [3, 3]


@pytest.mark.parametrize(
    ("setting", "game", "changes", "number"),
    [
        ("θ = 2", "minimax", {"deviation": 1e-3}, 0),
        ("θ = 8", "minimax", {"exact": 0.4}, 1),
        ("θ = 8", "minimax", {"last": PerSeed((1e-4, 0.5))}, 2),
        ("θ = 8", "non_saturating", {"last": PerSeed((8.0, 0.5))}, 3),
        ("θ = 8", "non_saturating", {"noise_last": PerSeed((0.5, 0.05))}, 4),
        ("θ = 8", "wasserstein", {"last": PerSeed((1.0, 0.05))}, 5),
        ("digits, at 100%", "minimax", {"last": PerSeed((1e-4, None))}, 6),
        ("digits, at 100%", "non_saturating", {"last": PerSeed((8.0, 0.5))}, 7),
        ("digits, at 100%", "non_saturating", {"noise_last": PerSeed((0.5, 0.05))}, 8),
        ("digits, at 100%", "wasserstein", {"last": PerSeed((1.0, 0.05))}, 9),
    ],
)
def test_claims_fail_when_the_rows_are_others(
    setting: str, game: str, changes: dict, number: int
) -> None:
    rows = found()
    assert all(claim.holds for claim in claims(rows))
    (one,) = (r for r in rows if (r["setting"], r["game"]) == (setting, GAMES[game]))
    one |= changes
    assert [n for n, claim in enumerate(claims(rows)) if not claim.holds] == [number]


def test_the_smallest_form_runs_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = {"LOOKS": (1, 2), "EXAMPLES": 200, "FAKES": 20, "TRAINING": 4, "WIDTH": 4, "BATCHES": 2}
    for name, value in small.items():
        monkeypatch.setattr(generator_gradients, name, value)
    options = LabOptions(seeds=1)
    findings = carry_out(EXPERIMENTS["vanishing-gradients"], tmp_path / "out", options)
    assert len(findings.rows) == len(DISTANCES) * len(GAMES) + 3 * len(LEARNED)
    assert list(findings.claims) == claims(findings.rows)
    assert (tmp_path / "out/gradients.png").is_file()
