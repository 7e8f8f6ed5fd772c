"""What a phase of training receives."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Some examples, on the training device.

    Attributes:
        x: (batch, channels, height, width) in [-1, 1], or (batch, dimensions) as in the data.
        label: Integer labels (batch,), or None where the data have none.
        labelled: Booleans shaped like ``label``, True where the label is known; None if all of
            the data's are.
        target: (batch, ...) what a learner should produce for each example, such as the class of
            each pixel; None for every source that a run can name today.
        length: Lengths (batch,) of sequences, or None.
        index: Numbers (batch,) that tell the examples of a split apart; None where these are
            changed at random, as mirrored images are, so that a number does not tell what is seen.
    """

    x: Tensor
    label: Tensor | None = None
    labelled: Tensor | None = None
    target: Tensor | None = None
    length: Tensor | None = None
    index: Tensor | None = None

    def __len__(self) -> int:
        return self.x.shape[0]
