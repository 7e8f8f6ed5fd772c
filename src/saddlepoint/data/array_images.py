"""What an array's axes and numbers mean: layout and range recognised, or refused."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from saddlepoint.errors import BadInput

MIN_SIDE = 8
_AXES = {"NHWC": 4, "NCHW": 4, "NHW": 3, "ND": 2}
RANGES = {"0..255": (0.0, 255.0), "0..1": (0.0, 1.0), "-1..1": (-1.0, 1.0)}


def recognise_layout(shape: tuple[int, ...], layout: str, where: str) -> str:
    """Return NHWC, NCHW, NHW or ND for an array of ``shape``.

    Args:
        shape: The array's shape.
        layout: What the user says, or "auto": two axes are vectors, three grey images, and of
            four the channels are the one of the second and the last that is 1 to 4 long.
        where: The array's name in messages.

    Raises:
        BadInput: The shape is ambiguous or does not suit the layout.
    """
    shown = " × ".join(map(str, shape)) or "a single number"
    if layout != "auto":
        if len(shape) != _AXES[layout]:
            raise BadInput(
                f"{where} has {len(shape)} axes ({shown}), and layout {layout} needs "
                f"{_AXES[layout]}: reshape it or pass another layout."
            )
        return layout
    if len(shape) in (2, 3):
        return "ND" if len(shape) == 2 else "NHW"
    if len(shape) != 4:
        raise BadInput(
            f"{where} has {len(shape)} axes ({shown}): it should have 2 (vectors), 3 (grey "
            "images) or 4 (images with channels)."
        )
    first, last = 1 <= shape[1] <= 4, 1 <= shape[3] <= 4
    if first == last:
        which = "both could be" if first else "neither can be"
        raise BadInput(
            f"{where} has the shape {shown}, where of the second and the last axis {which} "
            "channels (1 to 4): pass layout='NHWC' or layout='NCHW'."
        )
    return "NCHW" if first else "NHWC"


def channels_last(values: NDArray[np.generic], layout: str, where: str) -> NDArray[np.generic]:
    """View images of any layout as (N, H, W, C).

    Raises:
        BadInput: Channels are not 1 to 4, or a side is shorter than 8 pixels.
    """
    if layout == "NHW":
        values = values[..., None]
    elif layout == "NCHW":
        values = values.transpose(0, 2, 3, 1)
    _, height, width, channels = values.shape
    if not 1 <= channels <= 4:
        raise BadInput(
            f"{where}, read as {layout}, has {channels} channels, and images have 1 to 4: pass "
            "another layout."
        )
    if min(height, width) < MIN_SIDE:
        raise BadInput(
            f"{where}, read as {layout}, holds images of {height}×{width} pixels, and a side "
            f"needs at least {MIN_SIDE}: enlarge them or pass another layout."
        )
    return values


def check_kind(values: NDArray[np.generic], where: str) -> None:
    """Refuse arrays that do not hold real numbers, and numbers that are not finite.

    Raises:
        BadInput: With the count of such numbers and the index of the first.
    """
    if values.dtype.kind not in "biuf":
        raise BadInput(
            f"{where} holds {values.dtype} values: convert it to uint8 or floating-point numbers."
        )
    if values.dtype.kind != "f":
        return
    finite = np.isfinite(values)
    if not finite.all():
        count = int(finite.size - np.count_nonzero(finite))
        first = np.unravel_index(int(np.argmin(finite)), values.shape)
        raise BadInput(
            f"{where} holds {count:,} value(s) that are NaN or infinite, the first at index "
            f"{tuple(int(axis) for axis in first)}: remove or replace them."
        )


def as_vectors(values: NDArray[np.generic], where: str) -> NDArray[np.float32]:
    """Return (N, D) vectors as float32, otherwise as given.

    Raises:
        BadInput: There is nothing in them, or a value is too large for float32.
    """
    if values.shape[1] == 0:
        raise BadInput(f"{where} holds vectors of no dimensions: give at least one column.")
    with np.errstate(over="ignore"):
        vectors = np.array(values, dtype=np.float32, order="C")
    if not np.isfinite(vectors).all():
        raise BadInput(f"{where} holds values too large for float32: scale them down.")
    return vectors


def as_pixels(
    values: NDArray[np.generic], value_range: str, where: str
) -> tuple[NDArray[np.generic], tuple[str, ...], str | None]:
    """Return images as uint8, or as float32 in [-1, 1], the notes that say how, and a guess.

    The last is the range if it was guessed from floating-point numbers, else None.

    Args:
        values: (N, H, W, C) of any real type, already finite.
        value_range: "0..255", "0..1", "-1..1", or "auto" to look at the data.
        where: The array's name in messages.

    Raises:
        BadInput: The values do not lie in the range, or in none that is recognised.
    """
    if values.size == 0:
        raise BadInput(f"{where} holds no images.")
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255), ("False and True became 0 and 255.",), None
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind in "iu" and value_range in ("auto", "0..255"):
        return *_integers(values, low, high, value_range, where), None
    note = f"Values were taken to lie in {value_range}, as asked"
    guess = None
    if value_range == "auto":
        value_range = guess = recognise_range(low, high, where)
        note = (
            f"Values from {low:g} to {high:g} were taken to lie in {value_range} "
            "(pass value_range if that is wrong)"
        )
    bottom, top = RANGES[value_range]
    if low < bottom or high > top:
        raise BadInput(
            f"{where} holds values from {low:g} to {high:g}, outside value_range "
            f"{value_range}: rescale them or pass another value_range."
        )
    pixels = np.array(values, dtype=np.float32, order="C")
    if value_range != "-1..1":
        pixels *= np.float32(2 / top)
        pixels -= 1
        # Rounding may leave the last bit outside.
        np.clip(pixels, -1, 1, out=pixels)
    return pixels, (f"{note}.",), guess


def _integers(
    values: NDArray[np.generic], low: float, high: float, value_range: str, where: str
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    if low < 0 or high > 255:
        raise BadInput(
            f"{where} holds {values.dtype} values from {low:g} to {high:g}, and integer images "
            "should lie in 0..255: convert it to uint8, or to floating point with a value_range."
        )
    notes = []
    if values.dtype != np.uint8:
        notes.append(f"{values.dtype} values, all within 0..255, were stored as uint8.")
    if high <= 1 and value_range == "auto":
        notes.append(
            "No value is above 1 of 255, so the images are almost black: pass "
            "value_range='0..1' if 1 is meant to be white."
        )
    return np.array(values, dtype=np.uint8, order="C"), tuple(notes)


def recognise_range(low: float, high: float, where: str) -> str:
    """The narrowest of the known ranges that holds ``low`` and ``high``.

    Raises:
        BadInput: None of them does.
    """
    if low >= 0 and high <= 1:
        return "0..1"
    if low >= -1 and high <= 1:
        return "-1..1"
    if low >= 0 and high <= 255:
        return "0..255"
    raise BadInput(
        f"{where} holds values from {low:g} to {high:g}, which is none of 0..1, -1..1 and 0..255: "
        "rescale them and pass value_range, for example value_range='0..1'."
    )
