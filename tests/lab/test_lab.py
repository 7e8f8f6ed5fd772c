"""The lab's experiments, small: that they run, go on where they were, and say what they did."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest

import saddlepoint as sp
from kit.outcomes import quickly
from saddlepoint.lab import mode_collapse, side_by_side
from saddlepoint.lab.mode_collapse import DATA, EXTRA, METHODS, control
from saddlepoint.learners.adversarial.costs import Unrolled
from saddlepoint.training import checkpoint


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(side_by_side, "affordable", lambda described, minutes: 12)


def test_every_cell_runs_and_is_not_run_again(
    tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with quickly():  # the runs' own pictures are not what is tested
        cells = mode_collapse.run(tmp_path / "out", seeds=2, at_once=1)
    assert len(cells) == len(DATA) * len(METHODS) + len(EXTRA)
    assert all(len(cell.seeds) == 2 and cell.steps == 12 for cell in cells)
    table = (tmp_path / "out/table.md").read_text()
    for name in (*METHODS, *EXTRA, "perfect sampler"):
        assert f"| {name} |" in table
    assert json.loads((tmp_path / "out/table.json").read_text())["cells"]
    assert (tmp_path / "out/table.png").stat().st_size > 10_000

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a finished cell was trained again")

    monkeypatch.setattr(side_by_side.trainer, "train", refuse)
    again = mode_collapse.run(tmp_path / "out", seeds=2, at_once=1)
    assert repr([cell.seeds for cell in again]) == repr([cell.seeds for cell in cells])  # NaN
    with pytest.raises(sp.BadInput, match="another budget"):
        mode_collapse.run(tmp_path / "out", seeds=3, at_once=1)


@pytest.mark.parametrize("name", ["notes.txt", "budget.json", "ring-gan/photo.png"])
def test_a_folder_of_the_users_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "out/ring-gan").mkdir(parents=True)
    (tmp_path / "out" / name).write_text('{"rent": 900}')
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(sp.BadInput, match="holds no such experiment"):
        mode_collapse.run(tmp_path / "out", seeds=2, at_once=1)
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "out" / name).read_text() == '{"rent": 900}'


def test_a_table_that_was_edited_is_noticed_before_the_work(tmp_path: Path, quick: None) -> None:
    settings = {"seeds": 2, "at_once": 1, "only": "gan ring"}
    mode_collapse.run(tmp_path / "out", **settings)
    mode_collapse.run(tmp_path / "out", **settings)
    (tmp_path / "out/table.md").write_text("my notes on it")
    shutil.rmtree(tmp_path / "out/ring-gan")
    with pytest.raises(sp.BadInput, match=r"table\.md .* choose another --out"):
        mode_collapse.run(tmp_path / "out", **settings)
    assert (tmp_path / "out/table.md").read_text() == "my notes on it"
    assert not (tmp_path / "out/ring-gan").exists()


def test_an_unwritable_place_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(sp.RunStopped, match="--out"):
        mode_collapse.run(tmp_path / "file/out", seeds=2, at_once=1)


def test_the_control_is_a_perfect_sampler() -> None:
    for data, total in (("ring", 8), ("grid", 25)):
        cell = control(data, 10)
        assert all(score.found == score.total == total for score in cell.seeds)
        quality = sum(score.high_quality for score in cell.seeds) / 10
        assert quality == pytest.approx(1 - math.exp(-4.5), abs=0.003)


def test_the_budget_buys_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps cost 20 ms on a clock of our own, a start 3 s and the first one 9 s more."""
    starts = iter([12.0, 3.0, 3.0])
    monkeypatch.setattr(side_by_side, "_probe", lambda run, steps: next(starts) + 0.02 * steps)
    described = METHODS["gan"]("ring")
    assert side_by_side.affordable(described, 2.0) == 6000
    starts = iter([12.0, 3.0, 3.0])
    assert side_by_side.affordable(described, 0.001) == 100, "never fewer than a hundred"
    starts = iter([0.0, 100.0, 3.0])  # a hiccup in the short probe: the long one alone counts
    long = 4 * side_by_side.PROBE_STEPS
    expected = 100 * round(120 / ((3.0 + 0.02 * long) / long) / 100)
    assert side_by_side.affordable(described, 2.0) == expected


def test_a_probe_takes_time_and_leaves_nothing(tmp_path: Path) -> None:
    assert side_by_side._probe(METHODS["gan"]("ring").replace(seeds=2), 3) > 0


def test_side_by_side_is_what_it_is_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side_by_side, "PROBE_STEPS", 4)  # in this process; the others take theirs

    def cells(name: str) -> list[side_by_side.Cell]:
        return [
            side_by_side.Cell(m, METHODS[m]("ring").replace(seeds=2), tmp_path / name / m)
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
    cell = side_by_side.Cell("gan", METHODS["gan"]("ring").replace(seeds=2), tmp_path / "cell")
    list(side_by_side.train_cells([cell], 1.0, at_once=1))
    whole = sp.load(cell.where).sample(16)
    for step in checkpoint.steps_of(cell.where)[-1:]:
        shutil.rmtree(cell.where / f"checkpoints/step-{step:08d}")
    assert sp.load(cell.where).step < 12
    list(side_by_side.train_cells([cell], 1.0, at_once=1))
    assert sp.load(cell.where).step == 12
    assert sp.load(cell.where).sample(16).equal(whole)


@pytest.mark.parametrize(
    ("options", "words"), [({"only": "cyclegan"}, "names no method"), ({"at_once": 0}, "at-once")]
)
def test_mistakes_are_told(tmp_path: Path, options: dict, words: str) -> None:
    with pytest.raises(sp.BadInput, match=words):
        mode_collapse.run(tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_methods_are_what_they_are_called() -> None:
    assert METHODS["unrolled"]("ring").learner.cost == Unrolled(steps=5)
    assert METHODS["pacgan2"]("ring").learner.pack == 2
    assert METHODS["wgan-gp"]("ring").learner.critic_regularisers[0].place == "between"
    assert len(METHODS["relativistic-r1-r2"]("grid").learner.critic_regularisers) == 2
    assert len(EXTRA["relativistic-r1"]("grid").learner.critic_regularisers) == 1
    for data in DATA:
        assert all(describe(data).data.kind == data for describe in METHODS.values())
        latents = {describe(data).learner.latent for describe in METHODS.values()}
        assert not latents & {8, 25}, "latents must not know the number of modes"
