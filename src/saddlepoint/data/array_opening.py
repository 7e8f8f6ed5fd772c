"""Arrays of images or vectors, from .npz and .npy files or from memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from saddlepoint.data.array import Array
from saddlepoint.data.array_file import ArrayFile
from saddlepoint.data.array_images import (
    as_pixels,
    as_vectors,
    channels_last,
    check_kind,
    recognise_layout,
)
from saddlepoint.data.array_keys import (
    NOTES_KEY,
    Official,
    image_key,
    label_key,
    official_keys,
)
from saddlepoint.data.bounds import too_many_values
from saddlepoint.data.items import to_numpy
from saddlepoint.data.resident import Examples, ResidentDataset, limited
from saddlepoint.data.source import MOST_CLASSES
from saddlepoint.errors import BadInput
from saddlepoint.outputs import aside_file


@dataclass(frozen=True)
class _Content:
    """What was read.

    Attributes:
        values: The examples, those of an official test set at the end.
        labels: Their labels, or None.
        where: How they are called in a message.
        name: Name of the data.
        notes: What is to be said of them.
        official_test: How many of the examples form an official test set.
    """

    values: NDArray[np.generic]
    labels: NDArray[np.generic] | None
    where: str
    name: str
    notes: tuple[str, ...] = ()
    official_test: int = 0


def open_array(description: Array) -> ResidentDataset:
    """Open an array of images or vectors.

    Raises:
        BadInput: The file, a key, the shape, the type, the range or the labels are wrong.
    """
    content = _read(description)
    values, where = content.values, content.where
    check_kind(values, where)
    layout = recognise_layout(values.shape, description.layout, where)
    if problem := too_many_values(values.shape[1:]):
        raise BadInput(f"{where}: {problem}.")
    stored: NDArray[np.generic]
    notes: tuple[str, ...]
    guess: str | None = None
    if layout == "ND":
        if description.value_range != "auto":
            raise BadInput(
                f"{where} holds vectors, whose values are taken as they are: leave out "
                "--data.value-range (of evaluate: --value-range), which is for images."
            )
        stored = as_vectors(values, where)
        notes = (f"Read as {len(values):,} vectors of {values.shape[1]} dimensions (ND).",)
    else:
        images = channels_last(values, layout, where)
        n, height, width, channels = images.shape
        stored, range_notes, guess = as_pixels(images, description.value_range, where)
        notes = (
            f"Read as {n:,} images of {height}×{width} pixels and {channels} channel(s) "
            f"({layout}).",
            *range_notes,
        )
    numbers, classes, label_notes = _read_labels(content.labels, len(values), where)
    notes = (*content.notes, *notes, *label_notes)
    examples = Examples(stored, numbers, classes, notes, content.official_test, guess)
    return ResidentDataset(
        content.name,
        limited(examples, description),
        description.split,
        description.flip,
        description.label_share,
    )


def promised_shape(description: Array) -> tuple[int, ...] | None:
    """``open_array(description).info.shape`` from the header of the file; None if there is none.

    Raises:
        BadInput: The file is missing or damaged, or its shape ambiguous.
    """
    where = "the array"
    if description._values is not None or description.path is None:
        shape = getattr(description._values, "shape", None)
        if shape is None:
            return None
    else:
        file = ArrayFile(description.path)
        key, where = None, str(file.path)
        if file.keys is not None:
            keys = [name for name in file.keys if name != NOTES_KEY]
            official = official_keys(keys) if description.key is None else None
            key = official.train if official else image_key(keys, description.key, file.path)
        shape = file.promise(key).shape
    layout = recognise_layout(tuple(shape), description.layout, where)
    if layout == "ND":
        return (int(shape[1]),)
    if layout == "NHW":
        return (1, int(shape[1]), int(shape[2]))
    channels, height, width = shape[1:] if layout == "NCHW" else (shape[3], shape[1], shape[2])
    return (int(channels), int(height), int(width))


def write_npz(path: Path, values: object, labels: object, notes: tuple[str, ...]) -> None:
    """Store an array, its labels (or None) and what was said of them.

    Raises:
        BadInput: It is not made of numbers, or cannot be written.
    """
    arrays = {"x": to_numpy(values, "the array")}
    if labels is not None:
        arrays["y"] = to_numpy(labels, "the labels")
    for name, array in arrays.items():
        # NumPy would pickle anything else.
        if array.dtype.kind not in "biuf":
            raise BadInput(f"{name} holds {array.dtype} values, which cannot be stored safely.")
    if notes:
        arrays[NOTES_KEY] = np.array(notes, dtype=np.str_)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside_file(path) as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
    except OSError as error:
        raise BadInput(f"the array could not be stored at {path} ({error}).") from error


def _read(description: Array) -> _Content:
    if description._values is not None:
        labels = description._labels
        return _Content(
            to_numpy(description._values, "the array"),
            None if labels is None else to_numpy(labels, "the labels"),
            "the array",
            "array",
            description._notes,
        )
    if description.path is None:
        raise BadInput(
            "this array description has neither a path nor values: pass path=, or give the "
            "array itself as the data."
        )
    file = ArrayFile(description.path)
    name = file.path.stem
    if file.keys is None:
        if description.key is not None:
            raise BadInput(
                f"{file.path} holds one array without a name: leave out key='{description.key}'."
            )
        return _Content(file.read(), None, str(file.path), name)
    keys = [key for key in file.keys if key != NOTES_KEY]
    if description.key is None and (official := official_keys(keys)):
        return _read_official(file, official, name)
    key = image_key(keys, description.key, file.path)
    partner = label_key(keys, key)
    return _Content(
        file.read(key),
        file.read(partner) if partner else None,
        f"'{key}' in {file.path}",
        name,
        _read_notes(file),
    )


def _read_notes(file: ArrayFile) -> tuple[str, ...]:
    """What was said of data from memory when they were stored."""
    if file.keys is None or NOTES_KEY not in file.keys:
        return ()
    notes = file.read(NOTES_KEY)
    return tuple(str(note) for note in notes) if notes.dtype.kind == "U" else ()


def _read_official(file: ArrayFile, keys: Official, name: str) -> _Content:
    """The training examples and, at the end, those of the official test set."""
    advice = f"make them alike, or pass key='{keys.train}' to leave {keys.test} out"
    one, other = file.promise(keys.train), file.promise(keys.test)
    if one.shape[1:] != other.shape[1:] or one.dtype != other.dtype or not one.shape:
        raise BadInput(
            f"{keys.train} and {keys.test} in {file.path} hold {one.dtype} of shape {one.shape} "
            f"and {other.dtype} of shape {other.shape}: {advice}."
        )
    if not other.shape[0]:
        raise BadInput(f"{keys.test} in {file.path} holds no examples: {advice}.")
    if (keys.train_labels is None) != (keys.test_labels is None):
        there = keys.train_labels or keys.test_labels
        raise BadInput(
            f"{file.path} holds {there}, and no labels for the other of {keys.train} and "
            f"{keys.test}: add them, or pass key='{keys.train}' to leave {keys.test} out."
        )
    test = file.read(keys.test)
    notes = [
        f"{keys.test} is the official test set: {len(test):,} of "
        f"{one.shape[0] + len(test):,} examples."
    ]
    if keys.others:
        notes.append(f"Not read: {', '.join(keys.others)}.")
    labels = None
    if keys.train_labels is not None and keys.test_labels is not None:
        parts = [file.read(keys.train_labels), file.read(keys.test_labels)]
        for part, n, key in zip(
            parts, (one.shape[0], len(test)), (keys.train_labels, keys.test_labels), strict=True
        ):
            if part.shape not in ((n,), (n, 1)):
                raise BadInput(
                    f"{key} in {file.path} has the shape {part.shape}, and {n:,} examples need "
                    f"({n},): one whole number each."
                )
        labels = np.concatenate([part.reshape(-1) for part in parts])
    return _Content(
        np.concatenate([file.read(keys.train), test]),
        labels,
        f"'{keys.train}' with '{keys.test}' in {file.path}",
        name,
        tuple(notes),
        len(test),
    )


def _read_labels(
    raw: NDArray[np.generic] | None, n: int, where: str
) -> tuple[NDArray[np.int64] | None, tuple[str, ...], tuple[str, ...]]:
    """Return int64 labels with -1 for unknown, the names of the classes, and notes."""
    if raw is None:
        return None, (), ()
    what = f"the labels of {where}"
    if raw.ndim == 2 and raw.shape[1] == 1:
        raw = raw[:, 0]
    if raw.ndim != 1 or len(raw) != n:
        raise BadInput(
            f"{what} have the shape {raw.shape}, and {n:,} examples need ({n},): one whole "
            "number each."
        )
    if raw.dtype.kind not in "biuf":
        raise BadInput(f"{what} are {raw.dtype} values: number the classes 0, 1, 2, ...")
    if raw.dtype.kind == "f" and not (np.isfinite(raw).all() and (raw == np.rint(raw)).all()):
        raise BadInput(f"{what} are not whole numbers: number the classes 0, 1, 2, ...")
    highest = int(raw.max()) if n else -1
    if highest >= max(n, MOST_CLASSES):
        raise BadInput(f"{what} go up to {highest:,}: number the classes 0, 1, 2, ...")
    labels = np.maximum(raw.astype(np.int64), -1)
    unknown = int((labels < 0).sum())
    if unknown == n:
        return None, (), ("Every label is negative, that is unknown, so none are used.",)
    notes = (f"{unknown:,} of {n:,} labels are unknown (negative).",) if unknown else ()
    return labels, tuple(str(number) for number in range(highest + 1)), notes
