"""The feature space of stacked data: one classifier of the grey data, applied to each channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from saddlepoint.data.info import DataInfo
from saddlepoint.errors import BadInput
from saddlepoint.features.classifier import ClassifierSpace
from saddlepoint.features.interface import FeatureSpace, Progress


@final
@dataclass(frozen=True)
class StackedSpace(FeatureSpace):
    """The features of each channel side by side, first channel first.

    A classifier of a thousand classes would have few examples of each; the channels are drawn
    independently of each other, so a classifier of one channel's ten classes knows all that
    there is to know: p(abc|x) = p(a|x₁) p(b|x₂) p(c|x₃).

    Attributes:
        single: The classifier of one channel.
        channels: How many there are.
        shape: Of one example.
    """

    name: str
    dimensions: int
    note: str
    key: str | None
    single: ClassifierSpace
    channels: int
    shape: tuple[int, ...]

    @override
    def of(self, images: Tensor, progress: Progress | None = None) -> Tensor:
        """See ``FeatureSpace.of``."""
        if tuple(images.shape[1:]) != self.shape:
            raise BadInput(
                f"{self.name} takes examples of shape {self.shape}, and these have "
                f"{tuple(images.shape[1:])}."
            )
        grey = images.reshape(-1, 1, *self.shape[1:])
        return self.single.of(grey, progress).reshape(len(images), self.dimensions)

    @override
    def probabilities_from(self, features: Tensor) -> Tensor:
        """(n, classes to the power of channels), the first channel's class leading."""
        each = self._of_channels(features)
        joint = each[:, 0]
        for channel in range(1, self.channels):
            joint = (joint[:, :, None] * each[:, channel, None, :]).flatten(1)
        return joint

    @override
    def shares_from(self, features: Tensor) -> Tensor:
        """Products of the shares of a single channel's classes, over all channels of the examples.

        Counting the thousand classes would leave some of them empty in a few thousand examples.
        """
        labels = self._of_channels(features).argmax(-1).flatten()
        counts = torch.bincount(labels, minlength=len(self.single.classes)).double()
        share = counts / counts.sum()
        joint = share
        for _ in range(1, self.channels):
            joint = (joint[:, None] * share).flatten()
        return joint

    def _of_channels(self, features: Tensor) -> Tensor:
        """p(class) of each channel, (n, channels, classes)."""
        each = self.single.probabilities_from(features.reshape(-1, self.single.dimensions))
        return each.reshape(len(features), self.channels, len(self.single.classes))


def stacked_space(single: ClassifierSpace, info: DataInfo) -> StackedSpace:
    """The space of data that are stacked from those that ``single`` classifies."""
    channels, right = info.shape[0], single.measured.accuracy
    return StackedSpace(
        name=f"{single.name} on each of {channels} channels",
        dimensions=channels * single.dimensions,
        note=f"{single.note} It sees each channel by itself; all {channels} are classified right "
        f"in {right**channels:.3f} of real examples, as they are drawn independently.",
        key=None if single.key is None else f"{single.key} × {channels}",
        single=single,
        channels=channels,
        shape=info.shape,
    )
