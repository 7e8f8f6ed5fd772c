"""Cells side by side: the same time each, whatever the machine does, and none is trained twice."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import saddlepoint as sp
from kit.outcomes import quickly
from saddlepoint.lab import side_by_side
from saddlepoint.lab.cures.mode_collapse import METHODS
from saddlepoint.training import checkpoint, run_directory


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(side_by_side, "affordable", lambda described, minutes: 12)


class Clock:
    """Probes on a clock of our own: a step takes ``each``, a start 3 s, the first one 9 s more."""

    def __init__(self, each: float, hiccups: Sequence[float] = ()) -> None:
        self.each, self.starts, self.probes = each, [12.0, *hiccups], []

    def __call__(self, run: object, steps: int) -> float:
        self.probes.append(steps)
        start = self.starts.pop(0) if self.starts else 3.0
        return start + self.each * steps


def test_the_budget_buys_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    described = METHODS["gan"].describe("ring")

    def bought(minutes: float, clock: Clock) -> int:
        monkeypatch.setattr(side_by_side, "_probe", clock)
        return side_by_side.affordable(described, minutes)

    assert bought(2.0, Clock(0.02)) == 6000
    assert bought(0.001, Clock(0.02)) == 100, "never fewer than a hundred"
    assert bought(40.0, Clock(5.5)) == 440
    short, long = 40, 160
    hiccup = Clock(0.02, [3.0, 3.0, 100.0])  # in the short probe: the long one alone counts
    assert bought(10.0, hiccup) == 100 * round(600 / ((3.0 + 0.02 * long) / long) / 100)
    assert hiccup.probes[-2:] == [short, long]


@pytest.mark.parametrize("each", [0.001, 0.1, 1.0, 6.0])
def test_measuring_takes_a_small_part_of_the_time(
    monkeypatch: pytest.MonkeyPatch, each: float
) -> None:
    clock = Clock(each)
    monkeypatch.setattr(side_by_side, "_probe", clock)
    side_by_side.affordable(METHODS["gan"].describe("ring"), 40.0)
    assert each * sum(clock.probes) <= 0.1 * 60 * 40
    assert each >= 1 or clock.probes[-1] == 4 * side_by_side.PROBE_STEPS


def test_a_probe_takes_time_and_leaves_nothing(tmp_path: Path) -> None:
    assert side_by_side._probe(METHODS["gan"].describe("ring").replace(seeds=2), 3) > 0


def test_side_by_side_is_what_it_is_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side_by_side, "PROBE_STEPS", 4)  # in this process; the others take theirs

    def cells(name: str) -> list[side_by_side.Cell]:
        return [
            side_by_side.Cell(m, METHODS[m].describe("ring").replace(seeds=2), tmp_path / name / m)
            for m in ("gan", "pacgan2")
        ]

    settings = {"minutes": 1e-6, "most": 20}
    done = list(side_by_side.train_cells(cells("apart"), at_once=2, **settings))
    with quickly():
        list(side_by_side.train_cells(cells("alone"), at_once=1, **settings))
    assert {cell.title for cell in done} == {"gan", "pacgan2"}
    for method in ("gan", "pacgan2"):
        apart, alone = sp.load(tmp_path / "apart" / method), sp.load(tmp_path / "alone" / method)
        assert apart.step == alone.step == 20
        assert apart.sample(16, member=1).equal(alone.sample(16, member=1))
        spent = json.loads((tmp_path / "apart" / method / side_by_side.SPENT).read_text())
        assert 0 < spent["core_seconds"] < 60


def test_a_cell_that_was_stopped_goes_on(tmp_path: Path, quick: None) -> None:
    cell = side_by_side.Cell(
        "gan", METHODS["gan"].describe("ring").replace(seeds=2), tmp_path / "cell"
    )
    list(side_by_side.train_cells([cell], 1.0, at_once=1))
    whole = sp.load(cell.where).sample(16)
    for step in checkpoint.steps_of(cell.where)[-1:]:
        shutil.rmtree(cell.where / f"checkpoints/step-{step:08d}")
    assert sp.load(cell.where).step < 12
    list(side_by_side.train_cells([cell], 1.0, at_once=1))
    assert sp.load(cell.where).step == 12
    assert sp.load(cell.where).sample(16).equal(whole)


LONG = """
import sys
from pathlib import Path
from saddlepoint.lab.cures.mode_collapse import METHODS
from saddlepoint.lab.side_by_side import Cell, train_cells

if __name__ == "__main__":
    where = Path(sys.argv[1])
    described = METHODS["gan"].describe("ring")
    described = described.replace(training=described.training.replace(log_every=1))
    cells = [Cell(name, described, where / name, 10**6) for name in ("one", "two")]
    list(train_cells(cells, None, 2))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_processes_end_with_the_one_that_started_them(tmp_path: Path, number: int) -> None:
    """All that they trained is saved, and may be gone on with."""
    program = tmp_path / "long.py"
    program.write_text(LONG)
    process = subprocess.Popen(
        [sys.executable, str(program), str(tmp_path)], stderr=subprocess.DEVNULL
    )
    records = [tmp_path / name / "record.jsonl" for name in ("one", "two")]
    deadline = time.monotonic() + 200

    def until(condition: Callable[[], bool]) -> None:
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.02)

    until(lambda: all(r.exists() and b"scalars" in r.read_bytes() for r in records))
    process.send_signal(number)
    process.wait()
    until(lambda: all("interrupted" in record.read_text() for record in records))
    until(lambda: not any(run_directory.is_training(record.parent) for record in records))
    assert all(sp.load(record.parent).step > 0 for record in records)
