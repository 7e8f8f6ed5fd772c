"""The items of a ``torch.utils.data.Dataset``, or of a list, one after the other (torch-free).

What is not torch's is never asked whether it is: torch is looked up only where somebody else has
imported it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from saddlepoint.data.limiting import chosen, limit_note
from saddlepoint.data.reasons import reason_of
from saddlepoint.errors import BadInput


def is_torch_dataset(value: object) -> bool:
    """Whether ``value`` is a ``torch.utils.data.Dataset``."""
    module = sys.modules.get("torch.utils.data")
    return module is not None and isinstance(value, module.Dataset)


def to_numpy(values: Any, what: str) -> NDArray[np.generic]:
    """An array or a tensor as an array.

    Raises:
        BadInput: It is neither.
    """
    # Of a tensor, without importing torch.
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        # NumPy has no bfloat16.
        values = values.float() if str(values.dtype) == "torch.bfloat16" else values
    try:
        return np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise BadInput(f"{what} cannot be read as an array ({reason_of(error)}).") from error


class Items:
    """What is handed over item by item, cut to its limit before any item is read.

    Attributes:
        notes: What the limit left out.
        expected: How many items will come.
    """

    def __init__(self, values: Any, limit: int | None, seed: int) -> None:
        """Count the items.

        Raises:
            BadInput: They have no number, or there are none.
        """
        self._values = values
        self._map_style = not _is_iterable(values)
        try:
            n = len(values)
        except Exception as error:
            raise BadInput(
                f"the {type(values).__name__} given as data has no length, so nobody knows when it "
                "ends: give it a __len__, or a list of as many items as you want."
            ) from error
        if n < 1:
            raise BadInput(f"the {type(values).__name__} given as data holds no items.")
        self._kept = chosen(n, limit, seed)
        self._n = n
        self.expected = n if self._kept is None else len(self._kept)
        self.notes = () if self._kept is None else (limit_note(self.expected, n, seed),)

    def __iter__(self) -> Iterator[tuple[int, Any, Any]]:
        """Each item's index, its image and its label, or None.

        Raises:
            BadInput: An item cannot be had, or is neither an example nor a pair.
        """
        if self._map_style:
            indices = range(self._n) if self._kept is None else map(int, self._kept)
            for index in indices:
                yield (index, *_parts(self._item(index), index))
            return
        kept = None if self._kept is None else set(self._kept.tolist())
        source, index = self._iterator(), 0
        while index < self._n:
            try:
                item = next(source)
            except StopIteration:
                raise BadInput(
                    f"the {type(self._values).__name__} given as data ends after {index:,} items, "
                    f"and its length is {self._n:,}: make them agree."
                ) from None
            except Exception as error:
                raise _unreadable(index, error) from error
            if kept is None or index in kept:
                yield (index, *_parts(item, index))
            index += 1

    def _item(self, index: int) -> object:
        try:
            return self._values[index]
        except Exception as error:
            raise _unreadable(index, error) from error

    def _iterator(self) -> Iterator[object]:
        try:
            return iter(self._values)
        except Exception as error:
            raise _unreadable(0, error) from error


def _is_iterable(values: object) -> bool:
    module = sys.modules.get("torch.utils.data")
    return module is not None and isinstance(values, module.IterableDataset)


def _unreadable(index: int, error: Exception) -> BadInput:
    name, reason = type(error).__name__, reason_of(error)
    return BadInput(
        f"item {index:,} of the data cannot be read ({name}"
        f"{f': {reason}' if reason != name else ''}): mend the data set, or leave that item out."
    )


def is_example(value: object) -> bool:
    """Whether ``value`` is a PIL image, an array or a tensor."""
    return isinstance(value, Image.Image) or hasattr(value, "__array__")


def _parts(item: object, index: int) -> tuple[object, object]:
    if is_example(item):
        return item, None
    if isinstance(item, tuple | list) and len(item) in (1, 2) and is_example(item[0]):
        return item[0], item[1] if len(item) == 2 else None
    what = f"a {type(item).__name__}"
    if isinstance(item, Mapping):
        what += f" with the keys {', '.join(map(str, list(item)[:5]))}"
    elif isinstance(item, tuple | list):
        what += f" of {len(item)} parts ({', '.join(type(part).__name__ for part in item[:5])})"
    raise BadInput(
        f"item {index:,} of the data is {what}: each should be a PIL image, an array or a tensor, "
        "or a pair (image, label)."
    )


def label_number(label: object, index: int) -> int:
    """A label as a whole number.

    Raises:
        BadInput: It is none.
    """
    if isinstance(label, bool | int | np.integer | np.bool_):
        return int(label)
    if hasattr(label, "__array__"):
        array = to_numpy(label, f"the label of item {index:,}")
        if array.size == 1 and array.dtype.kind in "biuf":
            number = array.reshape(-1)[0].item()
            if number == number and abs(number) < 2**63 and int(number) == number:
                return int(number)
    elif isinstance(label, float) and label.is_integer():
        return int(label)
    raise BadInput(
        f"the label of item {index:,} is {_shortly(label)}: number the classes 0, 1, 2, ..., or "
        "hand over images without labels."
    )


def _shortly(value: object) -> str:
    if hasattr(value, "shape"):
        return f"a {type(value).__name__} of shape {tuple(value.shape)}"
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."
