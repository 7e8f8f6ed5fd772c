"""The labels that the sub-folders of a folder or archive give, and what is said of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from saddlepoint.data.tree import shown
from saddlepoint.errors import BadInput

_CLASSES_NAMED = 10
_FOLDERS_NAMED = 5


def folder_labels(
    paths: Sequence[str], root: Path, level: int = 1
) -> tuple[tuple[str, ...], NDArray[np.int64], tuple[str, ...]]:
    """Number the sub-folders of one level in sorted order; of one name, they are one class.

    Args:
        paths: Relative names of the images.
        root: Where they lie, for messages.
        level: 1 for the sub-folders of ``root``, 2 for those within these, and so on.

    Returns:
        The names of the classes, the (N,) labels with -1 for images outside any such sub-folder,
        and notes.

    Raises:
        BadInput: No image lies in such a sub-folder.
    """
    parents = [path.split("/")[:-1] for path in paths]
    named = [parts[level - 1] if len(parts) >= level else None for parts in parents]
    names = sorted({name for name in named if name is not None})
    where = "" if level == 1 else f" {level} levels deep"
    if not names:
        raise BadInput(
            f"{root} has no sub-folders{where} with images to take labels from: sort the images "
            "into one sub-folder per class, or leave labels off."
        )
    number = {name: index for index, name in enumerate(names)}
    labels = np.array([-1 if name is None else number[name] for name in named], dtype=np.int64)
    notes = [_census(names, np.bincount(labels[labels >= 0], minlength=len(names)))]
    if warning := _one_level_up(parents, level):
        notes.append(warning)
    if loose := int((labels < 0).sum()):
        notes.append(f"{loose:,} image(s) outside any sub-folder{where} have no label.")
    return tuple(shown(name) for name in names), labels, tuple(notes)


def folders_without_labels(paths: Sequence[str]) -> tuple[str, ...]:
    """A note that there are sub-folders, which labels could be taken from; none below two."""
    names = sorted({path.split("/", 1)[0] for path in paths if "/" in path})
    if len(names) < 2:
        return ()
    return (
        f"Without labels: the names of the {len(names):,} sub-folders ({_listed(names)}) would be "
        "taken by --data.labels (labels=True in Python).",
    )


def _census(names: Sequence[str], counts: NDArray[np.int64]) -> str:
    each = [
        f"{shown(name)} ({count:,})"
        for name, count in zip(names[:_CLASSES_NAMED], counts.tolist(), strict=False)
    ]
    what = "1 class" if len(names) == 1 else f"{len(names):,} classes"
    if (rest := len(names) - _CLASSES_NAMED) > 0:
        return f"Labels: {what}, {', '.join(each)} and {rest:,} more."
    return f"Labels: {what}, {_joined(each)}."


def _one_level_up(parents: Sequence[Sequence[str]], level: int) -> str:
    """A warning if the folders below those of the classes look like the classes themselves.

    They do where no image lies in a class folder directly, and several names of folders below
    come back from class to class (train/cat, train/dog, val/cat, val/dog), or there is but one
    class.
    """
    below: defaultdict[str, set[str]] = defaultdict(set)
    for parts in parents:
        if len(parts) == level:
            return ""
        if len(parts) > level:
            below[parts[level - 1]].add(parts[level])
    times = Counter(name for names in below.values() for name in names)
    inner = sorted(name for name, n in times.items() if n > 1 or len(below) == 1)
    if len(inner) < 2:
        return ""
    classes = sorted(below)
    if len(classes) == 1:
        what = f"every label is {shown(classes[0])}, which holds folders of its own, "
    else:
        what = f"{_listed(classes)} hold folders named alike, "
    which = "the top level" if level == 1 else f"level {level}"
    return (
        f"Warning: {what}{_listed(inner)}. Classes were taken from {which}; for {_listed(inner)} "
        f"pass --data.label-level {level + 1} (label_level={level + 1} in Python), or give "
        f".../{shown(classes[0])} as the data."
    )


def _listed(names: Sequence[str]) -> str:
    if len(names) <= _FOLDERS_NAMED:
        return _joined([shown(name) for name in names])
    first = ", ".join(shown(name) for name in names[:_FOLDERS_NAMED])
    return f"{first} and {len(names) - _FOLDERS_NAMED:,} more"


def _joined(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
