"""What a critic's head makes of classes: a projection, an auxiliary classifier, K + 1 classes.

Each takes the features (batch, features), the plain head's score (batch,) or None, and the labels
(batch,) or None, and gives a score and logits (batch, classes) or None.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from saddlepoint.networks.one_hot import one_hot
from saddlepoint.networks.precision import widened

Judged = tuple[Tensor, Tensor | None]


class ClassHead(nn.Module):
    """What all have in common.

    Attributes:
        classes: Their number.
        needs_label: Whether it must be told the labels.
        replaces_score: Whether the critic has no plain head beside it.
    """

    needs_label = False
    replaces_score = False

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes


class ProjectionHead(ClassHead):
    """s(x, y) = [s(x) +] ⟨V e_y, f(x)⟩, e_y the one-hot class and f the features.

    V starts from N(0, 1/features). It is a linear map, so that spectral normalisation divides it,
    too, by its largest singular value.

    Paper: Miyato and Koyama, cGANs with Projection Discriminator, 2018.
    """

    needs_label = True

    def __init__(self, features: int, classes: int, alone: bool) -> None:
        super().__init__(classes)
        self.replaces_score = alone
        self.directions = nn.Linear(classes, features, bias=False)
        nn.init.normal_(self.directions.weight, 0.0, 1 / math.sqrt(features))

    def forward(self, features: Tensor, score: Tensor | None, label: Tensor | None) -> Judged:
        """The score with the projection; no logits."""
        assert label is not None
        code = one_hot(label, self.classes).to(features.dtype)
        projected = (widened(features) * widened(self.directions(code))).sum(-1)
        return projected if score is None else score + projected, None


class ClassifierHead(ClassHead):
    """The plain score, and beside it logits of the classes from the same features.

    Paper: Odena, Olah and Shlens, Conditional Image Synthesis with Auxiliary Classifier GANs, 2017.
    """

    def __init__(self, features: int, classes: int) -> None:
        super().__init__(classes)
        self.logits = nn.Linear(features, classes)

    def forward(self, features: Tensor, score: Tensor | None, label: Tensor | None) -> Judged:
        """The score as it is, and logits."""
        assert score is not None
        return score, widened(self.logits(features))


class SumHead(ClassHead):
    """Logits l of K classes, and the score log Σₖ exp lₖ: a fake is a further class of logit 0.

    Then p(class k | x) = exp lₖ / (1 + Σ exp l), and σ(score) is the probability of being real.

    Paper: Salimans et al., Improved Techniques for Training GANs, 2016, section 5.
    """

    replaces_score = True

    def __init__(self, features: int, classes: int) -> None:
        super().__init__(classes)
        self.logits = nn.Linear(features, classes)

    def forward(self, features: Tensor, score: Tensor | None, label: Tensor | None) -> Judged:
        """The logarithm of the summed exponentials, and the logits."""
        logits = widened(self.logits(features))
        return torch.logsumexp(logits, -1), logits
