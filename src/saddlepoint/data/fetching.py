"""Finding the files of a public data set, or fetching them from their official address."""

from __future__ import annotations

import hashlib
import http.client
import os
import tempfile
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from saddlepoint.data.working import Bar
from saddlepoint.errors import BadInput

_TIMEOUT_SECONDS = 30
_PIECE = 1 << 18


@dataclass(frozen=True)
class Remote:
    """A file with an official address and its published MD5 sum."""

    name: str
    url: str
    md5: str


def cache_folder(name: str) -> Path:
    """Where fetched files are kept: $SADDLEPOINT_DATA/name, else ~/.cache/saddlepoint/name."""
    given = os.environ.get("SADDLEPOINT_DATA")
    base = Path(given).expanduser() if given else Path.home() / ".cache" / "saddlepoint"
    return base / name


def obtain(
    remote: Remote,
    *,
    data: str,
    root: Path | None,
    known: Sequence[Path] = (),
    accepted: Sequence[str] = (),
    download: bool = True,
) -> Path:
    """Return the path of a file, fetching it if it is nowhere.

    Args:
        remote: The file.
        data: Name of the data set, for the cache and for messages.
        root: The user's folder; if given, only this folder is searched, and it receives the
            file.
        known: Folders to search before the cache.
        accepted: Other names, such as the unpacked file's, that do as well.
        download: Whether the file may be fetched.

    Raises:
        BadInput: The file is missing and cannot or may not be fetched.
    """
    target = root.expanduser() if root is not None else cache_folder(data)
    for folder in [target] if root is not None else [*known, target]:
        for name in (remote.name, *accepted):
            if (folder / name).exists():
                return folder / name
    if not download:
        raise BadInput(
            f"{data} needs {remote.name}, which is not in {target}: put it there (it comes from "
            f"{remote.url}), or allow downloads."
        )
    path = target / remote.name
    fetch(remote, path, data)
    return path


def fetch(remote: Remote, path: Path, data: str) -> None:
    """Fetch a file to ``path``: written aside, checked against its MD5 sum, then renamed.

    Raises:
        BadInput: No network, no such file, cut off, or another checksum.
    """
    help_yourself = f"fetch it elsewhere and put it in {path.parent}, or try again later"
    aside: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.md5(usedforsecurity=False)
        with urllib.request.urlopen(remote.url, timeout=_TIMEOUT_SECONDS) as answer:
            length = answer.headers.get("Content-Length")
            total = int(length) if length and length.isdigit() else None
            received = 0
            # The name is this process's own, so that two runs may fetch at the same time.
            handle, name = tempfile.mkstemp(prefix=f".{remote.name}.", dir=path.parent)
            aside = Path(name)
            with (
                os.fdopen(handle, "wb") as file,
                Bar(f"fetching {remote.name}", total, of_bytes=True, delay=0.5) as bar,
            ):
                while piece := answer.read(_PIECE):
                    file.write(piece)
                    digest.update(piece)
                    received += len(piece)
                    bar.advance(len(piece))
                file.flush()
                os.fsync(file.fileno())
        if total is not None and received != total:
            raise BadInput(
                f"{remote.name} from {remote.url} broke off after {received:,} of {total:,} "
                f"bytes: {help_yourself}."
            )
        if digest.hexdigest() != remote.md5:
            raise BadInput(
                f"{remote.name} from {remote.url} is not the official file (MD5 "
                f"{digest.hexdigest()} instead of {remote.md5}) and was thrown away: "
                f"{help_yourself}."
            )
        aside.chmod(0o644)
        aside.replace(path)
        aside = None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise BadInput(
            f"{data} needs {remote.name}, which could not be fetched from {remote.url} "
            f"({error}): {help_yourself}."
        ) from error
    finally:
        if aside is not None:
            aside.unlink(missing_ok=True)
