"""One training step: every phase of the learner in turn. The algorithm fits on this page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils import get_total_norm

from saddlepoint.data.batch import Batch
from saddlepoint.data.dataset import Loader
from saddlepoint.learners.interface import Learner, Phase
from saddlepoint.optimisers import Adam, RmsProp, Sgd
from saddlepoint.randomness import Streams
from saddlepoint.training.device import Policy
from saddlepoint.training.meters import Meters, Trouble


@dataclass
class Batches:
    """The endless stream of training batches and how far it has been read."""

    loader: Loader
    cursor: int = 0

    def next(self) -> Batch:
        """The next batch."""
        batch = self.loader.batch(self.cursor)
        self.cursor += 1
        return batch


class Stepper:
    """Carries out steps; holds the optimisers, and what was measured since the last log line."""

    def __init__(
        self, learner: Learner, policy: Policy, batches: Batches, seed: int | tuple[int, ...]
    ) -> None:
        self.learner, self.policy, self.batches, self.seed = learner, policy, batches, seed
        self.members = isinstance(seed, tuple)
        self.descriptions: Mapping[str, Adam | Sgd | RmsProp] = learner.optimisers
        self.parameters = {
            name: [p for p in player.parameters() if p.requires_grad]
            for name, player in learner.players.items()
        }
        self.optimisers = {
            name: description.build(self.parameters[name])
            for name, description in self.descriptions.items()
        }
        self.meters = Meters()
        self.trouble = Trouble()

    def step(self, number: int, progress: float) -> None:
        """Carry out step ``number`` (from 0) of the run."""
        for name, optimiser in self.optimisers.items():
            for group in optimiser.param_groups:
                group.update(self.descriptions[name].settings(progress))
        for phase in self.learner.phases(progress):
            if number % phase.every:
                continue
            for repeat in range(phase.repeats):
                self._update(phase, repeat, number)
                phase.project()

    def _update(self, phase: Phase, repeat: int, number: int) -> None:
        batch = self.batches.next() if phase.needs_data else None
        streams = Streams(self.seed, "train", number, phase.name, repeat, device=self.policy.device)
        self._seed_global(streams.seed_of("global"))
        with self.policy.autocast():
            losses = self.learner(phase, batch, streams)
        movers = [p for name in phase.moves for p in self.parameters[name]]
        for parameter in movers:
            parameter.grad = None
        losses.total().backward(inputs=movers)
        checks = {
            f"term '{name}' of the phase '{phase.name}'": term.each
            for name, term in losses.terms.items()
        }
        norms = {}
        for name in phase.moves:
            gradients = [p.grad for p in self.parameters[name] if p.grad is not None]
            norms[f"gradient_norm/{name}"] = norm = self._norm(gradients)
            checks[f"the gradient of the player '{name}'"] = norm
        finite = self.trouble.watch(number + 1, checks)
        for name in phase.moves:
            guarded_step(self.optimisers[name], finite)
        self.meters.add({**losses.diagnostics, **norms})

    def _norm(self, gradients: list[Tensor]) -> Tensor:
        """The gradient's Euclidean norm; of each member where there are members."""
        if not self.members:
            return get_total_norm(gradients)
        each = [torch.linalg.vector_norm(g.flatten(1), dim=1) for g in gradients]
        return torch.linalg.vector_norm(torch.stack(each), dim=0)

    def _seed_global(self, seed: int) -> None:
        """For layers that draw by themselves; `torch.manual_seed` would cost as much as a layer."""
        torch.default_generator.manual_seed(seed)
        if self.policy.device.type == "cuda":
            torch.cuda.manual_seed(seed)
        elif self.policy.device.type == "mps":
            torch.mps.manual_seed(seed)


def guarded_step(optimiser: torch.optim.Optimizer, finite: Tensor) -> None:
    """Make the optimiser's step if ``finite`` (a boolean scalar on the device), else none.

    The host never waits for the answer. Fused optimisers skip on the device, through the
    attributes by which gradient scalers ask them to; the others step and are put back.
    """
    if optimiser.defaults.get("fused"):
        vars(optimiser).update(grad_scale=None, found_inf=(~finite).float())
        optimiser.step()
        return
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    before = {id(t): t.detach().clone() for t in _touched(optimiser, parameters)}
    optimiser.step()
    with torch.no_grad():
        for tensor in _touched(optimiser, parameters):
            # state that this very step created starts from zero
            old = before.get(id(tensor), torch.zeros_like(tensor))
            tensor.copy_(torch.where(finite, tensor, old))


def _touched(
    optimiser: torch.optim.Optimizer, parameters: list[torch.nn.Parameter]
) -> list[Tensor]:
    states = [value for p in parameters for value in optimiser.state.get(p, {}).values()]
    return [*parameters, *(s for s in states if isinstance(s, Tensor))]
