"""A critic as one turn uses it, with what lies inside of it; and at other parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.func import functional_call

from saddlepoint.games.constraints import Constraint
from saddlepoint.games.objectives import Objective
from saddlepoint.games.turn import Judge
from saddlepoint.learners.adversarial.lenses import Lens, Look
from saddlepoint.networks.critic import Critic, CriticOutput
from saddlepoint.networks.packing import pack, unpack


class Judgement:
    """The critic in one turn: with the lenses that lie inside of it, each with its one draw.

    Args:
        critic: The critic.
        inside: The lenses inside, in order, each with its memory.
        look: Streams, moment and members of the turn.
        size: Examples in a pack.
        batch: Examples in a batch, all of which meet the same draw as another batch's.
        label: Labels (n,) of the first n examples, and in order of every n that follow them; None
            where there are no classes.
    """

    def __init__(
        self,
        critic: Critic,
        inside: Sequence[tuple[Lens, dict[str, Tensor]]],
        look: Look,
        size: int,
        batch: int,
        label: Tensor | None = None,
    ) -> None:
        self._label = label
        self._critic, self._inside, self._look = critic, inside, look
        self._size, self._batch = size, batch

    def __call__(self, x: Tensor, at: Mapping[str, Tensor] | None = None) -> CriticOutput:
        """What the critic says of its inputs ``x``, at other parameters if ``at`` has any."""
        x = self.seen(x)
        inputs: tuple[Tensor, ...] = (x,)
        if self._label is not None:
            inputs = (x, self._label.repeat(len(x) // len(self._label)))
        if at is None:
            return self._critic(*inputs)
        return functional_call(self._critic, dict(at), inputs)

    def parameters(self) -> dict[str, Tensor]:
        """The critic's present parameters by name."""
        return dict(self._critic.named_parameters())

    def seen(self, x: Tensor) -> Tensor:
        """``x`` seen through the inside lenses, batch by batch, so that all meet one draw."""
        if not self._inside:
            return x
        members, size = self._look.members, self._size
        axis = 0 if members is None else 1
        each = unpack(x, size, members) if size > 1 else x
        parts = []
        for part in each.split(self._batch, axis):
            for lens, memory in self._inside:
                part = lens.see(part, replace(self._look, memory=memory))
            parts.append(part)
        seen = torch.cat(parts, axis)
        return pack(seen, size, members) if size > 1 else seen


def held(constraints: Sequence[Constraint], parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A critic's parameters where its constraints would move them after an update."""
    moved = dict(parameters)
    for constraint in constraints:
        moved = constraint.held(moved)
    return moved


class Elsewhere:
    """A critic at parameters other than its present ones."""

    def __init__(self, judge: Judge, parameters: Mapping[str, Tensor]) -> None:
        self._judge, self._at = judge, parameters

    def __call__(self, x: Tensor, at: Mapping[str, Tensor] | None = None) -> CriticOutput:
        """What it says of its inputs ``x`` there, or at ``at``."""
        return self._judge(x, self._at if at is None else at)

    def seen(self, x: Tensor) -> Tensor:
        """What its backbone is given of ``x``, which is the same there."""
        return self._judge.seen(x)

    def parameters(self) -> dict[str, Tensor]:
        """Those parameters by name."""
        return dict(self._at)


def watched_scores(objective: Objective, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    """What is recorded of scores (..., batch): means, and how well they tell the sides apart.

    The area under the curve is P(s(x) > s(G(z))) + ½ P(s(x) = s(G(z))), here over the pairs of the
    i-th real and the i-th fake example. It is ½ where the critic cannot tell, 1 where it tells all,
    in any game; a critic that is held Lipschitz may tell all and still teach, and records none.
    """
    watched = {"critic/score_real": real.mean(-1), "critic/score_fake": fake.mean(-1)}
    if objective.constraint is None:
        watched["critic/auc"] = (real - fake).sign().mean(-1) / 2 + 0.5
    return watched
