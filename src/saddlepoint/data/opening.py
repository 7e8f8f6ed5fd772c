"""From a description of data to the data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from saddlepoint.data.array_source import array_to_npz, open_array
from saddlepoint.data.dataset import Dataset
from saddlepoint.data.description import (
    Array,
    Cifar10,
    Digits,
    FashionMnist,
    Folder,
    Grid,
    Mnist,
    Ring,
    Spirals,
    StackedFashionMnist,
    SwissRoll,
    TwoLines,
)
from saddlepoint.data.folder import open_folder
from saddlepoint.data.official import open_cifar10, open_digits, open_idx
from saddlepoint.data.stacked import open_stacked
from saddlepoint.data.toys import open_toy
from saddlepoint.errors import BadInput

__all__ = ["array_to_npz", "open_data"]


def open_data(description: Any, *, keep: Path | None = None) -> Dataset:
    """Open the data that a description names.

    Args:
        description: One of the data descriptions.
        keep: The run's folder. A folder of images that is streamed stores its manifest there at
            the first start, and from then on refuses to go on if a file has changed.

    Raises:
        BadInput: The data are missing, unsuitable or changed; the sentence says which and what
            to do.
    """
    match description:
        case Digits():
            return open_digits(description)
        case FashionMnist() | Mnist():
            return open_idx(description)
        case StackedFashionMnist():
            return open_stacked(description)
        case Cifar10():
            return open_cifar10(description)
        case Folder():
            return open_folder(description, keep)
        case Array():
            return open_array(description)
        case Ring() | Grid() | SwissRoll() | Spirals() | TwoLines():
            return open_toy(description)
    raise BadInput(
        f"data should be described by one of the data descriptions, and this is a "
        f"{type(description).__name__}: see saddlepoint.data.describing.describe_data."
    )
