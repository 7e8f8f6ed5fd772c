"""The data of a run, found again from its directory or where they moved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from saddlepoint.data.dataset import Dataset
from saddlepoint.data.describing import describe_data
from saddlepoint.data.description import Array, DataInfo, Folder
from saddlepoint.data.manifest import MANIFEST_NAME, Entry, load_manifest
from saddlepoint.data.opening import array_to_npz, open_data
from saddlepoint.data.tree import is_tree, open_tree
from saddlepoint.data.working import in_order, threads_for_files
from saddlepoint.errors import BadInput
from saddlepoint.training import folder

OWN_DATA = "data.npz"


def open_own_data(where: Path, data: Any = None) -> Dataset:
    """Open the data of the run in ``where``; its own stored array is found wherever it moved.

    Args:
        where: The run directory.
        data: Where the data are now, if they moved: the folder, the array file, or the folder of
            a downloaded set's files; or the array itself.

    Raises:
        BadInput: No run there, or its data are gone or are not those that it began with.
    """
    stored = folder.read(where)
    described = stored.run.data
    if data is not None:
        described = described_at(described, data, where)
        if isinstance(described, Folder) and (where / MANIFEST_NAME).is_file():
            _same_files(described.path.expanduser(), where)
        # These data are said to be there, so nothing is fetched in their place.
        if hasattr(described, "download"):
            described = described.replace(download=False)
    else:
        if isinstance(described, Array) and _stored(described, where):
            described = described.replace(path=where / OWN_DATA)
        _still_there(described, where)
    try:
        dataset = open_data(described, keep=where)
    except BadInput as error:
        if data is None and hasattr(described, "root"):
            raise BadInput(
                f"{error} If the files lie elsewhere, name their folder with --data PATH."
            ) from error
        raise
    if dataset.info.fingerprint != stored.data.fingerprint:
        difference = _difference(dataset.info, stored.data)
        if data is not None:
            raise BadInput(
                f"{place_of(described)} does not hold the data of {where}: {difference}. Give the "
                "data that the run began with, or start a new run."
            )
        raise BadInput(
            f"the data of {where} changed since the run began ({place_of(described)}): "
            f"{difference}. Put them back as they were (if they lie elsewhere now, name the place "
            "with --data PATH), or start a new run."
        )
    return dataset


def described_at(described: Any, data: Any, where: Path) -> Any:
    """The description of a run's data with another place, all else as it is.

    Raises:
        BadInput: ``data`` is not of the kind that the run was trained on, or does not exist.
    """
    if isinstance(described, Folder):
        path = _path(data, where, "a folder of images")
        if not is_tree(path):
            raise BadInput(
                f"{where} was trained on a folder of images, and {path} is no folder or .zip."
            )
        return described.replace(path=path)
    if isinstance(described, Array):
        if not isinstance(data, str | Path):
            handed = describe_data(data)
            if not isinstance(handed, Array):
                raise BadInput(f"{where} was trained on an array: give its file or the array.")
            there = described.replace(path=handed.path)
            there._values, there._labels = handed._values, handed._labels
            there._notes = handed._notes
            return there
        path = _path(data, where, "an array")
        if not path.is_file():
            raise BadInput(
                f"{where} was trained on an array, and {path} is no file: name the .npz or .npy "
                "file."
            )
        # A name within a file is of use for an .npz alone.
        key = described.key if path.suffix.lower() == ".npz" else None
        return described.replace(path=path, key=key)
    if hasattr(described, "root"):
        path = _path(data, where, described.kind)
        if not path.is_dir():
            raise BadInput(
                f"{where} was trained on {described.kind}, and {path} is no folder that holds its "
                "files."
            )
        return described.replace(root=path)
    raise BadInput(
        f"{where} was trained on {described.kind}, which is always at hand: leave out --data."
    )


def moved(described: Any, data: Any, where: Path) -> Any:
    """The description to keep for the next time, once data that moved were opened.

    An array that was handed over in memory is stored in the run directory.
    """
    there = described_at(described, data, where)
    if isinstance(there, Array) and there._values is not None:
        return array_to_npz(there, where / OWN_DATA)
    return there


def _path(data: Any, where: Path, kind: str) -> Path:
    place = data if isinstance(data, str | Path) else getattr(data, "path", None)
    place = getattr(data, "root", None) if place is None else place
    if not isinstance(place, str | Path):
        raise BadInput(f"{where} was trained on {kind}: say where it is with a path.")
    path = Path(place).expanduser().absolute()
    if not path.exists():
        raise BadInput(f"{path} does not exist, so the data of {where} are not there.")
    return path


def _stored(described: Array, where: Path) -> bool:
    """Whether the run's own copy of its array is what to open."""
    path = described.path
    named_so = path is None or path.name == OWN_DATA or not path.expanduser().is_file()
    return named_so and (where / OWN_DATA).exists()


def place_of(described: Any) -> str:
    """Where a description says that its data are."""
    place = getattr(described, "path", None) or getattr(described, "root", None)
    if place is None:
        return "the array" if isinstance(described, Array) else str(described.kind)
    return str(place)


def _still_there(described: Any, where: Path) -> None:
    """Refuse data whose place is gone; a downloaded set may be fetched again."""
    if isinstance(described, Folder):
        gone = not is_tree(described.path.expanduser())
    elif isinstance(described, Array):
        gone = described.path is not None and not described.path.expanduser().is_file()
    else:
        root = getattr(described, "root", None)
        gone = root is not None and not described.download and not root.expanduser().is_dir()
    if gone:
        raise BadInput(
            f"the data of {where} are not at {place_of(described)} any more: say where they are "
            "now with --data PATH, or put them back."
        )


def _same_files(root: Path, where: Path) -> None:
    """Hold every file of a streamed folder against its digest.

    Where a folder stayed in its place, size and time may vouch for a file; of a place that is
    named anew they prove nothing.
    """
    entries = [entry for entry in load_manifest(where / MANIFEST_NAME).entries if entry.sha256]
    tree = open_tree(root)

    def same(entry: Entry) -> bool:
        try:
            return tree.digest(entry.path) == entry.sha256
        except OSError:
            return False

    checked = in_order(same, entries, threads_for_files(), "checking images")
    wrong = [entry.path for entry, fits in zip(entries, checked, strict=True) if not fits]
    if wrong:
        what = "is another file" if wrong[0] in tree.files() else "is missing"
        raise BadInput(
            f"{root} does not hold the data of {where}: {tree.place(wrong[0])} {what} "
            f"({len(wrong):,} of {len(entries):,} files differ). Give the folder that the run "
            "began with, or start a new run."
        )


def _difference(now: DataInfo, before: DataInfo) -> str:
    """In what two data sets differ, as far as their descriptions tell."""
    parts = []
    if now.shape != before.shape:
        parts.append(f"the shape is {_shape(now)} instead of {_shape(before)}")
    if now.counts != before.counts:
        parts.append(f"there are {_counts(now)} examples instead of {_counts(before)}")
    if len(now.classes) != len(before.classes):
        parts.append(f"there are {len(now.classes)} classes instead of {len(before.classes)}")
    elif now.classes != before.classes:
        parts.append("the classes have other names")
    if parts:
        return ", and ".join(parts)
    return "shape and counts agree, but some examples, their order or their labels differ"


def _shape(info: DataInfo) -> str:
    return "×".join(map(str, info.shape))


def _counts(info: DataInfo) -> str:
    each = ", ".join(f"{count:,} {part}" for part, count in info.counts.items())
    return f"{sum(info.counts.values()):,} ({each})"
