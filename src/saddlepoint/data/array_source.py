"""Arrays of images or vectors, from .npz and .npy files or from memory."""

from __future__ import annotations

import os
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from saddlepoint.data.array_images import (
    as_pixels,
    as_vectors,
    channels_last,
    check_kind,
    recognise_layout,
)
from saddlepoint.data.description import Array
from saddlepoint.data.resident import Examples, ResidentDataset
from saddlepoint.errors import BadInput, did_you_mean

_IMAGE_KEYS = ("x", "images")
_LABEL_KEYS = ("y", "labels")
# Labels number the classes, and every class gets a name and perhaps an embedding.
_MOST_CLASSES = 10_000


def open_array(description: Array) -> ResidentDataset:
    """Open an array of images or vectors.

    Raises:
        BadInput: The file, a key, the shape, the type, the range or the labels are wrong.
    """
    values, labels, where, name = _read(description)
    check_kind(values, where)
    layout = recognise_layout(values.shape, description.layout, where)
    stored: NDArray[Any]
    notes: tuple[str, ...]
    if layout == "ND":
        stored = as_vectors(values, where)
        notes = (f"Read as {len(values):,} vectors of {values.shape[1]} dimensions (ND).",)
    else:
        images = channels_last(values, layout, where)
        n, height, width, channels = images.shape
        stored, range_notes = as_pixels(images, description.value_range, where)
        notes = (
            f"Read as {n:,} images of {height}×{width} pixels and {channels} channel(s) "
            f"({layout}).",
            *range_notes,
        )
    numbers, classes, label_notes = _read_labels(labels, len(values), where)
    examples = Examples(stored, numbers, classes, notes + label_notes)
    return ResidentDataset(name, examples, description.split, description.flip)


def array_to_npz(description: Array, path: Path) -> Array:
    """Store the in-memory values and labels of ``description`` at ``path``.

    Returns:
        A description with the same settings that reads the file.

    Raises:
        BadInput: There is nothing in memory, or it is not made of numbers.
    """
    if description._values is None:
        raise BadInput(
            "this array description holds nothing in memory: pass path=, or give the array itself "
            "as the data."
        )
    arrays = {"x": _to_numpy(description._values, "the array")}
    if description._labels is not None:
        arrays["y"] = _to_numpy(description._labels, "the labels")
    for name, array in arrays.items():
        # NumPy would pickle anything else.
        if array.dtype.kind not in "biuf":
            raise BadInput(f"{name} holds {array.dtype} values, which cannot be stored safely.")
    path = path.expanduser()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, aside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, **arrays)  # type: ignore[arg-type]
                file.flush()
                os.fsync(file.fileno())
            os.chmod(aside, 0o644)
            os.replace(aside, path)
        finally:
            Path(aside).unlink(missing_ok=True)
    except OSError as error:
        raise BadInput(f"the array could not be stored at {path} ({error}).") from error
    return description.replace(path=path, key="x")


def _to_numpy(values: Any, what: str) -> NDArray[Any]:
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        # NumPy has no bfloat16.
        values = values.float() if values.dtype == torch.bfloat16 else values
    try:
        return np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise BadInput(f"{what} cannot be read as an array ({error}).") from error


def _read(description: Array) -> tuple[NDArray[Any], NDArray[Any] | None, str, str]:
    """Return values, labels, how to call them in a message, and the name of the data."""
    if description._values is not None:
        labels = description._labels
        return (
            _to_numpy(description._values, "the array"),
            None if labels is None else _to_numpy(labels, "the labels"),
            "the array",
            "array",
        )
    if description.path is None:
        raise BadInput(
            "this array description has neither a path nor values: pass path=, or give the "
            "array itself as the data."
        )
    path = description.path.expanduser()
    if not path.is_file():
        raise BadInput(f"{path} is not a file: give the path of an .npz or .npy file.")
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            if description.key is not None:
                raise BadInput(
                    f"{path} holds one array without a name: leave out key='{description.key}'."
                )
            return loaded, None, str(path), path.stem
        with loaded:
            key = _image_key(list(loaded.files), description.key, path)
            label_key = _label_key(list(loaded.files), key)
            labels = loaded[label_key] if label_key else None
            return loaded[key], labels, f"'{key}' in {path}", path.stem
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        if "allow_pickle" in str(error):
            raise BadInput(
                f"{path} is damaged, no array file, or holds Python objects, which are never "
                "unpickled: store plain numbers with numpy.savez."
            ) from error
        raise BadInput(f"{path} cannot be read as .npz or .npy ({error}).") from error


def _image_key(keys: list[str], asked: str | None, path: Path) -> str:
    listed = ", ".join(keys) or "nothing"
    if asked is not None:
        if asked not in keys:
            raise BadInput(
                f"{path} has no array '{asked}', only {listed}.{did_you_mean(asked, keys)}"
            )
        return asked
    for key in _IMAGE_KEYS:
        if key in keys:
            return key
    candidates = [key for key in keys if key not in _LABEL_KEYS]
    if len(candidates) != 1:
        raise BadInput(
            f"{path} holds {listed}, and none is called x or images: say which one with key="
            f"{repr(candidates[0]) if candidates else '...'}."
        )
    return candidates[0]


def _label_key(keys: list[str], key: str) -> str | None:
    # The labels of x_train are y_train, where there are such.
    partner = ("y" + key[1:],) if key.startswith("x") else ()
    return next((name for name in (*partner, *_LABEL_KEYS) if name in keys and name != key), None)


def _read_labels(
    raw: NDArray[Any] | None, n: int, where: str
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
    if highest >= max(n, _MOST_CLASSES):
        raise BadInput(f"{what} go up to {highest:,}: number the classes 0, 1, 2, ...")
    labels = np.maximum(raw.astype(np.int64), -1)
    unknown = int((labels < 0).sum())
    if unknown == n:
        return None, (), ("Every label is negative, that is unknown, so none are used.",)
    notes = (f"{unknown:,} of {n:,} labels are unknown (negative).",) if unknown else ()
    return labels, tuple(str(number) for number in range(highest + 1)), notes
