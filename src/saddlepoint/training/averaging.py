"""Averaged weights: an exponential mean that warms up with the step."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from saddlepoint.learners.learner import Learner


class Average:
    """A second learner whose ``averaged`` players hold the mean of the first one's weights.

    θ̄ ← β_t θ̄ + (1 − β_t) θ with β_t = min(β, (1 + t) / (10 + t)), so that a short run is not
    left with its initial weights. Players that are not averaged are shared, not copied.
    """

    def __init__(self, learner: Learner, decay: float) -> None:
        self.decay = decay
        shared = {
            id(module): module
            for name, player in learner.players.items()
            if name not in learner.averaged
            for module in player.modules()
        }
        self.learner: Learner = copy.deepcopy(learner, memo=shared)
        self._averaged: list[Tensor] = []
        self._current: list[Tensor] = []
        for name in learner.averaged:
            self._averaged += [p.requires_grad_(False) for p in _weights(self.learner, name)]
            self._current += [p.detach() for p in _weights(learner, name)]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after update number ``step`` (from 1)."""
        decay = min(self.decay, (1 + step) / (10 + step)) if self.decay else 0.0
        torch._foreach_lerp_(self._averaged, self._current, 1 - decay)

    def settle(self, seed: int) -> None:
        """Re-estimate batch-norm statistics under the averaged weights, from fixed latents."""
        self.learner.recalibrate(seed)

    def state_dict(self) -> dict[str, Tensor]:
        """The averaged players' tensors, by player and name."""
        return {
            f"{name}.{key}": value
            for name in self.learner.averaged
            for key, value in self.learner.players[name].state_dict().items()
        }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take back what ``state_dict`` gave."""
        load_averaged(self.learner, state)


def load_averaged(learner: Learner, state: dict[str, Tensor]) -> None:
    """Put averaged weights, as ``Average.state_dict`` gives them, into ``learner``'s players."""
    for name in learner.averaged:
        start = f"{name}."
        weights = {k.removeprefix(start): v for k, v in state.items() if k.startswith(start)}
        learner.players[name].load_state_dict(weights)


def _weights(learner: Learner, player: str) -> list[torch.nn.Parameter]:
    return list(learner.players[player].parameters())
