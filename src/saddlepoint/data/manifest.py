"""The manifest of a streamed folder: what each file was when the run began."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass
from pathlib import Path

from saddlepoint.data.fitting import Rendering
from saddlepoint.data.tree import Status, Tree, open_tree
from saddlepoint.data.working import in_order, threads_for_files
from saddlepoint.errors import BadInput
from saddlepoint.outputs import write_aside

MANIFEST_NAME = "manifest.json"
_FORMAT = 1
OTHER = "--other-data"
# What a manifest that does not name them was written with.
_DEFAULTS = {"bits": 16, "label_level": 1, "limit": None}


@dataclass(frozen=True)
class Entry:
    """One file.

    Attributes:
        path: Relative to the folder, with forward slashes.
        size: Bytes.
        stamp: Time of the last change in nanoseconds; in an archive the CRC-32.
        sha256: Digest of the content, or "" if it could not be read.
        problem: Why the file is left out, or "" if it is a good image.
        label: Number of the class, -1 if unknown.
    """

    path: str
    size: int
    stamp: int
    sha256: str
    problem: str
    label: int


@dataclass(frozen=True)
class Manifest:
    """All files of a folder, whose order decides the order of the examples.

    Attributes:
        settings: The options of the folder that decide what its images become.
        rendering: What was decided from them and from the images.
        classes: Names of the labels; empty without labels.
        notes: What was decided or skipped.
        entries: The files, sorted.
    """

    settings: dict[str, object]
    rendering: Rendering
    classes: tuple[str, ...]
    notes: tuple[str, ...]
    entries: tuple[Entry, ...]

    def save(self, path: Path) -> None:
        """Write the manifest aside, then rename it.

        Raises:
            BadInput: The folder cannot be written.
        """
        content = {
            "format": _FORMAT,
            "settings": self.settings,
            "rendering": asdict(self.rendering),
            "classes": self.classes,
            "notes": self.notes,
            "entries": [astuple(entry) for entry in self.entries],
        }
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_aside(path, json.dumps(content).encode("ascii"))
        except OSError as error:
            raise BadInput(f"the manifest cannot be stored at {path} ({error}).") from error


def load_manifest(path: Path) -> Manifest:
    """Read a manifest.

    Raises:
        BadInput: It is damaged or of another format.
    """
    if path.is_dir():
        raise BadInput(
            f"{path} is a folder, and the manifest of a run is a file: restore it, or start a new "
            "run."
        )
    try:
        content = json.loads(path.read_text(encoding="ascii"))
        if content["format"] != _FORMAT:
            raise ValueError(f"format {content['format']}")
        rendering = dict(content["rendering"])
        rendering["background"] = tuple(rendering["background"])
        return Manifest(
            settings=dict(content["settings"]),
            rendering=Rendering(**rendering),
            classes=tuple(content["classes"]),
            notes=tuple(content["notes"]),
            entries=tuple(Entry(*entry) for entry in content["entries"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadInput(
            f"{path} cannot be read as the manifest of a run ({error!r}): restore it, or start a "
            "new run."
        ) from error


def check_unchanged(
    manifest: Manifest, settings: dict[str, object], tree: Tree, names: Sequence[str]
) -> None:
    """Refuse a folder or archive that is no longer what it was when the run began.

    A file of the same size and stamp counts as unchanged without being read; if only the stamp
    differs, as after copying a folder, the digest decides. Files that a limit left out may come
    and go.

    Args:
        manifest: The stored manifest.
        settings: The options asked for now.
        tree: The folder or archive.
        names: The image files found in it now, sorted.

    Raises:
        BadInput: Naming the first option or file that differs.
    """
    for name, value in settings.items():
        before = manifest.settings.get(name, _DEFAULTS.get(name))
        if before != value:
            raise BadInput(
                f"the run began with {name} = {before!r} for {tree.root}, not {value!r}: resume "
                "with the same, or start a new run."
            )
    counts = f"the run has {len(manifest.entries):,} files, and now there are {len(names):,}"
    advice = (
        f"restore it, go on with the data as they are by `saddlepoint resume ... {OTHER}`, or "
        "start a new run"
    )
    present = set(names)
    for entry in manifest.entries:
        place = tree.place(entry.path)
        if entry.path not in present:
            raise BadInput(
                f"{place} is missing, and was there when the run began ({counts}): {advice}."
            )
        if _changed(entry, tree):
            raise BadInput(f"{place} changed since the run began: {advice}.")
    if settings.get("limit") == len(manifest.entries):
        return
    added = sorted(present - {entry.path for entry in manifest.entries})
    if added:
        raise BadInput(
            f"{tree.place(added[0])} was added since the run began ({len(added):,} new "
            f"file(s): {counts}): move it away, go on with the data as they are by `saddlepoint "
            f"resume ... {OTHER}`, or start a new run."
        )


def check_same_files(root: Path, run: Path) -> None:
    """Hold every file of a folder that moved against its digest in the run's manifest.

    Where a folder stayed in its place, size and time may vouch for a file; of a place that is
    named anew they prove nothing.

    Raises:
        BadInput: Naming the first file that differs.
    """
    entries = [entry for entry in load_manifest(run / MANIFEST_NAME).entries if entry.sha256]
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
            f"{root} does not hold the data of {run}: {tree.place(wrong[0])} {what} "
            f"({len(wrong):,} of {len(entries):,} files differ). Give the folder that the run "
            f"has, go on with this one by {OTHER}, or start a new run."
        )


def _changed(entry: Entry, tree: Tree) -> bool:
    try:
        status = tree.status(entry.path)
        if status.size != entry.size:
            return True
        if status == Status(entry.size, entry.stamp):
            return False
        return tree.digest(entry.path) != entry.sha256
    except OSError:
        return True
