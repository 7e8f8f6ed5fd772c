"""From descriptions to learners."""

from __future__ import annotations

import torch

from saddlepoint.data.description import DataInfo
from saddlepoint.learners.adversarial import AdversarialLearner
from saddlepoint.learners.description import Adversarial, Variational
from saddlepoint.learners.interface import Learner
from saddlepoint.learners.variational import VariationalLearner
from saddlepoint.networks.members import stack_into
from saddlepoint.randomness import derive


def build_learner(
    description: Adversarial | Variational,
    data: DataInfo,
    *,
    batch_size: int,
    seed: int | tuple[int, ...],
) -> Learner:
    """A learner with its initial weights, on the CPU.

    The weights depend on ``seed`` alone, not on what was drawn before, and are the same for
    every device. With a tuple of seeds, the learner holds one member a seed, each with the
    weights that it would have alone.

    Raises:
        BadInput: The description does not fit the data.
    """
    if isinstance(seed, tuple):
        learner = _build(description, data, batch_size, len(seed))
        singles = [build_learner(description, data, batch_size=batch_size, seed=s) for s in seed]
        stack_into(learner, list(singles))
        return learner
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "initial weights"))
        return _build(description, data, batch_size, None)


def _build(
    description: Adversarial | Variational, data: DataInfo, batch_size: int, members: int | None
) -> Learner:
    if isinstance(description, Adversarial):
        return AdversarialLearner(description, data, batch_size, members)
    return VariationalLearner(description, data, members)
