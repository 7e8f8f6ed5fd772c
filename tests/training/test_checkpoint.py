"""Checkpoints appear whole or not at all, and nothing that is damaged is used in silence."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

import saddlepoint as sp
from kit.tiny import command, same_bits, tensors, tiny
from saddlepoint.training import checkpoint
from saddlepoint.training.record import read_record


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with checkpoints at 4, 8 and 12; copy it before changing it."""
    out = tmp_path_factory.mktemp("trained") / "run"
    sp.train(tiny("gan"), out, quiet=True)
    return out


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "run"))


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    state = {"a": torch.randn(3, 4), "b": torch.tensor(2.0), "c": torch.tensor([1, 2])}
    state["d"] = torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last)
    checkpoint.save(tmp_path, 7, state, {"cursor": 3, "name": "x"})
    read = checkpoint.load(tmp_path, 7)
    assert read.step == 7
    assert read.facts == {"cursor": 3, "name": "x"}
    assert all(torch.equal(read.tensors[name], value) for name, value in state.items())
    assert read.tensors["c"].dtype == torch.int64


def damage_truncate(folder: Path) -> None:
    file = folder / checkpoint.TENSORS
    file.write_bytes(file.read_bytes()[:-100])


def damage_flip(folder: Path) -> None:
    file = folder / checkpoint.TENSORS
    data = bytearray(file.read_bytes())
    data[-9] ^= 1
    file.write_bytes(bytes(data))


def damage_facts(folder: Path) -> None:
    file = folder / checkpoint.FACTS
    file.write_text(file.read_text().replace('"cursor": ', '"cursor": 1'))


def damage_cut_facts(folder: Path) -> None:
    file = folder / checkpoint.FACTS
    file.write_text(file.read_text()[:40])


def damage_missing(folder: Path) -> None:
    (folder / checkpoint.TENSORS).unlink()


DAMAGES = [damage_truncate, damage_flip, damage_facts, damage_cut_facts, damage_missing]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_newest_checkpoint_is_named_and_the_one_before_used(
    run: Path, trained: Path, damage: Any
) -> None:
    damage(run / "checkpoints/step-00000012")
    sp.resume(run, quiet=True)
    said = read_record(run).events
    resumed = next(event for event in said if event["event"] == "resume")
    assert resumed["step"] == 8
    assert "step-00000012" in resumed["detail"]
    assert same_bits(tensors(run, 12), tensors(trained, 12)), "it was not written anew"


def test_a_damaged_checkpoint_is_said_on_the_command_line(run: Path) -> None:
    damage_flip(run / "checkpoints/step-00000012")
    done = command("resume", str(run))
    assert done.returncode == 0
    assert "step-00000012 is truncated or was altered" in done.stderr
    assert "using the checkpoint of step 8" in done.stderr


def test_all_damaged_is_one_sentence(run: Path) -> None:
    for folder in (run / "checkpoints").iterdir():
        damage_truncate(folder)
    done = command("resume", str(run))
    assert done.returncode == 2
    assert "no checkpoint of" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_checkpoint_of_another_description_is_refused(run: Path) -> None:
    facts = json.loads((run / "run.json").read_text())
    facts["given"]["learner"]["generator"]["hidden"] = [8]
    (run / "run.json").write_text(json.dumps(facts))
    with pytest.raises(sp.BadInput, match="does not belong to this description"):
        sp.resume(run, steps=14, quiet=True)


def test_keep_and_best(tmp_path: Path) -> None:
    best = {"scalar": "critic/loss", "mode": "max"}
    run = tiny("gan", 40, training={"keep": 2, "best": best, "log_every": 1})
    sp.train(run, tmp_path / "run", quiet=True)
    history = read_record(tmp_path / "run")
    candidates = {step: history.scalars["critic/loss"][step - 1] for step in range(4, 41, 4)}
    expected = max(candidates, key=lambda step: candidates[step] or 0.0)
    recorded = checkpoint.read_best(tmp_path / "run")
    assert recorded is not None
    assert recorded["step"] == expected
    assert checkpoint.steps_of(tmp_path / "run") == sorted({expected, 36, 40})
    assert sp.load(tmp_path / "run").step == expected
    assert sp.load(tmp_path / "run", "best").step == expected
    assert sp.load(tmp_path / "run", "latest").step == 40
    assert sp.load(tmp_path / "run", 36).step == 36


def test_best_by_something_unrecorded_names_what_is_recorded(tmp_path: Path) -> None:
    run = tiny("gan", training={"best": {"scalar": "elbo"}})
    with pytest.raises(sp.BadInput, match=r"'elbo' is not recorded; recorded are: .*critic/loss"):
        sp.train(run, tmp_path / "run", quiet=True)


def test_asking_for_a_checkpoint_that_is_not_there(run: Path) -> None:
    with pytest.raises(sp.BadInput, match="no checkpoint of step 5; there are: 4, 8, 12"):
        sp.load(run, 5)
    with pytest.raises(sp.BadInput, match="no best checkpoint"):
        sp.load(run, "best")


def test_a_full_disk_keeps_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from saddlepoint.training import checkpoint as module

    original = module.save_file

    def full(values: Any, path: Path) -> None:
        if "step-00000008" in str(path):
            path.write_bytes(b"half of it")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        original(values, path)

    monkeypatch.setattr(module, "save_file", full)
    with pytest.raises(sp.RunStopped, match=r"No space left on device.*step 4 is intact") as caught:
        sp.train(tiny("gan"), tmp_path / "run", quiet=True)
    assert caught.value.exit_code == 3
    assert [p.name for p in (tmp_path / "run/checkpoints").iterdir()] == ["step-00000004"]
    monkeypatch.setattr(module, "save_file", original)
    assert sp.resume(tmp_path / "run", quiet=True).step == 12


def test_a_real_limit_on_file_size_stops_with_code_3(tmp_path: Path) -> None:
    """The operating system itself refuses the write: ulimit stands in for a full disk."""
    import resource
    import sys

    words = ["train", "gan", "--steps", "20", "--device", "cpu", "--out", str(tmp_path / "run")]
    limit = 400 * 1024  # bytes: the checkpoint of this run is about 4 MiB

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = command(*words, preexec_fn=small_files)
    assert done.returncode == 3, done.stderr
    assert "could not be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "run/checkpoints").glob(".*partial"))
    assert sys.getsizeof(done.stderr) < 3000


def test_no_room_for_the_record_is_an_end_with_code_3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from saddlepoint.training.record import Record

    original = Record._write

    def full(self: Record, line: dict[str, Any]) -> None:
        if line["step"] >= 6:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        original(self, line)

    monkeypatch.setattr(Record, "_write", full)
    with pytest.raises(sp.RunStopped, match="No space left"):
        sp.train(tiny("gan"), tmp_path / "run", quiet=True)
    assert checkpoint.steps_of(tmp_path / "run") == [4]


def test_nothing_is_ever_unpickled(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pickle

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("something was unpickled")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    monkeypatch.setattr(torch, "load", refuse)
    sp.load(run).sample(3)
    sp.resume(run, steps=14, quiet=True)
    kinds = {p.suffix for p in run.rglob("*") if p.is_file()}
    assert kinds <= {".json", ".jsonl", ".safetensors", ".png", ""}


def test_a_cut_line_of_the_record_is_survived(run: Path) -> None:
    record = run / "record.jsonl"
    whole = read_record(run)
    record.write_text(record.read_text() + '{"kind": "scalars", "step": 14, "sca')
    assert read_record(run).steps == whole.steps
    sp.resume(run, steps=15, quiet=True)
    again = read_record(run)
    assert again.steps == [*whole.steps, 15]
    assert again.events[-1]["event"] == "finished"
