"""The bench and its experiments: budgets, resuming, the user's files, the command."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import saddlepoint as sp
from kit.outcomes import quickly
from kit.tiny import tiny
from saddlepoint.cli import main
from saddlepoint.drawing import Drawing, curves
from saddlepoint.errors import BadInput
from saddlepoint.lab import (
    EXPERIMENTS,
    Bench,
    Budget,
    Claim,
    Column,
    Findings,
    PerSeed,
    experiment,
    side_by_side,
)
from saddlepoint.lab.bench import Score
from saddlepoint.lab.experiment import find
from saddlepoint.lab.lab_options import LabOptions
from saddlepoint.lab.running import TABLES, carry_out
from saddlepoint.lab.tables import read_result

MODE_COLLAPSE = EXPERIMENTS["mode-collapse"]
COLUMNS = (Column("title", "title"), Column("mean", "mean of the samples", "seeds", ".3f"))
scored: list[str] = []


def score(cell: side_by_side.Cell) -> Score:
    scored.append(cell.title)
    samples = [sp.load(cell.where).sample(64, member=m) for m in range(cell.described.seeds)]
    return Score([{"mean": float(each.mean())} for each in samples], Image.new("RGB", (2, 2)))


@pytest.fixture
def trio(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An experiment of three tiny trainings of twelve steps."""
    monkeypatch.setattr(side_by_side, "affordable", lambda described, minutes: 12)
    scored.clear()

    @experiment(
        "trio",
        chapter="Tests",
        full=Budget(seeds=2, minutes=3.0),
        fast=Budget(seeds=1, minutes=0.5),
        pictures=("sample",),
    )
    def trio(bench: Bench) -> Findings:
        """What three trainings come to."""
        cells = [bench.cell(f"cell-{n}", f"cell {n}", tiny("gan", data="ring")) for n in range(3)]
        trained = bench.train(cells, score)
        rows = [{"title": t.title, "mean": PerSeed.of(t.of("mean"))} for t in trained]
        return Findings(COLUMNS, rows, pictures={"sample": bench.picture("cell-0")})

    yield "trio"
    del EXPERIMENTS["trio"]


@pytest.fixture
def exact() -> Iterator[str]:
    """An experiment that trains nothing."""

    @experiment(
        "exact",
        chapter="Theory",
        full=Budget(seeds=4, seconds=120),
        fast=Budget(seeds=2),
        pictures=("line",),
    )
    def exact(bench: Bench) -> Findings:
        """What is computed.

        The seeds are
        counted.
        """

        def compute() -> dict[str, Any]:
            scored.append("computed")
            return {"sum": float(bench.budget.seeds)}

        (result,) = bench.all_kept({"sum": compute})
        drawn = {"line": Drawing([curves([0, 1], {"seeds": [0, result["sum"]]})])}
        columns = (Column("sum", "sum", "number", ".1f"),)
        claim = Claim("There are seeds.", result["sum"] > 0, f"{result['sum']:.0f}")
        reading = f"The first seed is {bench.seeds[0]}."
        return Findings(columns, [result], (), [claim], drawn, reading)

    scored.clear()
    yield "exact"
    del EXPERIMENTS["exact"]


@pytest.fixture
def empty() -> Iterator[None]:
    """No experiment but those of the test; afterwards all of them, in their order."""
    before = dict(EXPERIMENTS)
    EXPERIMENTS.clear()
    yield
    EXPERIMENTS.clear()
    EXPERIMENTS.update(before)


def test_an_experiment_that_was_stopped_goes_on_with_the_cells_that_are_missing(
    tmp_path: Path, trio: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trainings: list[str] = []
    train = side_by_side.trainer.train

    def counted(run: Any, out: Path, **options: Any) -> Any:
        if len(trainings) == 2:
            raise KeyboardInterrupt
        trainings.append(out.name)
        return train(run, out, **options)

    monkeypatch.setattr(side_by_side.trainer, "train", counted)
    with quickly(), pytest.raises(KeyboardInterrupt):
        carry_out(EXPERIMENTS[trio], tmp_path / "out", LabOptions(at_once=1))
    assert "trio: 3 training(s) of 3 minutes of one core each, so about 9 min" in (
        capsys.readouterr().out
    )
    assert not (tmp_path / "out/page.md").exists()
    monkeypatch.setattr(side_by_side.trainer, "train", train)
    with quickly():
        again = carry_out(EXPERIMENTS[trio], tmp_path / "out", LabOptions(at_once=1))
        assert "trio: 1 training(s)" in capsys.readouterr().out
        at_once = carry_out(EXPERIMENTS[trio], tmp_path / "whole", LabOptions(at_once=1))
    assert scored == ["cell 0", "cell 1", "cell 2", "cell 0", "cell 1", "cell 2"]
    assert again.rows == at_once.rows, "the same bits as without a stop"
    assert sorted(path.name for path in (tmp_path / "out/cells").glob("*.json")) == [
        "cell-0.json",
        "cell-1.json",
        "cell-2.json",
    ]


KILLED = """
import os, signal, sys
from pathlib import Path
from saddlepoint.lab.bench import Bench, Budget

bench = Bench("killed", Path(sys.argv[1]), Budget(seeds=1))
bench.kept("first", lambda: {"value": 1})
bench.kept("second", lambda: os.kill(os.getpid(), signal.SIGKILL))
"""


def test_a_process_that_was_killed_leaves_what_it_had_finished(tmp_path: Path) -> None:
    words = [sys.executable, "-c", KILLED, str(tmp_path / "out")]
    assert subprocess.run(words, check=False).returncode == -signal.SIGKILL
    bench = Bench("killed", tmp_path / "out", Budget(seeds=1))
    assert bench.kept("first", lambda: {"value": "computed again"}) == {"value": 1}
    assert bench.kept("second", lambda: {"value": 2}) == {"value": 2}


def test_what_remains_is_estimated(tmp_path: Path, trio: str) -> None:
    bench = Bench("trio", tmp_path, Budget(seeds=1, minutes=10.0), at_once=2)
    cells = [bench.cell(f"c{n}", f"c {n}", tiny("gan", data="ring")) for n in range(3)]
    assert "3 training(s) of 10 minutes of one core each, so about 20 min 00 s on 2 free cores" in (
        bench.estimate(cells)
    )
    cells[0].where.mkdir()
    (cells[0].where / side_by_side.SPENT).write_text('{"core_seconds": 480}')
    assert "about 12 min 00 s on 2 free cores" in bench.estimate(cells)
    assert "about 10 min 00 s on 1 free core, after" in bench.estimate(cells[1:2])


def test_a_kept_result_is_computed_once_and_never_edited(tmp_path: Path, exact: str) -> None:
    for _ in range(2):
        findings = carry_out(EXPERIMENTS[exact], tmp_path / "out")
        assert findings.rows == [{"sum": 4.0}]
    assert scored == ["computed"]
    (tmp_path / "out/cells/sum.json").write_text('{"sum": 5.0}')
    with pytest.raises(sp.BadInput, match=r"sum\.json was changed since it was measured"):
        carry_out(EXPERIMENTS[exact], tmp_path / "out")


def test_the_page_says_what_was_asked_done_measured_and_shown(tmp_path: Path, exact: str) -> None:
    options = LabOptions(svg=True, seed=7)
    carry_out(EXPERIMENTS[exact], tmp_path / "out", options)
    page = (tmp_path / "out/page.md").read_text()
    for words in (
        "# Exact",
        "**What is computed.**",
        "The seeds are counted.",
        "![line.png](line.png)",
        "The first seed is 7.",
        "- holds: There are seeds.",
        "| sum |",
        "4 seeds, done in",
        "saddlepoint lab exact --seed 7",
    ):
        assert words in page, words
    html = (tmp_path / "out/page.html").read_text()
    for words in ("What is computed.", "The seeds are counted.", "data:image/png", "holds: There"):
        assert words in html, words
    assert (tmp_path / "out/line.svg").read_bytes().lstrip().startswith(b"<?xml")
    result = read_result((tmp_path / "out/result.json").read_text())[1]
    assert result["seeds"] == [7, 8, 9, 10]
    with pytest.raises(BadInput, match="another budget"):
        carry_out(EXPERIMENTS[exact], tmp_path / "out", LabOptions(seed=8))
    with pytest.raises(BadInput, match="another budget"):
        carry_out(EXPERIMENTS[exact], tmp_path / "out", LabOptions(seed=7, fast=True, seeds=4))


def test_figures_are_light_or_dark(tmp_path: Path, exact: str) -> None:
    corners = []
    for dark in (False, True):
        carry_out(EXPERIMENTS[exact], tmp_path / str(dark), LabOptions(dark=dark))
        with Image.open(tmp_path / str(dark) / "line.png") as picture:
            corners.append(max(picture.convert("L").getpixel((2, 2)), 0))
    assert corners[0] > 250
    assert corners[1] < 50
    assert not (tmp_path / "True/line.svg").exists()


def test_what_it_takes_is_said_first(
    tmp_path: Path, exact: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    main(["lab", exact])
    said = capsys.readouterr().out
    assert said.startswith("exact: about 2 min 00 s on two free cores.")
    assert max(map(len, said.splitlines())) <= 80
    assert "sum\n4.0\n" in said
    assert "holds: There are seeds.\n  4\n" in said


def test_trainings_may_have_a_number_of_steps(tmp_path: Path, empty: None) -> None:
    @experiment("steps", chapter="Tests", full=Budget(2, steps=9), fast=Budget(1, steps=6))
    def steps(bench: Bench) -> Findings:
        """What nine and twelve steps come to."""
        ring = tiny("gan", data="ring")
        cells = [bench.cell("usual", "usual", ring), bench.cell("more", "more", ring, steps=12)]
        trained = bench.train(cells, score)
        rows = [{"title": t.title, "mean": PerSeed.of(t.of("mean"))} for t in trained]
        assert [t.steps for t in trained] == [bench.budget.steps, 12]
        return Findings(COLUMNS, rows)

    findings = carry_out(EXPERIMENTS["steps"], tmp_path / "out", LabOptions(seed=3, at_once=1))
    assert [len(row["mean"].values) for row in findings.rows] == [2, 2]
    assert sp.load(tmp_path / "out/more").run.seed == 3
    with pytest.raises(BadInput, match="a number of steps, not a time"):
        carry_out(EXPERIMENTS["steps"], tmp_path / "out", LabOptions(minutes=1))


@pytest.mark.parametrize("name", ["notes.txt", "budget.json", "ring-gan/photo.png"])
def test_a_folder_of_the_users_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "out/ring-gan").mkdir(parents=True)
    (tmp_path / "out" / name).write_text('{"rent": 900}')
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(sp.BadInput, match="holds no such experiment"):
        carry_out(MODE_COLLAPSE, tmp_path / "out", LabOptions(seeds=2, at_once=1))
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "out" / name).read_text() == '{"rent": 900}'


def test_another_experiments_folder_is_refused(tmp_path: Path, exact: str) -> None:
    carry_out(EXPERIMENTS[exact], tmp_path / "out")
    with pytest.raises(sp.BadInput, match="another budget"):
        carry_out(MODE_COLLAPSE, tmp_path / "out")


@pytest.mark.parametrize("name", [*TABLES, "sample.png"])
def test_a_table_that_was_edited_is_noticed_before_the_work(
    tmp_path: Path, trio: str, name: str
) -> None:
    (tmp_path / "out").mkdir()
    bench = Bench("trio", tmp_path / "out", EXPERIMENTS[trio].full)
    bench.open()
    (tmp_path / "out" / name).write_text("my notes on it")
    with pytest.raises(sp.BadInput, match=rf"{name} .* choose another --out"):
        carry_out(EXPERIMENTS[trio], tmp_path / "out", LabOptions(at_once=1))
    assert (tmp_path / "out" / name).read_text() == "my notes on it"
    assert not scored


def test_an_unwritable_place_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(sp.RunStopped, match="--out"):
        carry_out(MODE_COLLAPSE, tmp_path / "file/out", LabOptions(seeds=2, at_once=1))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"only": "cyclegan"}, "--only 'cyclegan' names none of: gan ring"),
        ({"at_once": 0}, "--at-once 0"),
        ({"seeds": 0}, "--seeds 0: use 1 to"),
        ({"minutes": float("inf")}, "--minutes inf"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, options: dict, words: str) -> None:
    with pytest.raises(sp.BadInput, match=words):
        carry_out(MODE_COLLAPSE, tmp_path / "out", LabOptions(**options))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "options", [{"minutes": 1.0}, {"only": "x"}, {"at_once": 2}, {"whole": True}]
)
def test_what_an_exact_experiment_cannot_use_is_refused(
    tmp_path: Path, exact: str, options: dict
) -> None:
    with pytest.raises(sp.BadInput, match=r"trains nothing|no longer form"):
        carry_out(EXPERIMENTS[exact], tmp_path / "out", LabOptions(**options))
    assert not (tmp_path / "out").exists()


def test_experiments_have_a_name_of_their_own_and_a_question(exact: str) -> None:
    def silent(bench: Bench) -> Findings:
        raise NotImplementedError

    silent.__module__ = "elsewhere"
    budget: dict[str, Any] = {"chapter": "x", "full": Budget(seeds=1), "fast": Budget(seeds=1)}
    for name, words in (
        ("exact", "there already"),
        ("all", "there already"),
        ("long", "there already"),
        ("new", "docstring"),
    ):
        with pytest.raises(sp.BadInput, match=words):
            experiment(name, **budget)(silent)
    assert "new" not in EXPERIMENTS
    for one in EXPERIMENTS.values():
        assert one.question.endswith(".")
        assert one.fast.seeds <= one.full.seeds
        assert (one.fast.minutes or 0) <= (one.full.minutes or 0)
    assert find("mode_collapse") is MODE_COLLAPSE
    with pytest.raises(sp.BadInput, match=r"'mode-colapse' .* Did you mean 'mode-collapse'\?"):
        find("mode-colapse")


# --- the command ---


def test_without_a_name_the_experiments_are_listed(
    exact: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    main(["lab"])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    for one in EXPERIMENTS.values():
        assert f"  {one.name}" in lines[lines.index(one.chapter) :]
    said = " ".join(" ".join(lines).split())
    assert MODE_COLLAPSE.question in said
    assert "--whole: a grid of 25 modes beside the ring of 8." in said


def test_all_does_every_experiment_in_its_own_folder(
    tmp_path: Path, empty: None, exact: str, trio: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with quickly():
        main(["lab", "all", "--fast", "--minutes", "0.1", "--at-once", "1", "--whole"])
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == [
        "exact-fast",
        "trio-fast",
    ]
    for folder in (tmp_path / "runs").iterdir():
        assert all((folder / name).exists() for name in TABLES)
    assert scored.count("computed") == 1


def test_long_experiments_are_a_group_of_their_own(
    tmp_path: Path, empty: None, exact: str, trio: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(EXPERIMENTS, "exact", replace(EXPERIMENTS["exact"], long=True))
    main(["lab", "long", "--fast"])
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["exact-fast"]
    with quickly():
        main(["lab", "all", "--fast", "--minutes", "0.1", "--at-once", "1"])
    assert {path.name for path in (tmp_path / "runs").iterdir()} == {"exact-fast", "trio-fast"}


MINE = '''
from saddlepoint.lab import Bench, Budget, Column, Findings, experiment

@experiment("mine", chapter="Mine", full=Budget(seeds=2), fast=Budget(seeds=1))
def mine(bench: Bench) -> Findings:
    """What I ask."""
    return Findings((Column("n", "n", "count"),), [{"n": bench.budget.seeds}])
'''


def test_an_experiment_of_ones_own_is_done(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    words = ["lab", "mine", "--import", "mine", "--out", "out", "--seeds", "3"]
    done = subprocess.run(
        [sys.executable, "-m", "saddlepoint", *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "n\n3\n" in done.stdout
    assert all((tmp_path / "out" / name).exists() for name in TABLES)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--fast",), "name an experiment, all or long (known: "),
        (("long", "mode-collapse"), "'long' is a group of experiments: name it alone"),
        (("all", "mode-collapse"), "name it alone"),
        (("all", "--only", "x"), "name that one"),
        (("mode-collapse", "--only", "cyclegan"), "names none of"),
        (("nothing",), "is not an experiment (known: all, long, "),
    ],
)
def test_mistakes_of_the_command(
    words: tuple[str, ...],
    sentence: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(["lab", *words])
    assert stop.value.code == 2
    assert sentence in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_help_fits_a_page(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main(["lab", "--help"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) < 60
    for option in ("--out", "--minutes", "--seeds", "--whole", "--only", "--fast", "--at-once"):
        assert any(option in line for line in lines)
