"""A tree of files to read from: a folder, or a .zip archive."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import weakref
import zipfile
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, final

from saddlepoint.data.reasons import reason_of
from saddlepoint.errors import BadInput

# As many bytes as the largest example has values (``bounds.MOST_VALUES``): a picture that is
# larger unpacked than that is no picture, but an archive made to fill the memory.
MOST_BYTES = 2**28
# Left behind by operating systems, and no part of anybody's data.
_SILENT = frozenset({"thumbs.db", "desktop.ini"})


def shown(name: str) -> str:
    """A file name that can be printed on one line and stored even if it is not valid UTF-8."""
    text = name.encode("utf-8", "backslashreplace").decode("utf-8")
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


@dataclass(frozen=True)
class Status:
    """What tells that a file changed, without reading it.

    Attributes:
        size: Bytes.
        stamp: In a folder the time of the last change in nanoseconds, in an archive the CRC-32.
    """

    size: int
    stamp: int


class Tree(ABC):
    """Files by their relative names, with forward slashes; any number of threads may read.

    Attributes:
        root: The folder or the archive.
        name: What it is called in messages and reports.
    """

    root: Path
    name: str

    @abstractmethod
    def files(self) -> list[str]:
        """The names of all files that are not hidden, sorted.

        Raises:
            BadInput: A folder in it cannot be listed.
        """

    @abstractmethod
    def status(self, name: str) -> Status:
        """Size and stamp of a file; ``OSError`` if it is not there."""

    @abstractmethod
    def head(self, name: str) -> AbstractContextManager[Path | IO[bytes]]:
        """What to read the beginning of a file from; ``OSError`` if it cannot be read."""

    @abstractmethod
    def source(self, name: str) -> Path | bytes:
        """What to decode a whole file from; ``OSError`` if it cannot be read."""

    @abstractmethod
    def digest(self, name: str) -> str:
        """SHA-256 of a file's content; ``OSError`` if it cannot be read."""

    @abstractmethod
    def content(self, name: str) -> tuple[Path | bytes, str]:
        """``source`` and ``digest`` of a file, which is read once; errors as theirs."""

    def place(self, name: str) -> str:
        """The file, as a message names it."""
        return shown(str(self.root / name))


def is_tree(path: Path) -> bool:
    """Whether ``path`` is a folder or a .zip archive."""
    return path.is_dir() or (path.is_file() and path.suffix.lower() == ".zip")


def open_tree(path: Path) -> Tree:
    """Open a folder or a .zip archive.

    Raises:
        BadInput: It is neither, or a damaged archive.
    """
    root = path.expanduser()
    if root.is_dir():
        return _FolderTree(root)
    if is_tree(root):
        return _ZipTree(root)
    what = "is a file" if root.exists() else "does not exist"
    raise BadInput(f"{root} {what}: give the path of a folder or of a .zip of images.")


def _hidden(part: str) -> bool:
    return part.startswith(".") or part.lower() in _SILENT


@final
class _FolderTree(Tree):
    """A folder; links to folders are followed, each folder once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.name = shown(root.resolve().name) or "folder"

    def files(self) -> list[str]:
        def refuse(error: OSError) -> None:
            raise BadInput(
                f"{error.filename} cannot be listed ({error.strerror}): make it readable or move "
                "it away."
            )

        names: list[str] = []
        visited: set[tuple[int, int]] = set()
        for folder, folders, files in os.walk(self.root, followlinks=True, onerror=refuse):
            status = os.stat(folder)
            if (status.st_dev, status.st_ino) in visited:
                folders.clear()
                continue
            visited.add((status.st_dev, status.st_ino))
            # Sorted, so that of two links to one folder always the same is followed.
            folders[:] = sorted(name for name in folders if not _hidden(name))
            relative = Path(folder).relative_to(self.root)
            names += [(relative / name).as_posix() for name in files if not _hidden(name)]
        return sorted(names)

    def status(self, name: str) -> Status:
        try:
            status = (self.root / name).stat()
        except FileNotFoundError:
            # Of a link into nowhere the link itself is what there is.
            status = (self.root / name).lstat()
        return Status(status.st_size, status.st_mtime_ns)

    def head(self, name: str) -> AbstractContextManager[Path | IO[bytes]]:
        return contextlib.nullcontext(self._regular(name))

    def source(self, name: str) -> Path | bytes:
        return self.root / name

    def digest(self, name: str) -> str:
        with self._regular(name).open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()

    def content(self, name: str) -> tuple[Path | bytes, str]:
        path = self._regular(name)
        if path.stat().st_size > MOST_BYTES:
            return path, self.digest(name)  # rather read twice than held whole
        content = path.read_bytes()
        return content, hashlib.sha256(content).hexdigest()

    def _regular(self, name: str) -> Path:
        path = self.root / name
        # Opening a pipe would wait for somebody to write into it.
        if not stat.S_ISREG(path.stat().st_mode):
            raise OSError("not a regular file")
        return path


@final
class _ZipTree(Tree):
    """A .zip archive, read without unpacking anything to disk."""

    def __init__(self, root: Path) -> None:
        self.root, self.name = root, shown(root.stem) or "archive"
        try:
            # An archive that opened its file itself also closes it, by a count of readers that
            # several threads can get wrong; one that was given the file leaves it open.
            file = root.open("rb")
            weakref.finalize(self, file.close)
            self._archive = zipfile.ZipFile(file)
            entries = {self._tidy(each): each for each in self._archive.infolist()}
        except Exception as error:  # zipfile raises nearly anything on damaged archives.
            raise BadInput(
                f"{root} cannot be read as a .zip archive ({reason_of(error)}): make it again, or "
                "unpack it and give the folder."
            ) from error
        self._entries = {name: each for name, each in entries.items() if name}

    @staticmethod
    def _tidy(entry: zipfile.ZipInfo) -> str:
        """The relative name; empty for folders and for what is hidden."""
        parts = [part for part in entry.filename.replace("\\", "/").split("/") if part != "."]
        if entry.filename.endswith(("/", "\\")):
            return ""
        parts = [part for part in parts if part not in ("", "..")]
        if not parts or any(_hidden(part) or part == "__MACOSX" for part in parts):
            return ""
        return "/".join(parts)

    def files(self) -> list[str]:
        return sorted(self._entries)

    def status(self, name: str) -> Status:
        entry = self._entry(name)
        return Status(entry.file_size, entry.CRC)

    def head(self, name: str) -> AbstractContextManager[Path | IO[bytes]]:
        return self._opened(self._entry(name))

    def source(self, name: str) -> bytes:
        entry = self._entry(name)
        try:
            with self._opened(entry) as content:
                return content.read()
        except OSError:
            raise
        except Exception as error:  # As above.
            raise OSError(f"damaged in the archive: {reason_of(error)}") from error

    def digest(self, name: str) -> str:
        return self.content(name)[1]

    def content(self, name: str) -> tuple[Path | bytes, str]:
        content = self.source(name)
        return content, hashlib.sha256(content).hexdigest()

    def _entry(self, name: str) -> zipfile.ZipInfo:
        try:
            return self._entries[name]
        except KeyError:
            raise FileNotFoundError(f"not in {self.root}") from None

    def _opened(self, entry: zipfile.ZipInfo) -> IO[bytes]:
        if entry.flag_bits & 1:
            raise OSError("encrypted; unpack the archive and give the folder")
        # What is read ends at the declared size, so the declaration can be relied on.
        if entry.file_size > MOST_BYTES:
            raise OSError(
                f"{entry.file_size:,} bytes once unpacked, and at most {MOST_BYTES:,} are taken"
            )
        try:
            return self._archive.open(entry)
        except OSError:
            raise
        except Exception as error:  # As above.
            raise OSError(f"damaged in the archive: {reason_of(error)}") from error
