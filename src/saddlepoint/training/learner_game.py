"""A learner's phases as a game, for dynamics other than alternating ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor

from saddlepoint.data.batch import Batch
from saddlepoint.errors import BadInput
from saddlepoint.games.dynamics import Dynamics
from saddlepoint.games.moment import Moment
from saddlepoint.learners.learner import Phase
from saddlepoint.learners.losses import Losses
from saddlepoint.randomness import Streams


class Engine(Protocol):
    """What a game needs of the stepper that carries it out."""

    optimisers: dict[str, torch.optim.Optimizer]

    def draw(
        self, phase: Phase, repeat: int, number: int, progress: float
    ) -> tuple[Batch | None, Streams, Moment]:
        """The batch, the random streams and the moment of one update."""

    def evaluate(
        self,
        phase: Phase,
        batch: Batch | None,
        streams: Streams,
        moment: Moment,
        at: Mapping[str, Tensor] | None = None,
    ) -> Losses:
        """The phase's losses, at other parameters than the present ones if ``at`` has any."""

    def movers(self, phase: Phase) -> dict[str, torch.nn.Parameter]:
        """The parameters that the phase updates, by name."""

    def move(self, phase: Phase, losses: Losses, number: int) -> None:
        """One optimiser step of the phase's players with the gradients that they hold now."""

    def step_optimisers(self, phase: Phase, losses: Losses, number: int) -> dict[str, Tensor]:
        """The optimisers' part of ``move``, its checks included; returns the gradients' norms."""

    def displace(self, phase: Phase, losses: Losses, displacements: Mapping[str, Tensor]) -> None:
        """Move the phase's parameters so far, by name: the rest of ``move``."""


def check_dynamics(dynamics: Dynamics, phases: Sequence[Phase]) -> None:
    """Refuse several updates of one player in a step where all players move at once.

    Raises:
        BadInput: A phase repeats, and the dynamics is not alternating.
    """
    repeated = [phase for phase in phases if phase.repeats > 1]
    if repeated and not dynamics.alternates:
        raise BadInput(
            f"the phase '{repeated[0].name}' makes {repeated[0].repeats} updates a step, which "
            f"only alternating dynamics can do: with '{dynamics.kind}' dynamics, let it make one."
        )


class LearnerGame:
    """One step of a learner, seen as ``saddlepoint.games.dynamics.Game``.

    Each turn draws its batch and its random numbers once; every evaluation of the step uses
    them. A turn's update is one step of its players' own optimisers.
    """

    def __init__(
        self, stepper: Engine, phases: Sequence[Phase], number: int, progress: float
    ) -> None:
        self._stepper, self._number, self._progress = stepper, number, progress
        self._phases = {phase.name: phase for phase in phases}
        self._drawn: dict[str, tuple[Batch | None, Streams, Moment]] = {}
        self._losses: dict[str, Losses] = {}
        self._norms: dict[str, dict[str, Tensor]] = {}

    @property
    def turns(self) -> Sequence[str]:
        """The phases that take part in this step."""
        return list(self._phases)

    def parameters(self, turn: str) -> dict[str, Tensor]:
        """The tensors that the phase updates."""
        return dict(self._stepper.movers(self._phases[turn]))

    def gradients(
        self, turn: str, at: Mapping[str, Tensor] | None = None, create_graph: bool = False
    ) -> dict[str, Tensor]:
        """The gradient of the phase's loss; see ``Game.gradients``."""
        phase = self._phases[turn]
        if turn not in self._drawn:
            self._drawn[turn] = self._stepper.draw(phase, 0, self._number, self._progress)
        batch, streams, moment = self._drawn[turn]
        moment = replace(moment, whole_graph=create_graph)
        losses = self._stepper.evaluate(phase, batch, streams, moment, at=at)
        self._losses[turn] = losses
        parameters = self.parameters(turn)
        if not parameters:  # all of them are frozen
            return {}
        inputs = [(at or {}).get(name, value) for name, value in parameters.items()]
        gradients = torch.autograd.grad(
            losses.total(),
            inputs,
            create_graph=create_graph,
            allow_unused=True,
            materialize_grads=True,
        )
        return dict(zip(parameters, gradients, strict=True))

    def update(self, turn: str, directions: Mapping[str, Tensor]) -> None:
        """One optimiser step of the phase's players."""
        self._directed(turn, directions)
        self._stepper.move(self._phases[turn], self._losses[turn], self._number)

    def _directed(
        self, turn: str, directions: Mapping[str, Tensor]
    ) -> dict[str, torch.nn.Parameter]:
        """The phase's parameters, with the directions in the place of their gradients."""
        movers = self._stepper.movers(self._phases[turn])
        for name, parameter in movers.items():
            # in the weight's own memory order, which fused updates walk
            parameter.grad = torch.empty_like(parameter).copy_(directions[name].detach())
        return movers

    def displacements(self, turn: str, directions: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """How far one step of the players' optimisers would move the tensors."""
        movers = self._directed(turn, directions)
        before = {name: parameter.detach().clone() for name, parameter in movers.items()}
        phase = self._phases[turn]
        self._norms[turn] = self._stepper.step_optimisers(phase, self._losses[turn], self._number)
        with torch.no_grad():
            moved = {name: parameter - before[name] for name, parameter in movers.items()}
            for name, parameter in movers.items():
                parameter.copy_(before[name])
        return moved

    def displace(self, turn: str, displacements: Mapping[str, Tensor]) -> None:
        """Move the phase's tensors so far, as its update."""
        losses = self._losses[turn]
        losses = replace(losses, diagnostics={**losses.diagnostics, **self._norms[turn]})
        self._stepper.displace(self._phases[turn], losses, displacements)

    def rate(self, turn: str) -> float:
        """The present learning rate of the phase's (first) player."""
        player = self._phases[turn].moves[0]
        return float(self._stepper.optimisers[player].param_groups[0]["lr"])
