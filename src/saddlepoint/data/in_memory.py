"""Data handed over in Python, from arrays to data sets of torch, described as one array."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, TypeVarTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from saddlepoint.data.array import Array
from saddlepoint.data.array_images import RANGES, check_kind, recognise_layout, recognise_range
from saddlepoint.data.bounds import check_memory, in_bytes, physical_memory
from saddlepoint.data.decoding import Facts, Header, header_of, pixels_of
from saddlepoint.data.folder import Folder
from saddlepoint.data.folder_notes import notes_on, setting
from saddlepoint.data.items import (
    Items,
    is_example,
    is_torch_dataset,
    label_number,
    to_numpy,
)
from saddlepoint.data.pillow_warnings import load, without_pillow_warnings
from saddlepoint.data.reasons import reason_of
from saddlepoint.data.survey import choose_rendering
from saddlepoint.description import validated
from saddlepoint.errors import BadInput, did_you_mean

#: Settings of a folder that say how images are made alike; images in memory take them too.
RENDERING = ("size", "resize", "channels", "background", "bits")
_JUDGED = 2000


def describe_in_memory(value: object, settings: dict[str, object]) -> Array:
    """Describe what was handed over; pictures and arrays of several sizes are made alike.

    Args:
        value: An array or a tensor; a list of arrays or of PIL images; a torch ``Dataset``; or a
            pair of one of these and labels.
        settings: Fields of ``Array``, and of ``Folder`` those of ``RENDERING``.

    Raises:
        BadInput: It is none of these, or a setting does not fit.
    """
    known = [name for name in Array.model_fields if name not in ("path", "key")]
    for name in settings:
        if name not in (*known, *RENDERING):
            raise BadInput(
                f"'{name}' is not an option of data in memory."
                f"{did_you_mean(name, [*known, *RENDERING])}"
            )
    rendering = {name: settings[name] for name in RENDERING if name in settings}
    described: Array = validated(
        Array, {name: each for name, each in settings.items() if name not in RENDERING}
    )
    values, labels = _apart(value)
    if not isinstance(values, list | tuple) and not is_torch_dataset(values):
        if rendering:
            raise BadInput(
                f"{next(iter(rendering))} is for images that are made alike one by one, and an "
                "array is taken as it is: hand over a list of its images."
            )
        return _holding(described, values, labels)
    items = Items(values, described.limit, described.split.seed)
    examples, headers, labels = _gathered(items, values, labels)
    before: tuple[str, ...] = items.notes
    if is_torch_dataset(values):
        name = type(values).__name__
        before += (f"Each item of the {name} was read once: what it draws at random is fixed.",)
    if not rendering and not any(isinstance(each, Image.Image) for _, each in examples):
        stacked = _stacked(examples)
        if stacked is not None:
            return _holding(described, stacked, labels, before)
    pixels, notes = _rendered(examples, headers, described, rendering, settings)
    plain = described.replace(layout="NHWC", value_range="0..255")
    return _holding(plain, pixels, labels, before + notes)


def _holding(
    described: Array, values: object, labels: object, notes: tuple[str, ...] = ()
) -> Array:
    described._values, described._labels, described._notes = values, labels, notes
    return described


def _apart(value: object) -> tuple[object, object]:
    """Examples and labels, or None."""
    if isinstance(value, tuple):
        if len(value) == 2:
            value, labels = value
            if is_torch_dataset(value):
                raise BadInput(
                    "labels beside a data set of torch: let its items be pairs (image, label)."
                )
            return _listed(value), labels
        # Of three or more, pictures are a list; arrays and their labels are a mistake.
        if not value or not all(_is_picture(each) for each in value):
            raise BadInput(
                f"a tuple given as data should be (array, labels), and this has {len(value)} parts."
            )
    return _listed(value), None


def _is_picture(value: object) -> bool:
    return isinstance(value, Image.Image) or len(getattr(value, "shape", ())) >= 2


def _listed(value: object) -> object:
    """``value`` itself, if it can be data."""
    if isinstance(value, Image.Image):
        raise BadInput("one picture is no data: hand over a list of pictures.")
    if isinstance(value, list | tuple):
        if not value:
            raise BadInput("the list given as data is empty.")
        for index, each in enumerate(value):
            if not is_example(each):
                raise BadInput(
                    f"item {index:,} of the list given as data is a {type(each).__name__}: each "
                    "should be an array or a PIL image."
                )
        return value
    if not hasattr(value, "__array__") and not is_torch_dataset(value):
        raise BadInput(
            "data must be a name, a path, an array, a list of arrays or PIL images, or a data set "
            f"of torch, and this is a {type(value).__name__}."
        )
    return value


Examples = list[tuple[int, Any]]
Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")


def _gathered(
    items: Items, values: Any, labels: object
) -> tuple[Examples, dict[int, Header], NDArray[np.generic] | None]:
    """All examples with their index (PIL images, or NumPy arrays), and their labels.

    In between are the headers of the PIL images, by index.
    """
    examples: Examples = []
    headers: dict[int, Header] = {}
    numbers: list[int] = []
    held, memory = 0, physical_memory()
    for index, each, label in items:
        if not isinstance(each, Image.Image):
            each = to_numpy(each, f"item {index:,} of the data")
            held += each.nbytes
        else:
            header = _attempt(index, header_of, each)
            # Loaded here, since an image that is not keeps its file open.
            _attempt(index, load, each)
            headers[index] = header
            held += each.width * each.height * len(each.getbands())
        examples.append((index, each))
        n = len(examples)
        # Items differ in size, so of a few thousand the rest is judged with a wide margin.
        about = held * items.expected // n
        if memory is not None and (held > memory or (n == _JUDGED and about > 8 * memory)):
            raise BadInput(
                f"the first {n:,} of {items.expected:,} items take {in_bytes(held)}, all of them "
                f"about {in_bytes(about)}, and this machine has {in_bytes(memory)}: pass a limit, "
                "or write them to a folder, which can be streamed."
            )
        if label is not None:
            numbers.append(label_number(label, index))
        if (label is None and numbers) or len(numbers) not in (0, len(examples)):
            raise BadInput(
                f"item {index:,} of the data has {'no' if label is None else 'a'} label, unlike "
                "those before it: give all items one, -1 where it is not known."
            )
    if labels is not None:
        given = to_numpy(labels, "the labels")
        total = len(values)
        if given.shape not in ((total,), (total, 1)):
            raise BadInput(
                f"the labels have the shape {given.shape}, and {total:,} items need ({total},): "
                "one whole number each."
            )
        return examples, headers, given.reshape(-1)[[index for index, _ in examples]]
    return examples, headers, np.array(numbers, dtype=np.int64) if numbers else None


def _stacked(examples: Examples) -> NDArray[np.generic] | None:
    """Arrays of one shape as one array; None if their shapes differ."""
    first = examples[0][1]
    for index, each in examples:
        if each.dtype.kind != first.dtype.kind:
            raise BadInput(
                f"item {index:,} of the data holds {each.dtype} values, and the first one "
                f"{first.dtype}: give all of them one type."
            )
    if any(each.shape != first.shape for _, each in examples):
        if any(each.ndim < 2 for _, each in examples):
            lengths = sorted({each.shape for _, each in examples})[:3]
            raise BadInput(
                f"the items are vectors of several shapes ({', '.join(map(str, lengths))}, ...): "
                "give all of them one length."
            )
        return None
    return np.stack([each for _, each in examples])


def _rendered(
    examples: Examples,
    known: dict[int, Header],
    described: Array,
    rendering: dict[str, object],
    settings: dict[str, object],
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Pictures made alike by the rules of a folder: (N, H, W, C), and notes."""
    folder: Folder = validated(Folder, {"path": ".", **rendering})
    arrays = [(index, each) for index, each in examples if index not in known]
    for name in ("layout", "value_range"):
        if name in settings and not arrays:
            raise BadInput(f"{name} is for arrays, and these are PIL images: leave it out.")
    to_picture, notes = _pictures_of(arrays, described)
    pictures: list[Image.Image] = []
    headers: list[Header] = []
    for index, each in examples:
        picture = each if index in known else to_picture(each, index)
        pictures.append(picture)
        headers.append(known.get(index) or _attempt(index, header_of, picture))
    alike = choose_rendering(folder, headers)
    size = (alike.height, alike.width, alike.channels)
    check_memory(
        len(pictures) * alike.height * alike.width * alike.channels,
        f"{len(pictures):,} images of {alike.height}×{alike.width} need",
        "lower the size, or pass a limit",
    )
    pixels = np.empty((len(pictures), *size), dtype=np.uint8)
    facts: list[Facts] = []
    for row, (index, _) in enumerate(examples):
        pixels[row], seen = _attempt(index, pixels_of, pictures[row], alike, headers[row])
        facts.append(seen)
    picture_notes = notes_on(
        headers,
        facts,
        alike,
        free_channels=folder.channels == "auto",
        problems={},
        total=len(pictures),
        spelled=setting,
    )
    return pixels, notes + picture_notes


def _attempt(index: int, function: Callable[[*Arguments], Result], *args: *Arguments) -> Result:
    try:
        with without_pillow_warnings():
            return function(*args)
    except Exception as error:  # Pictures may still be read from their files here.
        raise BadInput(
            f"item {index:,} of the data cannot be decoded ({reason_of(error)})."
        ) from error


def _pictures_of(
    indexed: list[tuple[int, NDArray[np.generic]]], described: Array
) -> tuple[Any, tuple[str, ...]]:
    """How an array becomes a picture, one range for all of them, and notes that say it."""
    if not indexed:
        return None, ()
    where = "the arrays"
    for index, each in indexed:
        check_kind(each, f"item {index:,} of the data")
        if not each.size:
            raise BadInput(f"item {index:,} of the data is empty: leave it out.")
    arrays = [each for _, each in indexed]
    kinds = sorted({each.dtype.name for each in arrays})
    if len({each.dtype.kind for each in arrays}) > 1:
        raise BadInput(f"{where} hold {' and '.join(kinds)} values: give all of them one type.")
    low = min(float(each.min()) for each in arrays)
    high = max(float(each.max()) for each in arrays)
    value_range: str = described.value_range
    notes: tuple[str, ...] = ()
    whole = arrays[0].dtype.kind in "biu" and value_range in ("auto", "0..255")
    deep = whole and high > 255 and kinds == ["uint16"] and value_range == "auto"
    if whole:
        if low < 0 or (high > 255 and not deep):
            raise BadInput(
                f"{where} hold {', '.join(kinds)} values from {low:g} to {high:g}, and integer "
                "images should lie in 0..255 (or be grey uint16): convert them to uint8."
            )
    else:
        if value_range == "auto":
            value_range = recognise_range(low, high, where)
        bottom, top = RANGES[value_range]
        if low < bottom or high > top:
            raise BadInput(
                f"{where} hold values from {low:g} to {high:g}, outside value_range {value_range}: "
                "rescale them or pass another value_range."
            )
        guess = " (pass value_range if that is wrong)" if described.value_range == "auto" else ""
        notes = (
            f"Values from {low:g} to {high:g} were taken to lie in {value_range}{guess} and "
            "rounded to 8 bits, since images that are resized are pictures.",
        )

    def picture(values: NDArray[np.generic], index: int) -> Image.Image:
        name = f"item {index:,} of the data"
        layout = recognise_layout((1, *values.shape), described.layout, name)
        if layout == "ND":
            raise BadInput(f"{name} has one axis: images have two or three.")
        if layout == "NCHW":
            values = values.transpose(1, 2, 0)
        if values.ndim == 3 and values.shape[2] == 1:
            values = values[..., 0]
        if values.ndim == 3 and not 2 <= values.shape[2] <= 4:
            raise BadInput(
                f"{name}, read as {layout}, has {values.shape[2]} channels, and images have 1 to "
                "4: pass another layout."
            )
        if deep:
            if values.ndim == 3:
                raise BadInput(
                    f"{name} holds uint16 values above 255 in {values.shape[2]} channels, and only "
                    "grey images can have 16 bits: convert it to uint8."
                )
            return Image.fromarray(np.ascontiguousarray(values))
        if values.dtype.kind == "b":
            values = values.astype(np.uint8) * np.uint8(255)
        elif not whole:
            bottom, top = RANGES[value_range]
            values = np.rint((values.astype(np.float64) - bottom) * (255 / (top - bottom)))
        return Image.fromarray(np.ascontiguousarray(values.astype(np.uint8)))

    return picture, notes
