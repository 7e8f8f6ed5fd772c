"""Costs: what the generator minimises (torch-free on import)."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from saddlepoint.description import Part, one_of
from saddlepoint.games.turn import Turn

if TYPE_CHECKING:
    from torch import Tensor

    from saddlepoint.games.objectives import Objective


class Cost(Part):
    """The generator's cost; one at a time.

    Attributes:
        equation: The cost, as a reader would write it.
        cures: The trouble it is a remedy for.
        paper: Where it comes from.
    """

    equation: ClassVar[str]
    cures: ClassVar[str]
    paper: ClassVar[str]

    @abstractmethod
    def sees_real(self, objective: Objective) -> bool:
        """Whether the generator's turn needs a batch of real examples."""

    @abstractmethod
    def values(self, turn: Turn) -> Tensor:
        """The cost of each critic input ([members,] batch), or of the batch ([members,] 1)."""


class GameCost(Cost):
    """The generator's own cost in the game that is played."""

    equation = "as the objective says"
    cures = "nothing: the game itself"
    paper = "Goodfellow et al., Generative Adversarial Nets, 2014"

    kind: Literal["game"] = "game"

    @override
    def sees_real(self, objective: Objective) -> bool:
        return objective.generator_sees_real

    @override
    def values(self, turn: Turn) -> Tensor:
        if turn.examples is not None:
            return turn.objective.generator(turn.real_score, turn.fake_score)
        # A game whose generator ignores the real score gets the fake one in its place.
        return turn.objective.generator(turn.fake_score, turn.fake_score)


class FeatureMatching(Cost):
    """Squared distance between the batch means of the critic's features f, the reals detached."""

    equation = "‖E f(x) − E f(G(z))‖²"
    cures = "an overtrained critic"
    paper = "Salimans et al., Improved Techniques for Training GANs, 2016, section 3.1"

    kind: Literal["feature_matching"] = "feature_matching"

    @override
    def sees_real(self, objective: Objective) -> bool:
        return True

    @override
    def values(self, turn: Turn) -> Tensor:
        import torch

        with torch.no_grad():
            target = turn.judge(turn.real).features.mean(-2)
        distance = (target - turn.judge(turn.fake).features.mean(-2)).square().sum(-1)
        return distance.unsqueeze(-1)


class Unrolled(Cost):
    """The game's cost against the critic of some steps ahead.

    The critic's steps are plain gradient steps on this turn's batch, with all that its loss holds:
    penalties (each by its weight in every step, also where the critic itself pays it in every
    so many-th) and auxiliaries; constraints hold after each. The gradient passes through them,
    also through the places where penalties are taken. The critic itself does not move.
    """

    equation = "g(G, D_K), where D_{k+1} = Π(D_k − η ∇f(G, D_k)), Π what constraints do"
    cures = "mode collapse, cycling"
    paper = "Metz et al., Unrolled Generative Adversarial Networks, 2017"

    kind: Literal["unrolled"] = "unrolled"
    steps: int = Field(5, ge=1, description="Critic steps that the generator looks ahead through.")
    rate: float = Field(1e-3, gt=0, description="Step size of these steps.")

    @override
    def sees_real(self, objective: Objective) -> bool:
        return True

    @override
    def values(self, turn: Turn) -> Tensor:
        import torch

        judge, real, fake = turn.judge, turn.real, turn.fake
        if turn.critic_loss is None:
            raise LookupError("this turn does not know the critic's loss")
        ahead = judge.parameters()
        for _ in range(self.steps):
            loss = turn.critic_loss(ahead)
            gradients = torch.autograd.grad(
                loss, list(ahead.values()), create_graph=True, materialize_grads=True
            )
            moved = {
                name: value - self.rate * gradient
                for (name, value), gradient in zip(ahead.items(), gradients, strict=True)
            }
            ahead = turn.held(moved)
        return turn.objective.generator(judge(real, ahead).score, judge(fake, ahead).score)


COSTS: list[type[Cost]] = [GameCost, FeatureMatching, Unrolled]
AnyCost = Annotated[Cost, one_of(COSTS)]
