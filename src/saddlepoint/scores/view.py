"""What a score sees: one candidate against the reference, in one feature space."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from torch import Tensor

from saddlepoint.data.mixture import Mixture
from saddlepoint.metrics import memorisation, precision_recall

if TYPE_CHECKING:
    from saddlepoint.scores.recognised import Recognised

NEIGHBOURS = 1000  # samples whose nearest training example is looked for
TRAIN = 60_000  # training examples that are looked through


@dataclass(frozen=True)
class View:
    """One comparison: arrays and features, and nothing of where they come from.

    Examples are (n, *shape) float32 on the CPU, images in [-1, 1]. Work that several scores share
    is done once, when the first of them asks.

    Attributes:
        images: Whether the examples are images.
        real: The reference.
        fake: The candidate, or the control in its place.
        real_features: (n, d) of the reference.
        fake_features: (m, d) of the candidate.
        control: Real examples that are not in the reference.
        is_control: Whether the control stands in the candidate's place.
        probabilities: Class probabilities (m, classes) of the candidate; None without classifier.
        real_shares: How often each of the data's classes occurs in the reference, counts or
            shares; None if the space does not tell these classes apart.
        train: What the generator learned from; None if not known.
        mixture: The known modes of a toy.
        seed: Seed of everything random in scores.
        unseen: Real examples that the generator has not seen; None: ``real`` are such.
        labels: The classes that the candidate's examples were asked to be of, or are (m,); None
            where that is not known.
        real_labels: Those of the reference (n,), −1 where one is not known; None likewise.
        recognition: What the learner itself recognises; None where it recognises nothing.
    """

    images: bool
    real: Tensor
    fake: Tensor
    real_features: Tensor
    fake_features: Tensor
    control: Tensor
    is_control: bool
    probabilities: Tensor | None
    real_shares: Tensor | None
    train: Tensor | None
    mixture: Mixture | None
    seed: int
    unseen: Tensor | None = None
    labels: Tensor | None = None
    real_labels: Tensor | None = None
    recognition: Recognised | None = None

    @property
    def held_out(self) -> Tensor:
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
        fake, real = self.fake[:NEIGHBOURS], self.held_out[:NEIGHBOURS]
        train = self.train[:TRAIN]
        if self.images:
            return memorisation.memorisation_of_images(fake, train, real)
        return memorisation.memorisation(fake, train, real)
