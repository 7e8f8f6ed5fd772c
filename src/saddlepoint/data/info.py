"""What is known of data once they were opened, without holding them (torch-free)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from saddlepoint.description import Description


class DataInfo(Description):
    """What a learner, a checkpoint and a report need to know of the data without holding them."""

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

    @property
    def images(self) -> bool:
        """Whether the examples are images."""
        return self.form == "images"

    @property
    def labelled(self) -> int:
        """How many training examples have a label that is known."""
        return sum(self.class_counts)
