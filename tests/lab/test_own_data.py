"""Data of the user's own, for the experiments that take some."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from saddlepoint.cli import main
from saddlepoint.errors import BadInput
from saddlepoint.lab import EXPERIMENTS, Bench, Budget, Claim, Column, Findings, experiment
from saddlepoint.lab.lab_options import LabOptions
from saddlepoint.lab.running import carry_out
from saddlepoint.lab.tables import read_result


@pytest.fixture
def taking() -> Iterator[str]:
    """An experiment that says what it was given."""

    @experiment(
        "taking",
        chapter="Tests",
        full=Budget(seeds=1, seconds=1),
        fast=Budget(seeds=1, seconds=1),
        data="letters as an .npz; else digits alone are measured",
    )
    def taking(bench: Bench) -> Findings:
        """How many bytes there are."""
        size = bench.data.stat().st_size if bench.data is not None else 0
        claim = Claim("There are some.", size > 0, str(size))
        return Findings((Column("size", "bytes", "count"),), [{"size": size}], (), [claim])

    yield "taking"
    del EXPERIMENTS["taking"]


def test_an_experiment_is_given_the_users_data(tmp_path: Path, taking: str) -> None:
    data = tmp_path / "letters.npz"
    data.write_bytes(b"12345")
    out = tmp_path / "out"
    findings = carry_out(EXPERIMENTS[taking], out, LabOptions(data=data))
    assert findings.rows == [{"size": 5}]
    _, about = read_result((out / "result.json").read_text())
    assert about["settings"]["given"]["data"] == "letters.npz"
    assert "saddlepoint lab taking --data letters.npz" in (out / "page.md").read_text()
    for name in ("page.md", "page.html", "result.json"):
        assert str(tmp_path) not in (out / name).read_text(), "readers have no use for the place"
    # what is kept there was measured on those data
    for other in (None, tmp_path):
        with pytest.raises(BadInput, match=r"another budget .*letters\.npz"):
            carry_out(EXPERIMENTS[taking], out, LabOptions(data=other))
    carry_out(EXPERIMENTS[taking], tmp_path / "without", LabOptions())
    with pytest.raises(BadInput, match="another budget"):
        carry_out(EXPERIMENTS[taking], tmp_path / "without", LabOptions(data=data))


def test_data_that_nobody_takes_or_that_are_not_there_are_refused(
    tmp_path: Path, taking: str
) -> None:
    with pytest.raises(BadInput, match="xy-game takes no data of yours: leave out --data"):
        carry_out(EXPERIMENTS["xy-game"], tmp_path / "out", LabOptions(data=tmp_path))
    with pytest.raises(BadInput, match="no such file or folder"):
        carry_out(EXPERIMENTS[taking], tmp_path / "out", LabOptions(data=tmp_path / "lost"))
    assert not (tmp_path / "out").exists()


def test_the_list_says_what_an_experiment_takes(
    taking: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["lab"])
    said = " ".join(capsys.readouterr().out.split())
    assert "--data: letters as an .npz; else digits alone are measured." in said


def test_of_a_group_each_takes_what_fits_it(
    tmp_path: Path, taking: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def deaf(bench: Bench) -> Findings:
        """What is measured without."""
        assert bench.data is None
        return Findings((Column("size", "bytes", "count"),), [{"size": 0}])

    data = tmp_path / "letters.npz"
    data.write_bytes(b"123")
    monkeypatch.chdir(tmp_path)
    before, kept = dict(EXPERIMENTS), EXPERIMENTS[taking]
    EXPERIMENTS.clear()
    try:
        budget = Budget(seeds=1, seconds=1)
        experiment("deaf", chapter="Tests", full=budget, fast=budget)(deaf)
        with pytest.raises(SystemExit) as stop:
            main(["lab", "all", "--data", str(data)])
        assert stop.value.code == 2
        assert "none of these experiments takes data of yours" in capsys.readouterr().err
        EXPERIMENTS[taking] = kept
        main(["lab", "all", "--data", str(data)])
        assert "There are some." in capsys.readouterr().out
    finally:
        EXPERIMENTS.clear()
        EXPERIMENTS.update(before)
