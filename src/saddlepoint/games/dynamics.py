"""Dynamics: how the players of a game move in one step (torch-free on import).

Every player descends its own cost. Stack the players' gradients into one vector v(z), where z
holds all parameters: a minimum of a function has a symmetric Jacobian of v, a game adds an
antisymmetric part, which makes plain descent turn around the equilibrium. The dynamics differ
in what they do about that turning. On min_x max_y xy, where nothing but turning is left, one
step with rate η multiplies the distance from the equilibrium by what ``on_xy`` says.

They see a game only through the ``Game`` protocol, so the same code moves bare functions and
networks with Adam: a direction takes the place of the gradient in the players' own optimisers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Protocol

from pydantic import Field

from saddlepoint.description import Description
from saddlepoint.errors import BadInput
from saddlepoint.schedules import NonNegative, value_at

if TYPE_CHECKING:
    from torch import Tensor


class Game(Protocol):
    """What a dynamics needs to know of a game.

    Within one step all evaluations see the same batch and the same noise. Names of tensors are
    unique in the whole game; a tensor that moves in two turns has the same name in both.
    """

    @property
    def turns(self) -> Sequence[str]:
        """The turns of one step in order; a turn named twice is played twice."""

    def parameters(self, turn: str) -> dict[str, Tensor]:
        """The tensors that ``turn`` moves, by name, as they are now; they require gradient."""

    def gradients(
        self, turn: str, at: Mapping[str, Tensor] | None = None, create_graph: bool = False
    ) -> dict[str, Tensor]:
        """The gradient of the turn's own cost with respect to the tensors that it moves.

        Args:
            turn: Whose cost.
            at: Tensors, of any player, to use in place of those of the same name. They require
                gradient; those that the turn moves are what the cost is differentiated by.
            create_graph: Keep the graph back to ``at`` and to the tensors of ``parameters``.

        Returns:
            New tensors, one for each name of ``parameters(turn)``; zeros where the cost does
            not depend on a tensor.
        """

    def update(self, turn: str, directions: Mapping[str, Tensor]) -> None:
        """One optimiser step of ``turn`` with ``directions`` in place of its gradients."""

    def rate(self, turn: str) -> float:
        """The step size of ``turn``, by which lookaheads are scaled."""


Gradients = dict[str, dict[str, "Tensor"]]


def _together(
    game: Game, at: Mapping[str, Tensor] | None = None, create_graph: bool = False
) -> Gradients:
    """The gradients of all turns, evaluated at one and the same point."""
    turns = list(game.turns)
    repeated = sorted({turn for turn in turns if turns.count(turn) > 1})
    if repeated:
        raise BadInput(
            f"the turn '{repeated[0]}' is played {turns.count(repeated[0])} times a step, which"
            " only alternating dynamics can do: where all players move at once, each moves once."
        )
    return {turn: game.gradients(turn, at, create_graph) for turn in turns}


class Alternating(Description):
    """Players move one after the other, each seeing what those before it have become.

    x ← x − η ∇ₓf(x, y), then y ← y − η ∇ᵧg(x, y) with the new x. On xy the step keeps an area,
    so for η < 2 it goes round forever. Goodfellow et al. 2014, algorithm 1.
    """

    kind: Literal["alternating"] = "alternating"

    equation: ClassVar[str] = "xₜ₊₁ = xₜ − η ∇ₓf(xₜ, yₜ);  yₜ₊₁ = yₜ − η ∇ᵧg(xₜ₊₁, yₜ)"
    cures: ClassVar[str] = "the outward drift of simultaneous steps, though not the turning"
    on_xy: ClassVar[str] = "1 for η < 2: cycles"
    paper: ClassVar[str] = "Goodfellow et al., Generative Adversarial Nets, 2014"

    def step(self, game: Game, memory: dict[str, Tensor], progress: float) -> None:
        """Carry out one step of ``game``; nothing is remembered."""
        for turn in game.turns:
            game.update(turn, game.gradients(turn))


class Simultaneous(Description):
    """All players move at once, from gradients at one point: z ← z − η v(z).

    On xy every step leads outwards. Nagarajan and Kolter 2017 show when it is locally stable.
    """

    kind: Literal["simultaneous"] = "simultaneous"

    equation: ClassVar[str] = "zₜ₊₁ = zₜ − η v(zₜ)"
    cures: ClassVar[str] = "nothing: the control that the others are compared with"
    on_xy: ClassVar[str] = "√(1 + η²): spirals out"
    paper: ClassVar[str] = (
        "Nagarajan and Kolter, Gradient descent GAN optimization is locally stable, 2017"
    )

    def step(self, game: Game, memory: dict[str, Tensor], progress: float) -> None:
        """Carry out one step of ``game``; nothing is remembered."""
        for turn, gradients in _together(game).items():
            game.update(turn, gradients)


class Extragradient(Description):
    """Look one plain gradient step ahead and move by the gradients found there.

    z̃ = z − η v(z), then z ← z − η v(z̃): two evaluations, one update, made from z. The lookahead
    uses the players' rates but not their optimisers' state, so an adaptive optimiser adapts
    only to the gradients at z̃. Korpelevich 1976; for GANs Gidel et al. 2019.
    """

    kind: Literal["extragradient"] = "extragradient"

    equation: ClassVar[str] = "z̃ = zₜ − η v(zₜ);  zₜ₊₁ = zₜ − η v(z̃)"
    cures: ClassVar[str] = "turning, at the price of a second evaluation"
    on_xy: ClassVar[str] = "√(1 − η² + η⁴): spirals in for η < 1"
    paper: ClassVar[str] = (
        "Korpelevich, The extragradient method for finding saddle points, 1976; "
        "Gidel et al., A variational inequality perspective on GANs, 2019"
    )

    def step(self, game: Game, memory: dict[str, Tensor], progress: float) -> None:
        """Carry out one step of ``game``; nothing is remembered."""
        import torch

        ahead: dict[str, Tensor] = {}
        for turn, gradients in _together(game).items():
            here, rate = game.parameters(turn), game.rate(turn)
            with torch.no_grad():
                for name, gradient in gradients.items():
                    # a tensor that two turns move takes both of their steps
                    ahead[name] = ahead.get(name, here[name]) - rate * gradient
        for tensor in ahead.values():
            tensor.requires_grad_()
        for turn, gradients in _together(game, ahead).items():
            game.update(turn, gradients)


class Optimistic(Description):
    """Move by a forecast of the next gradient: z ← z − η (2 v(zₜ) − v(zₜ₋₁)).

    One evaluation a step; the last gradients are remembered. The first step has none and takes
    v(z₋₁) = v(z₀), a plain simultaneous step. Daskalakis et al. 2018.
    """

    kind: Literal["optimistic"] = "optimistic"

    equation: ClassVar[str] = "zₜ₊₁ = zₜ − η (2 v(zₜ) − v(zₜ₋₁))"
    cures: ClassVar[str] = "turning, at the price of one more copy of the gradients"
    on_xy: ClassVar[str] = "√((1 + √(1 − 4η²)) / 2) for η ≤ ½: spirals in"
    paper: ClassVar[str] = "Daskalakis et al., Training GANs with optimism, 2018"

    def step(self, game: Game, memory: dict[str, Tensor], progress: float) -> None:
        """Carry out one step of ``game``; ``memory`` keeps a gradient for each turn and name."""
        for turn, gradients in _together(game).items():
            directions = {}
            for name, gradient in gradients.items():
                key = f"{turn}/{name}"
                directions[name] = 2 * gradient - memory.get(key, gradient)
                memory[key] = gradient
            game.update(turn, directions)


class Consensus(Description):
    """Descend the size of the gradients too: z ← z − η (v(z) + γ ∇½‖v(z)‖²).

    The added term is shared by all players and vanishes where v does, so it makes no new
    equilibrium but draws towards points where nobody wants to move, whether they are good or
    bad: a large γ finds maxima as well. Differentiates through the gradients of all players,
    evaluated at one point; the price is a second backward pass. Mescheder et al. 2017.
    """

    kind: Literal["consensus"] = "consensus"
    strength: NonNegative = Field(1.0, description="γ, the weight of ½‖v‖².")

    equation: ClassVar[str] = "zₜ₊₁ = zₜ − η (v(zₜ) + γ ∇½‖v(zₜ)‖²)"
    cures: ClassVar[str] = "turning, at the price of differentiating twice"
    on_xy: ClassVar[str] = "√((1 − ηγ)² + η²): spirals in for γ > η(1 + γ²)/2"
    paper: ClassVar[str] = "Mescheder, Nowozin and Geiger, The numerics of GANs, 2017"

    def step(self, game: Game, memory: dict[str, Tensor], progress: float) -> None:
        """Carry out one step of ``game``; nothing is remembered."""
        import torch

        gradients = _together(game, create_graph=True)
        movers: dict[str, Tensor] = {}
        field: dict[str, Tensor] = {}
        for turn, own in gradients.items():
            movers |= game.parameters(turn)
            for name, gradient in own.items():
                field[name] = field[name] + gradient if name in field else gradient
        size = torch.stack([gradient.square().sum() for gradient in field.values()]).sum() / 2
        found = torch.autograd.grad(
            size, list(movers.values()), allow_unused=True, materialize_grads=True
        )
        pull = dict(zip(movers, found, strict=True))
        strength = value_at(self.strength, progress)
        for turn, own in gradients.items():
            with torch.no_grad():
                directions = {
                    # a tensor that two turns move is pulled once, in the first of them
                    name: gradient + strength * pull.pop(name, torch.zeros_like(gradient))
                    for name, gradient in own.items()
                }
            game.update(turn, directions)


Dynamics = Alternating | Simultaneous | Extragradient | Optimistic | Consensus
DynamicsDescription = Annotated[Dynamics, Field(discriminator="kind")]

DYNAMICS: dict[str, type[Dynamics]] = {
    "alternating": Alternating,
    "simultaneous": Simultaneous,
    "extragradient": Extragradient,
    "optimistic": Optimistic,
    "consensus": Consensus,
}
