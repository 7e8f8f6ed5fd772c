"""The critic's whole loss of one turn at parameters that it does not have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from saddlepoint.games.turn import Labelled, Turn
from saddlepoint.learners.adversarial.judgement import Elsewhere
from saddlepoint.learners.losses import Term
from saddlepoint.schedules import value_at

if TYPE_CHECKING:
    from saddlepoint.learners.adversarial.duel import Duel


def critic_loss_at(duel: Duel, turn: Turn, at: Mapping[str, Tensor]) -> Tensor:
    """The cost of a turn's examples and fakes, what is asked of classes, penalties, auxiliaries.

    Args:
        duel: The game, with its penalties and auxiliaries.
        turn: A turn with examples.
        at: The critic's parameters by name.

    Returns:
        A scalar.
    """
    judge = Elsewhere(turn.judge, at)
    judged = cache(lambda: duel.outputs(judge, turn.real, turn.fake))
    turn = replace(turn, parameters=at, judge=judge, judged=judged)
    if turn.labelled is not None:
        known = Labelled.by(judge, turn.labelled.x, turn.labelled.label)
        turn = replace(turn, labelled=known)
    terms = [Term(duel.objective.critic(turn.real_score, turn.fake_score))]
    terms += duel.told.terms("critic", turn).values()
    for _, penalty, memory in duel.critic_memories:
        values = penalty.values(replace(turn, memory=memory))
        terms.append(Term(values, weight=value_at(penalty.weight, turn.moment)))
    for name, part, memory in duel.auxiliary_memories:
        if "critic" in part.joins and part.phase is None:
            values = part.values(replace(turn, memory=memory), duel.auxiliaries[name])
            terms.append(Term(values, weight=value_at(part.weight, turn.moment)))
    return torch.stack([term.weight * term.reduced for term in terms]).sum()
