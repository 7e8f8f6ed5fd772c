"""The interface of the features room: from examples to the vectors that scores compare."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import final

from torch import Tensor

#: Called as (what is being done, units done, units in all), for a progress bar.
Progress = Callable[[str, int, int], None]


class FeatureSpace(ABC):
    """A fixed function from examples to vectors; leaves are frozen.

    Features are computed in float32 whatever autocast or reduced matrix precision is switched on
    around them: a distance is a small difference of large sums, which bfloat16 would drown.

    Attributes:
        name: Stands beside every figure, e.g. ``classifier of digits (accuracy 0.981)``.
        dimensions: Length of a feature vector.
        note: What is done to an example before the network sees it, and what else a reader of
            the figures should know, in whole sentences.
        key: Under what features may be kept on disk: two spaces with the same key give the same
            features. None if that cannot be known, as of a network handed over in memory.
    """

    name: str
    dimensions: int
    note: str
    key: str | None

    @property
    def weakness(self) -> str:
        """Why ``as real`` says little in this space, in a word; empty if it says something."""
        return ""

    @abstractmethod
    def of(self, images: Tensor, progress: Progress | None = None) -> Tensor:
        """The features of ``images``, computed in batches so that memory stays bounded.

        A row depends on its own example alone.

        Args:
            images: (n, channels, height, width) in [-1, 1], values outside being cut as in a
                saved picture; or vectors (n, dimensions) as in the data.
            progress: Told after each batch how many examples are done.

        Returns:
            float32 (n, ``self.dimensions``) on the device of ``images``.

        Raises:
            BadInput: The examples have another shape than the space takes, or hold a value that
                is not finite.
        """

    @abstractmethod
    def probabilities_from(self, features: Tensor) -> Tensor | None:
        """The probabilities of the classes (n, classes) given what ``of`` returned.

        None if the space is no classifier.
        """

    def shares_from(self, features: Tensor) -> Tensor | None:
        """What share of real data each class has, given real features: counts, or shares.

        A class counts where it is the most probable one. None if the classes, if there are any,
        are not those of the data.
        """
        return None

    @final
    def probabilities(self, images: Tensor, progress: Progress | None = None) -> Tensor | None:
        """The probabilities of the classes (n, classes), float32; None if it is no classifier.

        Whoever needs the features too should call ``of`` once, then ``probabilities_from``.
        """
        if self.probabilities_from(images.new_zeros(0, self.dimensions).float()) is None:
            return None
        return self.probabilities_from(self.of(images, progress))
