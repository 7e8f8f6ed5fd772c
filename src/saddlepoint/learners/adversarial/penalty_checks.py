"""Which penalties a critic can pay, which of them are computed together, and how they are paid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from torch import Tensor

from saddlepoint.errors import BadInput
from saddlepoint.games.regulariser import Regulariser
from saddlepoint.games.turn import Turn
from saddlepoint.learners.losses import Term
from saddlepoint.networks.critic import Critic
from saddlepoint.networks.repeating import drops_units

# how to get rid of what mixes a critic's examples
REMEDIES = {
    "batch norm": "norm layer (or virtual, or none)",
    "minibatch discrimination": "minibatch none",
    "minibatch standard deviation": "minibatch none",
}


def check_penalties(penalties: Sequence[Regulariser], critic: Critic, where: str) -> None:
    """Refuse penalties that this critic gives no meaning.

    Args:
        penalties: Those of the critic.
        critic: The critic.
        where: Place of the players in the description of a run: ``learner``.

    Raises:
        BadInput: A gradient penalty meets a critic that mixes examples, or one by differences a
            critic that drops units.
    """
    if critic.mixing and any("gradient" in p.sees for p in penalties):
        what = " and ".join(critic.mixing)
        remedies = " and ".join(f"--{where}.critic.{REMEDIES[layer]}" for layer in critic.mixing)
        raise BadInput(
            f"a gradient penalty needs each example's own gradient, and this critic's {what} "
            f"{'mix' if ' and ' in what else 'mixes'} the examples of a batch: set {remedies}."
        )
    if drops_units(critic.modules()) and any(p.compares_passes for p in penalties):
        raise BadInput(
            "a penalty by differences compares two passes of the critic, and this one drops "
            f"other units in each, or adds other noise: set --{where}.critic.dropout (of an mlp "
            "also its dropout-input, noise and noise-input) to 0, or leave the penalty's "
            "differences out."
        )


def alike(due: Mapping[str, tuple[Regulariser, object]]) -> Iterable[list[str]]:
    """The names of the penalties, those of one kind together."""
    groups: dict[type, list[str]] = {}
    for name, (penalty, _) in due.items():
        groups.setdefault(type(penalty), []).append(name)
    return groups.values()


def pay(
    player: str,
    due: Mapping[str, tuple[Regulariser, Turn]],
    terms: dict[str, Term],
    watched: dict[str, Tensor],
) -> None:
    """Add penalties, each with the turn that it sees, to the terms of a player's loss."""
    values: dict[str, Tensor] = {}
    for names in alike(due):
        kind = type(due[names[0]][0])
        values |= zip(names, kind.together([due[name] for name in names]), strict=True)
    for name, (penalty, turn) in due.items():
        weight = penalty.effective_weight(turn.moment)
        terms[name] = Term(values[name], weight=weight)
        watched[f"{player}/{name}"] = terms[name].each.detach()
