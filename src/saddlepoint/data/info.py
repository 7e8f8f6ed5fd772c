"""What is known of data once they were opened, without holding them (torch-free)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, PrivateAttr

from saddlepoint.description import Description

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class DataInfo(Description):
    """What a learner, a checkpoint and a report need to know of the data without holding them.

    Two are equal if their fields are. The mean is no field: it is computed when a learner asks for
    it, which few do, and a run that is opened again does without.
    """

    name: str
    shape: tuple[int, ...] = Field(
        description="(channels, height, width), (dimensions,) or (steps, dimensions)."
    )
    form: Literal["vectors", "images", "sequences"] = Field(
        description="Images lie in [-1, 1] and are shown as pictures."
    )
    classes: tuple[str, ...] = Field((), description="Names of the labels, in order.")
    class_counts: tuple[int, ...] = Field(
        (), description="Training examples of each class whose label is known; empty without."
    )
    labelled_in_batch: int | None = Field(
        None,
        description="So many examples of each training batch have a known label, and come first; "
        "None: as many as chance has it.",
    )
    counts: dict[str, int] = Field(description="Examples in train, validation and test.")
    fingerprint: str = Field(
        description="SHA-256 over the examples (of a folder, over its files), the labels that are "
        "used and the split."
    )
    centre: tuple[float, ...] = Field((), description="Mean of vectors; empty for images.")
    guessed_range: str | None = Field(
        None, description="Range that floating-point images were taken to have, if not stated."
    )
    official_test: bool = Field(
        False, description="Whether the test split is the test set that the data came with."
    )
    scale: float = Field(1.0, gt=0, description="Standard deviation of vectors over all axes.")
    notes: tuple[str, ...] = Field(
        (), description="What was decided or skipped, one sentence each."
    )

    _mean: Callable[[], NDArray[np.float64]] | None = PrivateAttr(None)

    def with_mean(self, compute: Callable[[], NDArray[np.float64]]) -> Self:
        """The same, knowing how the mean is computed: once, when it is first asked for."""
        fresh = self.model_copy()
        fresh._mean = cache(compute)
        return fresh

    @property
    def mean(self) -> NDArray[np.float64]:
        """The mean of the training examples as a network receives them, of their shape.

        Of a folder that is streamed, that of its first 10,000 in the split's fixed order.

        Raises:
            LookupError: It is not known without the data.
        """
        if self._mean is None:
            raise LookupError(f"the mean of {self.name} is not known without the data")
        return self._mean()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DataInfo) and dict(self) == dict(other)

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    @property
    def images(self) -> bool:
        """Whether the examples are images."""
        return self.form == "images"

    @property
    def labelled(self) -> int:
        """How many training examples have a label that is known."""
        return sum(self.class_counts)
