"""The shape of the examples that a description gives, without opening it where that is cheap."""

from __future__ import annotations

from typing import Any

from saddlepoint.data.array_file import ArrayFile
from saddlepoint.data.array_images import recognise_layout
from saddlepoint.data.array_keys import NOTES_KEY, image_key, official_keys
from saddlepoint.data.description import Array, Folder, Grid, Ring, Spirals, SwissRoll, TwoLines
from saddlepoint.data.survey import survey, surveyed_rendering

_BUILT_IN = {
    "digits": (1, 8, 8),
    "fashion-mnist": (1, 28, 28),
    "mnist": (1, 28, 28),
    "cifar10": (3, 32, 32),
    "stacked-fashion-mnist": (3, 28, 28),
}


def natural_shape(description: Any) -> tuple[int, ...]:
    """``open_data(description).info.shape``: (channels, height, width), or (dimensions,).

    A folder is asked for the headers of its images, a file for the header of its array, and
    nothing is fetched or decoded. What is found to be damaged only when it is decoded has a say
    here and none there; that can make a folder's shape another.

    Raises:
        BadInput: The data are missing or damaged, or no data.
    """
    match description:
        case Folder():
            rendering = surveyed_rendering(description, survey(description))
            return (rendering.channels, rendering.height, rendering.width)
        case Array():
            return _of_array(description)
        case Ring() | Grid() | SwissRoll() | Spirals() | TwoLines():
            return (2,)
    kind = getattr(description, "kind", None)
    if kind in _BUILT_IN:
        return _BUILT_IN[kind]
    # Imported here: opening needs torch, and asking does not.
    from saddlepoint.data.opening import open_data

    return open_data(description).info.shape


def _of_array(description: Array) -> tuple[int, ...]:
    where = "the array"
    if description._values is not None or description.path is None:
        shape = getattr(description._values, "shape", None)
        if shape is None:
            from saddlepoint.data.opening import open_data

            return open_data(description).info.shape
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
