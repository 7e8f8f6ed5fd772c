"""Runs whose data moved, runs before their first checkpoint, and places that cannot be written."""

from __future__ import annotations

import html
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from PIL import Image

import saddlepoint as sp
from kit.crash import crashed
from kit.tiny import same_bits, tensors, tiny
from saddlepoint.cli import main
from saddlepoint.data.array import Array
from saddlepoint.data.folder import Folder
from saddlepoint.data.published import Digits, FashionMnist
from saddlepoint.errors import BadInput, RunStopped
from saddlepoint.training import run_directory
from saddlepoint.training.own_data import open_own_data
from saddlepoint.training.record import read_record

PIXELS = np.random.default_rng(0).integers(0, 255, (40, 8, 8, 3), dtype=np.uint8)


def photos(path: Path, pixels: np.ndarray = PIXELS) -> Path:
    path.mkdir(parents=True)
    for index, image in enumerate(pixels):
        Image.fromarray(image).save(path / f"{index:02d}.png")
    return path


def array(path: Path, pixels: np.ndarray = PIXELS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, x=pixels)
    return path


def streamed(path: Path, pixels: np.ndarray = PIXELS) -> Path:
    return photos(path, pixels)


SOURCES: list[tuple[Callable[..., Path], str, Callable[[Path], Any]]] = [
    (photos, "photos", lambda path: path),
    (streamed, "photos", lambda path: Folder(path=path, memory_gib=0)),
    (array, "photos.npz", lambda path: path),
]


@pytest.fixture(params=SOURCES, ids=["folder", "streamed", "array"])
def moved_run(
    request: pytest.FixtureRequest, tmp_path: Path
) -> tuple[Path, Path, Path, Callable[..., Path]]:
    """A run, where its data were, where they are now, and how such data are made."""
    make, name, describe = request.param
    before = make(tmp_path / "before" / name)
    sp.train(tiny("gan", data=describe(before)), tmp_path / "run", quiet=True)
    now = tmp_path / "now" / f"it's {name}"
    now.parent.mkdir()
    before.rename(now)
    return tmp_path / "run", before, now, make


def test_data_that_moved_are_found_by_their_new_place(
    moved_run: tuple[Path, Path, Path, Callable[..., Path]],
) -> None:
    run, before, now, _ = moved_run
    for act in (lambda: open_own_data(run), lambda: sp.resume(run, steps=14, quiet=True)):
        with pytest.raises(BadInput, match=r"are not at .*before.* with --data PATH"):
            act()
    assert open_own_data(run, data=now).info.shape == (3, 8, 8)
    given = json.loads((run / "run.json").read_text())["given"]
    assert given["data"]["path"] == str(before), "looking changes nothing"
    assert sp.resume(run, steps=14, data=str(now), quiet=True).step == 14
    events = [event for event in read_record(run).events if event["event"] == "data"]
    assert [event["detail"] for event in events] == [f"the data moved from {before} to {now}"]
    # from now on it is known
    assert sp.resume(run, steps=16, quiet=True).step == 16
    after = json.loads((run / "run.json").read_text())["given"]
    assert after["data"].pop("path") == str(now)
    given["data"].pop("path")
    assert after == given, "all else is as it was"


def test_other_data_are_refused(
    moved_run: tuple[Path, Path, Path, Callable[..., Path]], tmp_path: Path
) -> None:
    run, _, now, make = moved_run
    name = "x.npz" if make is array else "x"
    other = PIXELS.copy()
    other[7, 3, 3] ^= 1
    fewer = make(tmp_path / "fewer" / name, PIXELS[:30])
    changed = make(tmp_path / "changed" / name, other)
    before = (run / "run.json").read_bytes()
    for wrong in (fewer, changed, tmp_path / "nowhere"):
        with pytest.raises(BadInput) as error:
            sp.resume(run, steps=14, data=wrong, quiet=True)
        said = str(error.value)
        assert str(wrong) in said
        assert wrong.parent == tmp_path or str(run) in said
        if make is not streamed and wrong == fewer:
            assert "there are 30 (24 train, 3 validation, 3 test) examples instead of 40" in said
        if make is not streamed and wrong == changed:
            assert "shape and counts agree, but some examples" in said
    if make is not streamed:
        larger = make(tmp_path / "larger" / name, np.repeat(PIXELS, 2, axis=1))
        with pytest.raises(BadInput, match="the shape is 3×16×8 instead of 3×8×8"):
            open_own_data(run, data=larger)
    assert (run / "run.json").read_bytes() == before
    assert sp.resume(run, steps=14, data=now, quiet=True).step == 14


def test_of_streamed_files_the_digests_decide(tmp_path: Path) -> None:
    """A file of the same name, size and time as before is still another one."""
    before = photos(tmp_path / "before")
    sp.train(tiny("gan", data=Folder(path=before, memory_gib=0)), tmp_path / "run", quiet=True)
    now = tmp_path / "now"
    shutil.copytree(before, now)
    first = now / "00.png"
    times = first.stat()
    content = bytearray(first.read_bytes())
    content[-20] ^= 1
    first.write_bytes(content)
    os.utime(first, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(BadInput, match=r"00\.png is another file \(1 of 40 files differ\)"):
        open_own_data(tmp_path / "run", data=now)


def test_data_that_changed_in_place_are_told_by_what_differs(tmp_path: Path) -> None:
    source = array(tmp_path / "x.npz")
    sp.train(tiny("gan", data=source), tmp_path / "run", quiet=True)
    array(source, PIXELS[:30])
    with pytest.raises(BadInput, match=r"changed since the run began .*x\.npz\): there are 30 \("):
        open_own_data(tmp_path / "run")


def test_an_array_in_memory_takes_the_place_of_one_that_was_lost(tmp_path: Path) -> None:
    labels = np.arange(40) % 4
    sp.train(tiny("gan", data=(PIXELS, labels)), tmp_path / "run", quiet=True)
    (tmp_path / "run/data.npz").unlink()
    with pytest.raises(BadInput, match="are not at"):
        sp.resume(tmp_path / "run", steps=14, quiet=True)
    with pytest.raises(BadInput, match="classes"):
        sp.resume(tmp_path / "run", steps=14, data=PIXELS, quiet=True)
    assert not (tmp_path / "run/data.npz").exists()
    assert sp.resume(tmp_path / "run", steps=14, data=(PIXELS, labels), quiet=True).step == 14
    assert sp.resume(tmp_path / "run", steps=16, quiet=True).step == 16
    np.save(tmp_path / "plain.npy", PIXELS)
    with pytest.raises(BadInput, match="classes"):
        open_own_data(tmp_path / "run", data=tmp_path / "plain.npy")


def test_downloaded_sets_are_looked_for_and_not_fetched(tmp_path: Path) -> None:
    described = FashionMnist(root=tmp_path / "gone")
    (tmp_path / "files").mkdir()
    there = described.at(tmp_path / "files", tmp_path / "run")
    assert there == described.replace(root=tmp_path / "files")
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="is no folder that holds its files"):
        described.at(tmp_path / "file", tmp_path / "run")
    sp.train(tiny("gan"), tmp_path / "run", quiet=True)
    whole = json.loads((tmp_path / "run/run.json").read_text())
    whole["given"]["data"] = described.model_dump(mode="json")
    (tmp_path / "run/run.json").write_text(json.dumps(whole))
    with pytest.raises(BadInput, match=r"which is not in .*files: put it there"):
        open_own_data(tmp_path / "run", data=tmp_path / "files")
    assert not list((tmp_path / "files").iterdir())


def test_a_place_of_another_kind_is_refused(tmp_path: Path) -> None:
    source = array(tmp_path / "x.npz")
    pictures = photos(tmp_path / "photos")
    run = tmp_path / "run"
    for described, data, words in [
        (Array(path=source), pictures, "trained on an array, and .* is no file"),
        (Folder(path=pictures), source, "trained on a folder of images, and .* is no folder"),
        (Folder(path=pictures), PIXELS, "say where it is with a path"),
        (tiny("gan").data, source, "digits, which is always at hand: leave out --data"),
    ]:
        with pytest.raises(BadInput, match=words):
            described.at(data, run)


def test_the_command_takes_data_and_quotes_what_it_prints(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = array(tmp_path / "x.npz")
    run = tmp_path / "it's my run"
    sp.train(tiny("gan", data=source), run, quiet=True)
    source.rename(tmp_path / "y.npz")
    words = ["resume", str(run), "--steps", "14", "--quiet"]
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    assert "--data PATH" in capsys.readouterr().err
    main([*words, "--data", str(tmp_path / "y.npz")])
    said = capsys.readouterr().out
    quoted = str(run).replace("'", "'\"'\"'")
    assert f"saddlepoint resume '{quoted}' --steps 28" in said
    assert f"saddlepoint sample '{quoted}' --n 64" in said
    assert f"saddlepoint report '{quoted}'" in said
    page = html.unescape(sp.build_report(run).read_text())
    for word in ("resume", "sample", "evaluate"):
        assert f"saddlepoint {word} '{quoted}'" in page


def test_a_run_before_its_first_checkpoint_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "my run"
    crashed(tiny("gan"), 2, run, monkeypatch)
    for which in ("auto", "latest", 4):
        with pytest.raises(BadInput, match="has no checkpoint yet: the first is due at step 4 "):
            sp.load(run, which)  # type: ignore[arg-type]
    with pytest.raises(SystemExit) as stop:
        main(["sample", str(run), "--out", str(tmp_path / "a.png")])
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert f"stopped before: `saddlepoint resume '{run}'` goes on" in said
    assert "--training.checkpoint-every" in said
    with run_directory.lock(run), pytest.raises(BadInput, match="It is training now: wait"):
        sp.load(run)
    sp.resume(run, quiet=True)
    sp.train(tiny("gan"), tmp_path / "whole", quiet=True)
    assert same_bits(tensors(tmp_path / "whole", 12), tensors(run, 12))
    with pytest.raises(BadInput, match="no checkpoint of step 5; there are: 4, 8, 12"):
        sp.load(run, 5)


def test_the_first_checkpoint_of_a_short_run_is_due_at_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashed(tiny("gan", training={"checkpoint_every": 1000}), 2, tmp_path / "run", monkeypatch)
    with pytest.raises(BadInput, match="due at step 12 "):
        sp.load(tmp_path / "run")


def read_only(*_: Any, **__: Any) -> NoReturn:
    raise OSError(30, "Read-only file system")


def test_a_read_only_run_is_noticed_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    sp.train(tiny("gan"), run, quiet=True)
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "TemporaryFile", read_only)
        patch.setattr(
            "saddlepoint.training.trainer.open_own_data", lambda *_: pytest.fail("work was done")
        )
        with pytest.raises(RunStopped, match=r"run \(Read-only.*make it writable, or copy it"):
            sp.resume(run, steps=14, quiet=True)
        patch.setattr("saddlepoint.report.page.page", lambda *_: pytest.fail("work was done"))
        with pytest.raises(RunStopped, match=r"report\.html .*Read-only.* choose another --out"):
            sp.build_report(run)
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


def test_a_start_that_fails_removes_what_it_made_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> NoReturn:
        (tmp_path / "run/mine.txt").write_text("put there meanwhile")
        raise BadInput("no")

    monkeypatch.setattr(Digits, "open", fail)
    with pytest.raises(BadInput):
        sp.train(tiny("gan"), tmp_path / "run", quiet=True)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["mine.txt"]
