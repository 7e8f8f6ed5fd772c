"""The image files of a folder and the labels that its sub-folders give."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from saddlepoint.data.pictures import EXTENSIONS
from saddlepoint.errors import BadInput


def shown(name: str) -> str:
    """A file name that can be printed and stored even if it is not valid UTF-8."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def find_images(root: Path) -> list[str]:
    """Return the image files below ``root``, sorted, as relative paths with forward slashes.

    Files are taken by their extension; hidden files and folders are passed over. Links to
    folders are followed, each folder once.

    Raises:
        BadInput: There is no such folder, it cannot be listed, or it holds no images.
    """
    if not root.is_dir():
        what = "is a file" if root.exists() else "does not exist"
        raise BadInput(f"{root} {what}: give the path of a folder of images.")

    def refuse(error: OSError) -> None:
        raise BadInput(
            f"{error.filename} cannot be listed ({error.strerror}): make it readable or move it "
            "away."
        )

    found: list[str] = []
    others = 0
    visited: set[tuple[int, int]] = set()
    for folder, folders, files in os.walk(root, followlinks=True, onerror=refuse):
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in visited:
            folders.clear()
            continue
        visited.add((status.st_dev, status.st_ino))
        # Sorted, so that of two links to one folder always the same is followed.
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        relative = Path(folder).relative_to(root)
        for name in files:
            if name.startswith("."):
                continue
            if os.path.splitext(name)[1].lower() in EXTENSIONS:
                found.append((relative / name).as_posix())
            else:
                others += 1
    if not found:
        more = f" ({others:,} other file(s) were passed over)" if others else ""
        raise BadInput(
            f"{root} holds no PNG, JPEG, WebP, BMP or GIF images{more}: put images there or give "
            "another folder."
        )
    return sorted(found)


def folder_labels(
    paths: Sequence[str], root: Path
) -> tuple[tuple[str, ...], NDArray[np.int64], tuple[str, ...]]:
    """Number the top-level sub-folders in sorted order.

    Returns:
        The names of the classes, the (N,) labels with -1 for images outside any sub-folder, and
        notes.

    Raises:
        BadInput: No image lies in a sub-folder.
    """
    tops = [path.split("/", 1)[0] if "/" in path else None for path in paths]
    names = sorted({top for top in tops if top is not None})
    if not names:
        raise BadInput(
            f"{root} has no sub-folders with images to take labels from: sort the images into "
            "one sub-folder per class, or leave labels off."
        )
    number = {name: index for index, name in enumerate(names)}
    labels = np.array([-1 if top is None else number[top] for top in tops], dtype=np.int64)
    loose = int((labels < 0).sum())
    notes = (f"{loose:,} image(s) outside any sub-folder have no label.",) if loose else ()
    return tuple(shown(name) for name in names), labels, notes
