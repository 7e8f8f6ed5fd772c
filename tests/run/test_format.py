"""A run.json of another layout is refused in one sentence by every command that reads runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import saddlepoint as sp
from kit.refusal import fails
from kit.tiny import tiny
from saddlepoint.run.description import FORMAT, check_format


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("formats") / "run"
    sp.train(tiny("gan", data="ring"), where, quiet=True)
    return where


def rewritten(run: Path, written: int) -> str:
    """The run's description as a version with another format wrote it."""
    whole = json.loads((run / "run.json").read_text())
    whole["format"] = whole["given"]["format"] = written
    return json.dumps(whole)


@pytest.mark.parametrize(
    "words",
    [
        ("train", "RUN/run.json", "--out", "RUN-2"),
        ("train", "RUN", "--out", "RUN-2"),
        ("resume", "RUN"),
        ("sample", "RUN", "--out", "grid.png"),
        ("evaluate", "RUN"),
        ("compare", "RUN", "digits"),
        ("report", "RUN"),
    ],
    ids=" ".join,
)
def test_an_earlier_format_is_refused(
    run: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    before = (run / "run.json").read_text()
    (run / "run.json").write_text(rewritten(run, 1))
    try:
        said = fails(capsys, *(word.replace("RUN", str(run)) for word in words))
    finally:
        (run / "run.json").write_text(before)
    assert f"{run / 'run.json'} was written by an earlier version of saddlepoint" in said
    assert "start the run anew" in said
    assert not Path(f"{run}-2").exists()


def test_a_later_format_and_one_in_part_are_refused(run: Path, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(rewritten(run, FORMAT + 1))
    with pytest.raises(sp.BadInput, match="a later version of saddlepoint"):
        sp.read_run(tmp_path / "run.json")
    with pytest.raises(sp.BadInput, match="an earlier version"):
        check_format({"format": FORMAT, "given": {"format": 1}}, tmp_path)
    check_format({"format": FORMAT, "given": None}, tmp_path)
    assert sp.read_run(run / "run.json").format == FORMAT
