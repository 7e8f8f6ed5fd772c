"""The lab's experiments, small: that they run, go on where they were, and say what they did."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

import saddlepoint as sp
from saddlepoint.lab import mode_collapse
from saddlepoint.lab.mode_collapse import DATA, EXTRA, METHODS, control


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mode_collapse, "_affordable", lambda described, minutes: 12)


def test_every_cell_runs_and_is_not_run_again(
    tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = mode_collapse.run(tmp_path / "out", seeds=2)
    assert len(cells) == len(DATA) * len(METHODS) + len(EXTRA)
    assert all(len(cell.seeds) == 2 and cell.steps == 12 for cell in cells)
    table = (tmp_path / "out/table.md").read_text()
    for name in (*METHODS, *EXTRA, "perfect sampler"):
        assert f"| {name} |" in table
    assert json.loads((tmp_path / "out/table.json").read_text())["cells"]
    assert (tmp_path / "out/table.png").stat().st_size > 10_000

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a finished cell was trained again")

    monkeypatch.setattr(mode_collapse.trainer, "train", refuse)
    again = mode_collapse.run(tmp_path / "out", seeds=2)
    assert repr([cell.seeds for cell in again]) == repr([cell.seeds for cell in cells])  # NaN
    with pytest.raises(sp.BadInput, match="another budget"):
        mode_collapse.run(tmp_path / "out", seeds=3)


def test_the_control_is_a_perfect_sampler() -> None:
    for data, total in (("ring", 8), ("grid", 25)):
        cell = control(data, 10)
        assert all(score.found == score.total == total for score in cell.seeds)
        quality = sum(score.high_quality for score in cell.seeds) / 10
        assert quality == pytest.approx(1 - math.exp(-4.5), abs=0.003)


def test_the_budget_buys_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mode_collapse, "PROBE_STEPS", 10)
    described = METHODS["gan"]("ring").replace(seeds=2)
    one, four = (mode_collapse._affordable(described, minutes) for minutes in (0.5, 2.0))
    assert 1.5 < four / one < 10


def test_methods_are_what_they_are_called() -> None:
    assert METHODS["unrolled"]("ring").learner.unrolled_steps == 5
    assert METHODS["pacgan2"]("ring").learner.pack == 2
    assert METHODS["wgan-gp"]("ring").learner.critic_regularisers[0].place == "between"
    assert len(METHODS["relativistic-r1-r2"]("grid").learner.critic_regularisers) == 2
    assert len(EXTRA["relativistic-r1"]("grid").learner.critic_regularisers) == 1
    for data in DATA:
        assert all(describe(data).data.kind == data for describe in METHODS.values())
        latents = {describe(data).learner.latent for describe in METHODS.values()}
        assert not latents & {8, 25}, "latents must not know the number of modes"
