"""What a score sees: one candidate against the reference, in one feature space."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from saddlepoint.data.mixture import Mixture
from saddlepoint.evaluation.sides import Side
from saddlepoint.metrics import memorisation, precision_recall

NEIGHBOURS = 1000  # samples whose nearest training example is looked for
TRAIN = 60_000  # training examples that are looked through


@dataclass(frozen=True)
class View:
    """One comparison.

    Work that several scores share is done once, when the first of them asks.

    Attributes:
        space: Name of the feature space.
        images: Whether the examples are images.
        real: The reference.
        fake: The candidate, or the control in its place.
        real_features: (n, d) of the reference.
        fake_features: (m, d) of the candidate.
        probabilities: Class probabilities (m, classes) of the candidate; None without classifier.
        real_shares: How often each of the data's classes occurs in the reference, counts or
            shares; None if the space does not tell these classes apart.
        train: What the generator learned from; None if not known.
        control: Real examples that are not in the reference.
        mixture: The known modes of a toy.
        seed: Seed of everything random in scores.
        unseen: Real examples that the generator has not seen; ``real`` by default.
    """

    space: str
    images: bool
    real: Side
    fake: Side
    real_features: Tensor
    fake_features: Tensor
    probabilities: Tensor | None
    real_shares: Tensor | None
    train: Side | None
    control: Side
    mixture: Mixture | None
    seed: int
    unseen: Side | None = None

    @property
    def held_out(self) -> Side:
        """Real examples that the generator has not seen."""
        return self.real if self.unseen is None else self.unseen

    @property
    def dimensions(self) -> int:
        """Length of a feature vector."""
        return self.real_features.shape[1]

    @property
    def smaller(self) -> int:
        """Examples of the smaller side."""
        return min(len(self.real), len(self.fake))

    @cached_property
    def prdc(self) -> precision_recall.PrdcEstimates:
        """Precision, recall, density and coverage."""
        return precision_recall.prdc_estimates(self.real_features, self.fake_features)

    @cached_property
    def memory(self) -> memorisation.Memorisation:
        """Distances to the training data, of at most ``NEIGHBOURS`` samples and real examples."""
        assert self.train is not None
        x, real = self.fake.x[:NEIGHBOURS], self.held_out.x[:NEIGHBOURS]
        train = self.train.x[:TRAIN]
        if self.images:
            return memorisation.memorisation_of_images(x, train, real)
        return memorisation.memorisation(x, train, real)

    def closest_pairs(self, count: int) -> NDArray[np.floating]:
        """Samples beside the training images that they are nearest to: (4 · count, c, h, w).

        First the ``count`` samples that are closest to the training data, then their nearest
        training images; then the first ``count`` samples, then theirs.
        """
        assert self.train is not None
        closest, at, _ = self.memory.closest(count)
        first = self.memory.nearest.indices[:count, 0]
        rows = [self.fake.x[closest], self.train.x[at], self.fake.x[:count], self.train.x[first]]
        return torch.cat(rows).numpy()
