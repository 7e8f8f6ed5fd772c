"""What explorations of variational autoencoders share: the model, and examples for it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from saddlepoint.errors import BadInput
from saddlepoint.learners.variational.learner import VariationalLearner
from saddlepoint.training.trained import Trained

BLOCK = 64  # examples that pass a network together, whatever their number


def autoencoder_of(model: Trained, member: int = 0) -> VariationalLearner:
    """The variational autoencoder of a run, of several seeds that of one.

    Raises:
        BadInput: The run is none, or has no such member.
    """
    if not 0 <= member < model.run.seeds:
        raise BadInput(f"there is no member {member}: the run has {model.run.seeds}, from 0.")
    if model.seeds:
        return autoencoder_of(model.seeds[member])
    learner = model.learner
    if not isinstance(learner, VariationalLearner):
        raise BadInput(
            f"this is for variational autoencoders, and the run's learner is "
            f"'{model.run.learner.kind}': train one with `saddlepoint train vae`."
        )
    if learner.members is None:
        return learner
    alone = learner.description.learner(model.data, batch_size=BLOCK, seed=0)
    assert isinstance(alone, VariationalLearner)
    own, weight = alone.state_dict(), next(learner.parameters())
    parts = {
        name: value if value.shape == own[name].shape else value[member]
        for name, value in learner.state_dict().items()
    }
    alone.load_state_dict(parts)
    return alone.to(weight).eval()


def examples_for(learner: VariationalLearner, x: ArrayLike | Tensor) -> Tensor:
    """Examples (n, *shape) as the model sees them, on the CPU.

    Raises:
        BadInput: They have another shape.
    """
    values = x.detach().cpu() if isinstance(x, Tensor) else torch.from_numpy(np.array(x))
    values = values.to(torch.float32) if values.dtype != torch.float64 else values
    if tuple(values.shape[1:]) != learner.shape or not len(values):
        raise BadInput(
            f"examples of shape {tuple(values.shape)}: (n, "
            f"{', '.join(map(str, learner.shape))}) are needed, images in [−1, 1]."
        )
    return values


def in_blocks(learner: VariationalLearner, x: Tensor) -> Iterator[tuple[int, int, Tensor]]:
    """Whole blocks of examples where the model is: (their number, how many count, (64, *shape)).

    The last is filled up with its first example, so that no result depends on how many others there
    are.
    """
    weight = next(learner.parameters())
    for number, part in enumerate(x.split(BLOCK)):
        more = part[:1].expand(BLOCK - len(part), *part.shape[1:])
        yield number, len(part), torch.cat([part, more]).to(weight)
