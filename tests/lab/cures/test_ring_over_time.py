"""The ring over time: kept once, drawn from what is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit.outcomes import quickly
from saddlepoint.lab import side_by_side
from saddlepoint.lab.bench import Bench, Budget
from saddlepoint.lab.cures import ring_over_time as module
from saddlepoint.lab.cures.mode_collapse import METHODS, OVER_TIME


def test_clouds_are_those_of_four_checkpoints_and_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "STEPS", 16)
    bench = Bench("mode-collapse", tmp_path / "out", Budget(seeds=2, minutes=1.0))
    games = {name: METHODS[name].describe("ring") for name in OVER_TIME}
    with quickly():
        drawn = module.over_time(bench, games)
    titles = [panel.title for panel in drawn.panels]
    assert titles[:5] == [*(f"gan, {step} steps" for step in (2, 4, 8, 16)), "data"]
    assert [panel.is_control for panel in drawn.panels].count(True) == len(OVER_TIME)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(side_by_side.trainer, "train", refuse)
    again = module.over_time(bench, games)
    assert [panel.title for panel in again.panels] == titles
    assert again.picture().tobytes() == drawn.picture().tobytes()
