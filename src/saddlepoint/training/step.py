"""One training step: every phase of the learner in turn. The algorithm fits on this page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import functional_call

from saddlepoint.adam import FusedAdamW
from saddlepoint.data.batch import Batch
from saddlepoint.data.dataset import Loader
from saddlepoint.games.dynamics import Alternating, Dynamics
from saddlepoint.games.moment import Moment
from saddlepoint.learners.learner import Learner, Phase
from saddlepoint.learners.losses import Losses
from saddlepoint.optimisers import Optimiser
from saddlepoint.randomness import Streams
from saddlepoint.schedules import Elapsed
from saddlepoint.training.device import Policy
from saddlepoint.training.freezing import Freezing
from saddlepoint.training.learner_game import LearnerGame, check_dynamics
from saddlepoint.training.meters import Meters, Trouble, as_row
from saddlepoint.training.stages import Stages


@dataclass
class Batches:
    """The endless stream of training batches and how far it has been read."""

    loader: Loader
    size: int
    cursor: int = 0

    @property
    def examples(self) -> int:
        """Examples that were read (of one member)."""
        return self.cursor * self.size

    def next(self) -> Batch:
        """The next batch."""
        batch = self.loader.batch(self.cursor)
        self.cursor += 1
        return batch


class Stepper:
    """Carries out steps; holds the optimisers, and what was measured since the last log line."""

    def __init__(
        self,
        learner: Learner,
        policy: Policy,
        batches: Batches,
        seed: int | tuple[int, ...],
        dynamics: Dynamics | None = None,
        freeze: Sequence[str] = (),
        rank: int = 0,
        world: int = 1,
    ) -> None:
        """Build the optimisers.

        Args:
            learner: What learns, on the policy's device.
            policy: Device and precision.
            batches: The training batches, of this process where there are several.
            seed: The run's seed, or those of its members.
            dynamics: How the players move; alternating by default.
            freeze: Parts that keep their weights, as ``Training.freeze`` names them.
            rank: Number of this process; where there are several, each draws numbers of its own.
            world: Number of processes.
        """
        self.rank, self.world = rank, world
        self.learner, self.policy, self.batches, self.seed = learner, policy, batches, seed
        self.dynamics: Dynamics = dynamics or Alternating()
        self.dynamics_memory: dict[str, Tensor] = {}  # part of the checkpoint
        check_dynamics(self.dynamics, learner.phases)
        self.stages = Stages(learner.phases)
        self.freezing = Freezing(freeze, learner.players)
        self.members = isinstance(seed, tuple)
        self.descriptions: Mapping[str, Optimiser] = learner.optimisers
        names = {id(p): name for name, p in learner.named_parameters()}
        self.named = {
            player: {names[id(p)]: p for p in module.parameters() if p.requires_grad}
            for player, module in learner.players.items()
        }
        self.parameters = {player: list(named.values()) for player, named in self.named.items()}
        self.optimisers = {
            name: description.build(self.parameters[name])
            for name, description in self.descriptions.items()
        }
        self.meters = Meters()
        self.trouble = Trouble()
        self._movers: dict[tuple[str, ...], list[torch.nn.Parameter]] = {}
        self._named_checks: dict[tuple[object, ...], tuple[tuple[str, ...], tuple[str, ...]]] = {}

    def step(self, number: int, progress: float) -> None:
        """Carry out step ``number`` (from 0) of the run."""
        elapsed = self.elapsed(number, progress)
        if self.freezing.advance(elapsed.images):
            self._movers.clear()
        for name, optimiser in self.optimisers.items():
            for group in optimiser.param_groups:
                group.update(self.descriptions[name].settings(elapsed))
        phases = [phase for phase in self.learner.phases if phase.plays(number, progress)]
        if not self.dynamics.alternates:
            game = LearnerGame(self, phases, number, progress)
            self.dynamics.step(game, self.dynamics_memory, elapsed)
            return
        for phase in phases:
            for repeat in range(phase.repeats):
                losses = self.evaluate(phase, *self.draw(phase, repeat, number, progress))
                movers = self._moved_by(phase.moves)
                for parameter in movers:
                    parameter.grad = None
                if movers:  # none where all of the phase's players are frozen
                    losses.total().backward(inputs=movers)
                self.move(phase, losses, number)

    @property
    def step_images(self) -> int:
        """What a step counts in images: the examples of one batch, of all processes."""
        return self.batches.size * self.world

    def elapsed(self, number: int, progress: float) -> Elapsed:
        """How far the run is before step ``number`` (from 0)."""
        return Elapsed(progress, number * self.step_images)

    def draw(
        self, phase: Phase, repeat: int, number: int, progress: float
    ) -> tuple[Batch | None, Streams, Moment]:
        """The batch, the random streams and the moment of one update."""
        moment = Moment(
            progress=progress,
            images=number * self.step_images,
            stage_progress=self.stages.progress(progress),
            number=number,
            update=number // phase.every * phase.repeats + repeat,
            examples=self.batches.examples,
        )
        batch = self.batches.next() if phase.needs_data else None
        place = ("train", number, phase.name, repeat)
        streams = Streams(
            self.seed, *place, device=self.policy.device, rank=self.rank, world=self.world
        )
        return batch, streams, moment

    def evaluate(
        self,
        phase: Phase,
        batch: Batch | None,
        streams: Streams,
        moment: Moment,
        at: Mapping[str, Tensor] | None = None,
    ) -> Losses:
        """The phase's losses, at other parameters than the present ones if ``at`` has any."""
        self._seed_global(streams.seed_of("global"))
        with self.policy.autocast():
            if at is None:
                return self.learner(phase, batch, streams, moment)
            return functional_call(self.learner, dict(at), (phase, batch, streams, moment))

    def movers(self, phase: Phase) -> dict[str, torch.nn.Parameter]:
        """The parameters that the phase updates, by their names in the learner."""
        named = [each for player in phase.moves for each in self.named[player].items()]
        return {name: p for name, p in named if not self.freezing.holds(p)}

    def _moved_by(self, players: tuple[str, ...]) -> list[torch.nn.Parameter]:
        """The parameters of the players that are not frozen, collected once."""
        if players not in self._movers:
            everything = [p for name in players for p in self.parameters[name]]
            self._movers[players] = [p for p in everything if not self.freezing.holds(p)]
        return self._movers[players]

    def move(self, phase: Phase, losses: Losses, number: int) -> None:
        """One optimiser step of the phase's players with the gradients that they hold now."""
        phase.prepare()
        norms = self.step_optimisers(phase, losses, number)
        self._project(phase)
        self._show({**losses.diagnostics, **norms})

    def displace(self, phase: Phase, losses: Losses, displacements: Mapping[str, Tensor]) -> None:
        """Move the phase's parameters so far, by name: an update that no optimiser makes."""
        phase.prepare()
        with torch.no_grad():
            for name, parameter in self.movers(phase).items():
                parameter.add_(displacements[name])
        self._project(phase)
        self._show(losses.diagnostics)

    def _project(self, phase: Phase) -> None:
        """Move the phase's parameters to where they may be; frozen ones stay."""
        with self.freezing.kept(p for player in phase.moves for p in self.parameters[player]):
            phase.project()

    def step_optimisers(self, phase: Phase, losses: Losses, number: int) -> dict[str, Tensor]:
        """Check the phase's terms and gradients, and step its optimisers if they are finite.

        Returns:
            The norms of the gradients, by their names among diagnostics.
        """
        norms = [
            self._norm([p.grad for p in self.parameters[name] if p.grad is not None])
            for name in phase.moves
        ]
        terms = [term.each for term in losses.terms.values()]
        checked, shown = self._names(phase, losses)
        skip = self.trouble.watch(number + 1, checked, as_row([*terms, *norms]))
        for name in phase.moves:
            guarded_step(self.optimisers[name], skip)
        return dict(zip(shown, norms, strict=True))

    def _show(self, diagnostics: Mapping[str, Tensor]) -> None:
        if diagnostics:
            self.meters.add(tuple(diagnostics), as_row(list(diagnostics.values())))

    def _names(self, phase: Phase, losses: Losses) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What is checked of a phase's update, and its norms on record, in words made once."""
        key = (phase.name, tuple(losses.terms))
        if key not in self._named_checks:
            terms = [f"term '{term}' of the phase '{phase.name}'" for term in losses.terms]
            gradients = [f"the gradient of the player '{player}'" for player in phase.moves]
            norms = tuple(f"gradient_norm/{player}" for player in phase.moves)
            self._named_checks[key] = ((*terms, *gradients), norms)
        return self._named_checks[key]

    def _norm(self, gradients: list[Tensor]) -> Tensor:
        """The gradient's Euclidean norm; of each member where there are members."""
        if not gradients:  # of a player that is frozen, or that the loss does not depend on
            shape = (len(self.seed),) if isinstance(self.seed, tuple) else ()
            return torch.zeros(shape, device=self.policy.device)
        if self.members:
            each = [torch.linalg.vector_norm(g.reshape(len(g), -1), dim=1) for g in gradients]
            return torch.linalg.vector_norm(torch.stack(each), dim=0)
        return torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))

    def _seed_global(self, seed: int) -> None:
        """For layers that draw by themselves; `torch.manual_seed` would cost as much as a layer."""
        torch.default_generator.manual_seed(seed)
        if self.policy.device.type == "cuda":
            torch.cuda.manual_seed(seed)
        elif self.policy.device.type == "mps":
            torch.mps.manual_seed(seed)


def guarded_step(optimiser: torch.optim.Optimizer, skip: Tensor) -> None:
    """Make the optimiser's step if ``skip`` (a scalar on the device) is 0.0, none if it is 1.0.

    The host never waits for the answer. Fused optimisers skip on the device, PyTorch's through the
    attributes by which gradient scalers ask them to; the others step and are put back.
    """
    if isinstance(optimiser, FusedAdamW):
        optimiser.step_unless(skip)
        return
    if optimiser.defaults.get("fused"):
        vars(optimiser).update(grad_scale=None, found_inf=skip)
        optimiser.step()
        return
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    before = {id(t): t.detach().clone() for t in _touched(optimiser, parameters)}
    optimiser.step()
    with torch.no_grad():
        for tensor in _touched(optimiser, parameters):
            # state that this very step created starts from zero
            old = before.get(id(tensor), torch.zeros_like(tensor))
            tensor.copy_(torch.where(skip == 0.0, tensor, old))


def _touched(
    optimiser: torch.optim.Optimizer, parameters: list[torch.nn.Parameter]
) -> list[Tensor]:
    states = [value for p in parameters for value in optimiser.state.get(p, {}).values()]
    return [*parameters, *(s for s in states if isinstance(s, Tensor))]
