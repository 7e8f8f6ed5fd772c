"""What may be replaced and what may not: a user's files are never touched."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any, NoReturn

import pytest

from saddlepoint import outputs
from saddlepoint.errors import BadInput, RunStopped, command_line
from saddlepoint.outputs import (
    LEDGER,
    OutputFolder,
    check_output,
    check_replaceable,
    check_writable,
    clear_output,
    free_path,
    is_empty,
    output_file,
    replace_output,
    write_output,
)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below ``folder``."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def written(folder: Path, *names: str) -> Path:
    with OutputFolder(folder) as files:
        for name in names:
            files.add(name, name.encode())
    return folder


def full_disk(*_: Any, **__: Any) -> NoReturn:
    raise OSError(28, "No space left on device")


def test_a_new_place_an_empty_folder_and_the_list_alone_are_free(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    clear_output(written(tmp_path / "cleared", "a"))
    (tmp_path / "listed").mkdir()
    written(tmp_path / "listed", "a")
    (tmp_path / "listed/a").unlink()
    for name in ("new", "below/the/new", "empty", "cleared", "listed"):
        check_output(tmp_path / name)
    assert not (tmp_path / "below").exists(), "checking makes nothing"


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_users_files_are_refused_and_stay(tmp_path: Path, overwrite: bool) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "00000.png").write_bytes(b"a photograph")
    (tmp_path / "grid.png").write_bytes(b"another")
    (tmp_path / "nested/below").mkdir(parents=True)
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    before = contents(tmp_path)
    for target, named in [
        (photos, "00000.png" if overwrite else "photos"),
        (tmp_path / "grid.png", "grid.png"),
        (tmp_path / "nested", "nested"),
        (tmp_path / "gone", "gone"),
    ]:
        with pytest.raises(BadInput, match=named):
            check_output(target, overwrite=overwrite)
        clear_output(target)
    assert contents(tmp_path) == before
    assert (tmp_path / "gone").is_symlink()
    assert (tmp_path / "nested/below").is_dir()


def test_what_is_ours_is_replaced_on_demand_only(tmp_path: Path) -> None:
    folder = written(tmp_path / "samples", "0.png", "1.png")
    write_output(tmp_path / "grid.png", b"grid")
    for target in (folder, tmp_path / "grid.png"):
        with pytest.raises(BadInput, match="--overwrite to replace"):
            check_output(target)
        check_output(target, overwrite=True)
        clear_output(target)
    assert is_empty(folder)
    assert not (folder / LEDGER).exists()
    assert not (tmp_path / "grid.png").exists()


def test_a_stranger_or_a_change_saves_the_whole_folder(tmp_path: Path) -> None:
    mixed = written(tmp_path / "mixed", "0.png", "1.png")
    (mixed / "notes.txt").write_text("mine")
    changed = written(tmp_path / "changed", "0.png", "1.png")
    (changed / "1.png").write_bytes(b"2.png")  # the same size
    linked = written(tmp_path / "linked", "0.png")
    (linked / "0.png").rename(tmp_path / "0.png")
    (linked / "0.png").symlink_to(tmp_path / "0.png")
    before = contents(tmp_path)
    for folder, named in ((mixed, "notes.txt"), (changed, "1.png"), (linked, "0.png")):
        with pytest.raises(BadInput, match=f"{named} was not written by saddlepoint, or was chan"):
            check_output(folder, overwrite=True)
    assert contents(tmp_path) == before


def test_folders_below_count_by_their_own_lists(tmp_path: Path) -> None:
    written(tmp_path / "out", "table.md")
    written(tmp_path / "out/pictures", "0.png")
    check_output(tmp_path / "out", overwrite=True)
    (tmp_path / "out/pictures/mine.txt").write_text("mine")
    with pytest.raises(BadInput, match=r"mine\.txt"):
        check_output(tmp_path / "out", overwrite=True)
    clear_output(tmp_path / "out")
    assert not (tmp_path / "out/table.md").exists()
    assert not (tmp_path / "out/pictures/0.png").exists()
    assert (tmp_path / "out/pictures/mine.txt").read_text() == "mine"


def test_a_copied_folder_is_still_ours(tmp_path: Path) -> None:
    written(tmp_path / "first", "0.png").rename(tmp_path / "second")
    check_output(tmp_path / "second", overwrite=True)


def test_a_named_file_is_replaced_only_if_ours(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    replace_output(page, b"one")
    replace_output(page, b"two")
    assert page.read_bytes() == b"two"
    page.write_bytes(b"edited")
    for act in (lambda: replace_output(page, b"three"), lambda: check_replaceable(page)):
        with pytest.raises(BadInput, match=r"report\.html .*choose another --out"):
            act()
    assert page.read_bytes() == b"edited"


def test_new_files_never_replace_one_that_appeared_meanwhile(tmp_path: Path) -> None:
    def streamed() -> None:
        with output_file(tmp_path / "a.npz") as file:
            file.write(b"ours")
            (tmp_path / "a.npz").write_bytes(b"a user's")

    with pytest.raises(BadInput, match="exists already"):
        streamed()
    assert (tmp_path / "a.npz").read_bytes() == b"a user's"
    with pytest.raises(BadInput, match="exists already"):
        written(tmp_path, "a.npz")
    assert (tmp_path / "a.npz").read_bytes() == b"a user's"


def test_the_next_free_name(tmp_path: Path) -> None:
    assert free_path(tmp_path / "samples.png") == tmp_path / "samples.png"
    for name in ("samples.png", "samples-2.png"):
        (tmp_path / name).touch()
    assert free_path(tmp_path / "samples.png") == tmp_path / "samples-3.png"
    (tmp_path / "folder").mkdir()
    assert free_path(tmp_path / "folder") == tmp_path / "folder"
    (tmp_path / "folder/x").touch()
    assert free_path(tmp_path / "folder") == tmp_path / "folder-2"


def test_an_error_in_the_middle_leaves_whole_known_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped() -> None:
        with OutputFolder(tmp_path / "a") as files:
            files.add("0", b"0")
            raise KeyboardInterrupt

    def full() -> None:
        with OutputFolder(tmp_path / "b") as files:
            files.add("0", b"0")
            monkeypatch.setattr(outputs, "write_aside", full_disk)
            files.add("1", b"1")

    with pytest.raises(KeyboardInterrupt):
        stopped()
    with pytest.raises(RunStopped, match=r"No space left.* the 1 file\(s\) before it are whole"):
        full()
    for folder in ("a", "b"):
        assert contents(tmp_path / folder)["0"] == b"0"
        assert len(contents(tmp_path / folder)) == 2, "the file and the list"
        check_output(tmp_path / folder, overwrite=True)
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(RunStopped, match="No space left"):
        write_output(tmp_path / "c", b"c")
    assert not [p for p in tmp_path.iterdir() if p.is_file() and p.name != LEDGER]


def test_a_process_that_was_killed_leaves_what_it_wrote_as_ours(tmp_path: Path) -> None:
    files = OutputFolder(tmp_path / "a").__enter__()
    files.add("0", b"0")  # no more is done: neither the end of the block nor a sync
    with (tmp_path / "a" / LEDGER).open("ab") as ledger:
        ledger.write(b'["1", 3, "ab')
    (tmp_path / "a/.saddlepoint-1-1.part").write_bytes(b"half")
    check_output(tmp_path / "a", overwrite=True)
    replace_output(tmp_path / "a/2", b"2")
    check_replaceable(tmp_path / "a/2")
    clear_output(tmp_path / "a")
    assert not list((tmp_path / "a").iterdir())


def test_a_file_of_the_lists_name_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / LEDGER).write_text("the user's\n")
    for act in (
        lambda: check_output(tmp_path / "a.png"),
        lambda: check_replaceable(tmp_path / "a.png"),
        lambda: replace_output(tmp_path / "a.png", b""),
    ):
        with pytest.raises(BadInput, match="is not a list of files"):
            act()
    assert (tmp_path / LEDGER).read_text() == "the user's\n"


def test_an_unwritable_place_is_noticed_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunStopped, match=r"file/below/a\.png .*Not a dir.*another --picture"):
        check_output(tmp_path / "file/below/a.png", option="--picture")

    def read_only(*_: Any, **__: Any) -> NoReturn:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryFile", read_only)
    for act in (check_output, check_replaceable, check_writable):
        with pytest.raises(RunStopped, match=r"\(.*Read-only file system\): choose another --out"):
            act(tmp_path / "a.png")
    with pytest.raises(RunStopped, match="make it writable, or copy it elsewhere"):
        check_writable(tmp_path, option="")


def test_one_sync_for_all_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(os, "fsync", lambda handle: calls.append("file"))
    monkeypatch.setattr(os, "sync", lambda: calls.append("all"))
    written(tmp_path / "a", *map(str, range(20)))
    assert calls == ["all"]


def test_the_list_is_readable(tmp_path: Path) -> None:
    written(tmp_path / "a", "x y.png")
    head, line = (tmp_path / "a" / LEDGER).read_text().splitlines()
    assert json.loads(head)["written_by"] == "saddlepoint"
    assert json.loads(line)[:2] == ["x y.png", 7]


def test_commands_are_quoted_for_the_shell() -> None:
    assert command_line("resume", Path("runs/a")) == "saddlepoint resume runs/a"
    said = command_line("resume", Path("it's mine"), "--steps", 20)
    assert said == """saddlepoint resume 'it'"'"'s mine' --steps 20"""
    assert command_line("report", Path("-x")) == "saddlepoint report ./-x"
