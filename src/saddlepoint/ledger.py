"""The list of the files that this program wrote to a folder, kept in the folder (torch-free).

``.saddlepoint.jsonl`` names each with its size and SHA-256. Lines are only appended, each before
its file appears under its name: the list knows everything that is there even if the process is
killed, several processes may write to one folder, and memory does not grow with the files.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from saddlepoint.errors import BadInput

LEDGER = ".saddlepoint.jsonl"
_HEAD = {"written_by": "saddlepoint", "format": 1}


class Ledger:
    """The list, open to append.

    One line goes out in one write, so that two processes do not mix theirs.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LEDGER
        self._handle = -1

    def __enter__(self) -> Self:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
        self._handle = os.open(self._path, flags, 0o644)
        size = os.fstat(self._handle).st_size
        if size == 0:
            self._append(json.dumps(_HEAD))
        elif _last_byte(self._path) != b"\n":  # a line that a crash cut off
            self._append("")
        return self

    def add(self, name: str, size: int, digest: str) -> None:
        """List a file that is about to appear."""
        self._append(json.dumps([name, size, digest]))

    def _append(self, line: str) -> None:
        whole = f"{line}\n".encode()
        if os.write(self._handle, whole) < len(whole):  # the disk took a part
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._handle)


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1)


def read_ledger(folder: Path) -> dict[str, set[tuple[int, str]]]:
    """What was written to a folder: by name, sizes and digests of all versions.

    Raises:
        BadInput: A file of the list's name is something else.
    """
    path = folder / LEDGER
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise BadInput(
            f"{path} cannot be read ({error}): make it readable, or move it away."
        ) from error
    written: dict[str, set[tuple[int, str]]] = {}
    for number, line in enumerate(lines):
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            entry = None  # cut off by a crash
        if number == 0 and entry != _HEAD:
            raise BadInput(
                f"{path} is not a list of files as this version of saddlepoint keeps it: move it "
                "away."
            )
        if isinstance(entry, list) and len(entry) == 3:
            name, size, digest = entry
            written.setdefault(str(name), set()).add((size, digest))
    return written


def is_ours(path: Path, written: dict[str, set[tuple[int, str]]]) -> bool:
    """Whether ``path`` is a file that is listed, and is still what was written."""
    versions = written.get(path.name)
    if not versions or path.is_symlink() or not path.is_file():
        return False
    try:
        size = path.stat().st_size
        if all(size != known for known, _ in versions):
            return False
        with path.open("rb") as file:
            return (size, hashlib.file_digest(file, "sha256").hexdigest()) in versions
    except OSError:
        return False
