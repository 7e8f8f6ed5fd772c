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

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Protocol

from pydantic import Field
from typing_extensions import override

from saddlepoint.description import Part, one_of
from saddlepoint.errors import BadInput
from saddlepoint.schedules import Elapsed, NonNegative, value_at

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

    def displacements(self, turn: str, directions: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """How far one step of the turn's own optimiser would move its tensors, by name.

        The optimiser's state goes on as by an update; the tensors stay where they are.
        """

    def displace(self, turn: str, displacements: Mapping[str, Tensor]) -> None:
        """Move the turn's tensors so far: an update that no optimiser makes."""

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


class Dynamics(Part):
    """How the players of a game move in one step.

    Attributes:
        equation: The step, as a reader would write it.
        cures: The trouble it is a remedy for.
        on_xy: What one step on min max xy multiplies the distance from the equilibrium by.
        paper: Where it comes from.
        alternates: Whether players move one after the other, each as often as its turn says.
    """

    equation: ClassVar[str]
    cures: ClassVar[str]
    on_xy: ClassVar[str]
    paper: ClassVar[str]
    alternates: ClassVar[bool] = False

    @abstractmethod
    def step(self, game: Game, memory: dict[str, Tensor], elapsed: Elapsed) -> None:
        """Carry out one step of ``game``; ``memory`` is kept between steps, in checkpoints too."""


class Alternating(Dynamics):
    """Players move one after the other, each seeing what those before it have become.

    x ← x − η ∇ₓf(x, y), then y ← y − η ∇ᵧg(x, y) with the new x. On xy the step keeps an area,
    so for η < 2 it goes round forever. Goodfellow et al. 2014, algorithm 1.
    """

    kind: Literal["alternating"] = "alternating"

    alternates = True
    equation = "xₜ₊₁ = xₜ − η ∇ₓf(xₜ, yₜ);  yₜ₊₁ = yₜ − η ∇ᵧg(xₜ₊₁, yₜ)"
    cures = "the outward drift of simultaneous steps, though not the turning"
    on_xy = "1 for η < 2: cycles"
    paper = "Goodfellow et al., Generative Adversarial Nets, 2014"

    @override
    def step(self, game: Game, memory: dict[str, Tensor], elapsed: Elapsed) -> None:
        for turn in game.turns:
            game.update(turn, game.gradients(turn))


class Simultaneous(Dynamics):
    """All players move at once, from gradients at one point: z ← z − η v(z).

    On xy every step leads outwards. Nagarajan and Kolter 2017 show when it is locally stable.
    """

    kind: Literal["simultaneous"] = "simultaneous"

    equation = "zₜ₊₁ = zₜ − η v(zₜ)"
    cures = "nothing: the control that the others are compared with"
    on_xy = "√(1 + η²): spirals out"
    paper = "Nagarajan and Kolter, Gradient descent GAN optimization is locally stable, 2017"

    @override
    def step(self, game: Game, memory: dict[str, Tensor], elapsed: Elapsed) -> None:
        for turn, gradients in _together(game).items():
            game.update(turn, gradients)


class Extragradient(Dynamics):
    """Look one plain gradient step ahead and move by the gradients found there.

    z̃ = z − η v(z), then z ← z − η v(z̃): two evaluations, one update, made from z. The lookahead
    uses the players' rates but not their optimisers' state, so an adaptive optimiser adapts
    only to the gradients at z̃. Korpelevich 1976; for GANs Gidel et al. 2019.
    """

    kind: Literal["extragradient"] = "extragradient"

    equation = "z̃ = zₜ − η v(zₜ);  zₜ₊₁ = zₜ − η v(z̃)"
    cures = "turning, at the price of a second evaluation"
    on_xy = "√(1 − η² + η⁴): spirals in for η < 1"
    paper = (
        "Korpelevich, The extragradient method for finding saddle points, 1976; "
        "Gidel et al., A variational inequality perspective on GANs, 2019"
    )

    @override
    def step(self, game: Game, memory: dict[str, Tensor], elapsed: Elapsed) -> None:
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


class Optimistic(Dynamics):
    """Move by a forecast of the next gradient: z ← z − η (2 v(zₜ) − v(zₜ₋₁)).

    One evaluation a step; the last gradients are remembered. The first step has none and takes
    v(z₋₁) = v(z₀), a plain simultaneous step. Daskalakis et al. 2018.
    """

    kind: Literal["optimistic"] = "optimistic"

    equation = "zₜ₊₁ = zₜ − η (2 v(zₜ) − v(zₜ₋₁))"
    cures = "turning, at the price of one more copy of the gradients"
    on_xy = "√((1 + √(1 − 4η²)) / 2) for η ≤ ½: spirals in"
    paper = "Daskalakis et al., Training GANs with optimism, 2018"

    @override
    def step(self, game: Game, memory: dict[str, Tensor], elapsed: Elapsed) -> None:
        """One step; ``memory`` keeps a gradient for each turn and name."""
        for turn, gradients in _together(game).items():
            directions = {}
            for name, gradient in gradients.items():
                key = f"{turn}/{name}"
                directions[name] = 2 * gradient - memory.get(key, gradient)
                memory[key] = gradient
            game.update(turn, directions)


class ExtraAdam(Dynamics):
    """Look one step of the optimiser ahead, and move by another, made from the gradients there.

    With Δ(v) the step that a player's optimiser makes of a gradient, its state included:
    z̃ = z + Δ(v(z)), then z ← z + Δ(v(z̃)), made from z. Adam folds both gradients into its means
    and counts both, so that it takes the 2t−1st and the 2tth step in step t: algorithm 4 of Gidel
    et al. 2019. ``extragradient`` looks ahead by a plain step instead. With plain gradient descent
    the two are one.
    """

    kind: Literal["extra_adam"] = "extra_adam"

    equation = "z̃ = zₜ + Δ(v(zₜ));  zₜ₊₁ = zₜ + Δ(v(z̃)), Δ the optimiser's own step"
    cures = "turning, where the optimiser is adaptive; at the price of a second evaluation"
    on_xy = "√(1 − η² + η⁴) with gradient descent: spirals in for η < 1"
    paper = (
        "Gidel et al., A variational inequality perspective on GANs, 2019, algorithm 4 (ExtraAdam)"
    )

    @override
    def step(self, game: Game, memory: dict[str, Tensor], elapsed: Elapsed) -> None:
        import torch

        ahead: dict[str, Tensor] = {}
        for turn, gradients in _together(game).items():
            here = game.parameters(turn)
            with torch.no_grad():
                for name, moved in game.displacements(turn, gradients).items():
                    # a tensor that two turns move takes both of their steps
                    ahead[name] = ahead.get(name, here[name]) + moved
        for tensor in ahead.values():
            tensor.requires_grad_()
        for turn, gradients in _together(game, ahead).items():
            game.displace(turn, game.displacements(turn, gradients))


class OptimisticAdam(Dynamics):
    """Take the optimiser's step twice and its last one back: z ← z + 2 Δₜ − Δₜ₋₁.

    Δₜ is the step that a player's optimiser makes of the gradient at zₜ, its state included: with
    Adam, algorithm 1 of Daskalakis et al. 2018, where ``optimistic`` instead hands the forecast
    2 v(zₜ) − v(zₜ₋₁) to the optimiser as if it were a gradient. With plain gradient descent of a
    constant rate the two are one. The first step has no last one and takes Δ₋₁ = Δ₀, a plain step
    (the paper's listing takes 0, a double one).
    """

    kind: Literal["optimistic_adam"] = "optimistic_adam"

    equation = "zₜ₊₁ = zₜ + 2 Δ(v(zₜ)) − Δ(v(zₜ₋₁)), Δ the optimiser's own step"
    cures = "turning, where the optimiser is adaptive; at the price of one more copy of the weights"
    on_xy = "√((1 + √(1 − 4η²)) / 2) with gradient descent, for η ≤ ½: spirals in"
    paper = "Daskalakis et al., Training GANs with optimism, 2018, algorithm 1 (Optimistic Adam)"

    @override
    def step(self, game: Game, memory: dict[str, Tensor], elapsed: Elapsed) -> None:
        """One step; ``memory`` keeps a displacement for each turn and name."""
        for turn, gradients in _together(game).items():
            twice = {}
            for name, moved in game.displacements(turn, gradients).items():
                key = f"{turn}/{name}"
                twice[name] = 2 * moved - memory.get(key, moved)
                memory[key] = moved
            game.displace(turn, twice)


class Consensus(Dynamics):
    """Descend the size of the gradients too: z ← z − η (v(z) + γ ∇½‖v(z)‖²).

    The added term is shared by all players and vanishes where v does, so it makes no new
    equilibrium but draws towards points where nobody wants to move, whether they are good or
    bad: a large γ finds maxima as well. Differentiates through the gradients of all players,
    evaluated at one point; the price is a second backward pass. Mescheder et al. 2017.
    """

    kind: Literal["consensus"] = "consensus"
    strength: NonNegative = Field(1.0, description="γ, the weight of ½‖v‖².")

    equation = "zₜ₊₁ = zₜ − η (v(zₜ) + γ ∇½‖v(zₜ)‖²)"
    cures = "turning, at the price of differentiating twice"
    on_xy = "√((1 − ηγ)² + η²): spirals in for γ > η(1 + γ²)/2"
    paper = "Mescheder, Nowozin and Geiger, The numerics of GANs, 2017"

    @override
    def step(self, game: Game, memory: dict[str, Tensor], elapsed: Elapsed) -> None:
        import torch

        gradients = _together(game, create_graph=True)
        movers: dict[str, Tensor] = {}
        field: dict[str, Tensor] = {}
        for turn, gradients_of_turn in gradients.items():
            movers |= game.parameters(turn)
            for name, gradient in gradients_of_turn.items():
                field[name] = field[name] + gradient if name in field else gradient
        if not field:  # nothing that this step's turns move
            for turn in gradients:
                game.update(turn, {})
            return
        size = torch.stack([gradient.square().sum() for gradient in field.values()]).sum() / 2
        pulls = torch.autograd.grad(
            size, list(movers.values()), allow_unused=True, materialize_grads=True
        )
        pull = dict(zip(movers, pulls, strict=True))
        strength = value_at(self.strength, elapsed)
        for turn, gradients_of_turn in gradients.items():
            with torch.no_grad():
                directions = {
                    # a tensor that two turns move is pulled once, in the first of them
                    name: gradient + strength * pull.pop(name, torch.zeros_like(gradient))
                    for name, gradient in gradients_of_turn.items()
                }
            game.update(turn, directions)


DYNAMICS: list[type[Dynamics]] = [
    Alternating,
    Simultaneous,
    Extragradient,
    ExtraAdam,
    Optimistic,
    OptimisticAdam,
    Consensus,
]
AnyDynamics = Annotated[Dynamics, one_of(DYNAMICS)]
