"""From descriptions to learners."""

from __future__ import annotations

import torch

from saddlepoint.data.description import DataInfo
from saddlepoint.learners.adversarial import AdversarialLearner
from saddlepoint.learners.description import Adversarial, Variational
from saddlepoint.learners.interface import Learner
from saddlepoint.learners.variational import VariationalLearner
from saddlepoint.randomness import derive


def build_learner(
    description: Adversarial | Variational, data: DataInfo, *, batch_size: int, seed: int
) -> Learner:
    """A learner with its initial weights, on the CPU.

    The weights depend on ``seed`` alone, not on what was drawn before, and are the same for
    every device.

    Raises:
        BadInput: The description does not fit the data.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "initial weights"))
        if isinstance(description, Adversarial):
            return AdversarialLearner(description, data, batch_size)
        return VariationalLearner(description, data)
