"""The kinds of data that a run can name (torch-free)."""

from __future__ import annotations

from typing import Annotated

from saddlepoint.data.array import Array
from saddlepoint.data.folder import Folder
from saddlepoint.data.published import (
    Cifar10,
    Digits,
    FashionMnist,
    Mnist,
    StackedFashionMnist,
    Svhn,
)
from saddlepoint.data.source import DataSource
from saddlepoint.data.toys import Grid, Ring, Spirals, SwissRoll, TwoLines
from saddlepoint.description import one_of

SOURCES: list[type[DataSource]] = [
    Digits,
    FashionMnist,
    StackedFashionMnist,
    Mnist,
    Cifar10,
    Svhn,
    Folder,
    Array,
    Ring,
    Grid,
    SwissRoll,
    Spirals,
    TwoLines,
]
AnySource = Annotated[DataSource, one_of(SOURCES)]


def built_in() -> dict[str, type[DataSource]]:
    """The sources that one word names, by that word."""
    return {source.word(): source for source in SOURCES if source.named}
