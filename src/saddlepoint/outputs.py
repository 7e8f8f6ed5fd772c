"""Files for the user: what may be replaced, and how it gets to the disk (torch-free).

A file is ours if the ledger of its folder lists it and it is still the same; every other file is
the user's and is never replaced or removed.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from saddlepoint.errors import BadInput, RunStopped
from saddlepoint.ledger import LEDGER, Ledger, is_ours, read_ledger

# Files on their way; what is left of one after a crash is nobody's work.
_ASIDE = (".saddlepoint-", ".part")
_numbers = itertools.count()


def write_aside(path: Path, data: bytes, *, sync: bool = True) -> None:
    """Write a file under another name in the same folder and rename it: whole or not at all.

    Args:
        path: The file.
        data: Its content.
        sync: Wait until the disk has it.
    """
    with aside_file(path, sync=sync) as file:
        file.write(data)


@contextmanager
def aside_file(path: Path, *, sync: bool = True) -> Iterator[BinaryIO]:
    """The same, to write piece by piece: it appears at ``path`` when the block ends without error.

    Unlike ``output_file`` it replaces what is there and asks no ledger: for what belongs to a run.
    """
    aside = _aside(path)
    try:
        with aside.open("wb") as file:
            yield file
            if sync:
                file.flush()
                os.fsync(file.fileno())
        aside.replace(path)
    finally:
        with suppress(OSError):
            aside.unlink()


def check_output(target: Path, *, overwrite: bool = False, option: str = "--out") -> None:
    """Refuse a file or folder to be written, before the work, if a user's file is in the way.

    Args:
        target: A file or a folder.
        overwrite: What this program wrote and nobody changed since may be replaced.
        option: The option that names the target, for the sentence.

    Raises:
        BadInput: It exists and is not empty; with ``overwrite``: it is or holds something else
            than what this program wrote. Nothing was touched.
        RunStopped: The place cannot be written.
    """
    if _taken(target):
        if not overwrite:
            what = "is a folder that is not empty" if target.is_dir() else "exists already"
            raise BadInput(
                f"{target} {what}: choose another {option}, or --overwrite to replace what "
                "saddlepoint wrote there."
            )
        try:
            stranger = _stranger(target)
        except OSError as error:
            raise BadInput(
                f"{target} cannot be looked at ({_reason(error)}): choose another {option}."
            ) from error
        if stranger is not None:
            raise BadInput(
                f"{stranger} was not written by saddlepoint, or was changed since, so nothing was "
                f"overwritten: move it away, or choose another {option}."
            )
    check_writable(target, option=option)


def check_replaceable(path: Path, *, option: str = "--out") -> None:
    """Refuse what ``replace_output`` would refuse, before the work.

    Raises:
        BadInput: ``path`` exists and is not ours.
        RunStopped: The place cannot be written.
    """
    if os.path.lexists(path) and not is_ours(path, read_ledger(path.parent)):
        raise BadInput(
            f"{path} was not written by saddlepoint, or was changed since, so it stays as it is: "
            f"move it away, or choose another {option}."
        )
    check_writable(path, option=option)


def check_writable(target: Path, *, option: str = "--out") -> None:
    """Notice before the work that ``target`` cannot be written.

    Raises:
        RunStopped: Nothing can be made at ``target`` (a folder that is there: inside it).
        BadInput: The folder's list of written files is something else.
    """
    place = target if target.is_dir() else target.parent
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    try:
        # Asking for permission is not enough: root has it on a disk that is mounted read-only.
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        advice = f"choose another {option}" if option else "make it writable, or copy it elsewhere"
        where = "" if place == target else f"{place}: "
        raise RunStopped(f"cannot write {target} ({where}{_reason(error)}): {advice}.") from error
    if place in (target, target.parent):
        read_ledger(place)


def clear_output(target: Path) -> None:
    """Remove what this program wrote at ``target``, right before the new is written.

    A folder that becomes empty stays, its sub-folders that become empty go.

    Raises:
        RunStopped: Something cannot be removed.
    """
    try:
        if target.is_dir():
            _clear_folder(target)
        elif is_ours(target, read_ledger(target.parent)):
            target.unlink()
    except OSError as error:
        raise RunStopped(f"{target} cannot be replaced ({_reason(error)}).") from error


def free_path(path: Path) -> Path:
    """The first of PATH, PATH-2, PATH-3, … that does not exist or is an empty folder."""
    candidate, number = path, 1
    while _taken(candidate):
        number += 1
        candidate = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return candidate


def is_empty(folder: Path) -> bool:
    """Whether a folder holds nothing; our list of what was written there does not count."""
    with os.scandir(folder) as entries:
        return all(entry.name == LEDGER or _is_aside(entry.name) for entry in entries)


def write_output(path: Path, data: bytes) -> None:
    """Write a new file, whole or not at all, and list it as ours; missing folders are made.

    Raises:
        BadInput: ``path`` exists.
        RunStopped: It cannot be written.
    """
    with output_file(path) as file:
        file.write(data)


def replace_output(path: Path, data: bytes, *, option: str = "--out") -> None:
    """Write a named file, in the place of an earlier one if that is ours.

    Raises:
        BadInput: ``path`` exists and is not ours; it stays as it is.
        RunStopped: It cannot be written; an earlier one is kept.
    """
    check_replaceable(path, option=option)
    with output_file(path, overwrite=True) as file:
        file.write(data)


@contextmanager
def output_file(path: Path, *, overwrite: bool = False) -> Iterator[BinaryIO]:
    """A file to write piece by piece; it appears at ``path`` when the block ends without error.

    Args:
        path: The file; missing folders are made.
        overwrite: It may take the place of an earlier one that is ours.

    Raises:
        BadInput: ``path`` exists (with ``overwrite``: and is not ours).
        RunStopped: It cannot be written (a full disk, for example); an earlier one is kept.
    """
    _refuse_taken(path, overwrite)
    aside = _aside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        _refuse_taken(path, overwrite)
        with Ledger(path.parent) as ledger:
            ledger.add(path.name, size, digest)
        aside.replace(path)
    except OSError as error:
        raise RunStopped(f"{path} could not be written ({_reason(error)}).") from error
    finally:
        with suppress(OSError):
            aside.unlink()


class OutputFolder:
    """Many new files in one folder, each whole, listed as ours, synced to the disk once at the end.

    Entered, it makes the folder; ``add`` writes a file. However the block ends, what was added is
    on the disk and known to be ours.

    Attributes:
        path: The folder.
        written: Files added so far.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.written = 0
        self._ledger = Ledger(path)

    def __enter__(self) -> Self:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._ledger.__enter__()
        except OSError as error:
            raise RunStopped(f"{self.path} cannot be written ({_reason(error)}).") from error
        return self

    def add(self, name: str, data: bytes) -> None:
        """Write one file.

        Raises:
            BadInput: A file of this name is there.
            RunStopped: It cannot be written; says how many were.
        """
        path = self.path / name
        _refuse_taken(path)
        try:
            self._ledger.add(name, len(data), hashlib.sha256(data).hexdigest())
            write_aside(path, data, sync=False)
        except OSError as error:
            raise RunStopped(
                f"{path} could not be written ({_reason(error)}); the {self.written:,} file(s) "
                f"before it are whole. Make room, then repeat the command with --overwrite."
            ) from error
        self.written += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ledger.__exit__(kind, error, trace)
        if hasattr(os, "sync"):  # one for all: a sync for each file takes most of the time
            os.sync()


def _stranger(target: Path) -> Path | None:
    """The first file at or below ``target`` that is not ours."""
    if target.is_symlink() or not target.is_dir():
        return None if is_ours(target, read_ledger(target.parent)) else target
    written = read_ledger(target)
    for path in sorted(target.iterdir()):
        if path.name == LEDGER or _is_aside(path.name):
            continue
        if path.is_dir() and not path.is_symlink():
            if not (path / LEDGER).exists():
                return path
            inside = _stranger(path)
            if inside is not None:
                return inside
        elif not is_ours(path, written):
            return path
    return None


def _clear_folder(folder: Path) -> None:
    written = read_ledger(folder)
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            if (path / LEDGER).exists():
                _clear_folder(path)
                if not any(path.iterdir()):
                    path.rmdir()
        elif _is_aside(path.name) or is_ours(path, written):
            path.unlink()
    if is_empty(folder):
        (folder / LEDGER).unlink(missing_ok=True)


def _refuse_taken(path: Path, overwrite: bool = False) -> None:
    if os.path.lexists(path) and not (overwrite and is_ours(path, read_ledger(path.parent))):
        raise BadInput(f"{path} exists already, so it was not written: choose another name.")


def _taken(path: Path) -> bool:
    try:
        return os.path.lexists(path) and not (path.is_dir() and is_empty(path))
    except OSError:  # a folder that cannot be listed
        return True


def _aside(path: Path) -> Path:
    start, end = _ASIDE
    return path.with_name(f"{start}{os.getpid()}-{next(_numbers)}{end}")


def _is_aside(name: str) -> bool:
    start, end = _ASIDE
    return name.startswith(start) and name.endswith(end)


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
