"""Averaged weights: an exponential mean, by steps with a warm-up or by images with a half-life."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from saddlepoint.learners.learner import Learner
from saddlepoint.run.training import Training
from saddlepoint.schedules import START, Coefficient, Elapsed, value_at


@dataclass(frozen=True)
class HalfLife:
    """The decay of an average that forgets half of what it holds every so many images.

    β = ½^(b / h) with the b images of a step and the half-life h, so that runs with batches of
    another size average over the same images. With a ramp r, h is at most r times the images
    before the step, as in StyleGAN2 and EDM (Karras et al. 2020, 2022): the average then forgets
    the beginning. β is 0 where h is: a copy of the weights.

    Attributes:
        images: h, a number of images or a schedule.
        ramp: r; None without one.
        step_images: b.
    """

    images: Coefficient
    ramp: float | None
    step_images: int

    def decay(self, elapsed: Elapsed) -> float:
        """β of the update in a step before which so much has passed."""
        half_life = value_at(self.images, elapsed)
        if self.ramp is not None:
            half_life = min(half_life, self.ramp * elapsed.images)
        return 0.5 ** (self.step_images / half_life) if half_life > 0 else 0.0


class Average:
    """A second learner whose ``averaged`` players hold the mean of the first one's weights.

    θ̄ ← β_t θ̄ + (1 − β_t) θ with β_t = min(β, (1 + t) / (10 + t)), so that a short run is not
    left with its initial weights; or with the decay of a ``HalfLife``, without this warm-up.
    Players that are not averaged are shared, not copied.

    Args:
        learner: Whose weights.
        decay: β, or what gives it.
    """

    def __init__(self, learner: Learner, decay: float | HalfLife) -> None:
        self.decay = decay
        shared = {
            id(module): module
            for name, player in learner.players.items()
            if name not in learner.averaged
            for module in player.modules()
        }
        self.learner: Learner = copy.deepcopy(learner, memo=shared)
        self._settled: int | None = None  # the seed for which statistics are those of the weights
        self._averaged: list[Tensor] = []
        self._current: list[Tensor] = []
        for name in learner.averaged:
            self._averaged += [p.requires_grad_(False) for p in _weights(self.learner, name)]
            self._current += [p.detach() for p in _weights(learner, name)]

    @torch.no_grad()
    def update(self, step: int, elapsed: Elapsed = START) -> None:
        """Take in the weights after update number ``step`` (from 1).

        Args:
            step: Its number.
            elapsed: How far the run was before it; a half-life counts its images.
        """
        self._settled = None
        if isinstance(self.decay, HalfLife):
            decay = self.decay.decay(elapsed)
        else:
            decay = min(self.decay, (1 + step) / (10 + step)) if self.decay else 0.0
        torch._foreach_lerp_(self._averaged, self._current, 1 - decay)

    def settle(self, seed: int) -> None:
        """Re-estimate batch-norm statistics under the averaged weights, from fixed latents."""
        if seed != self._settled:  # several pauses of one step need it
            self.learner.recalibrate(seed)
            self._settled = seed

    def state_dict(self) -> dict[str, Tensor]:
        """The averaged players' tensors, by player and name."""
        return {
            f"{name}.{key}": value
            for name in self.learner.averaged
            for key, value in self.learner.players[name].state_dict().items()
        }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take back what ``state_dict`` gave."""
        self._settled = None
        load_averaged(self.learner, state)


def decay_of(training: Training, step_images: int) -> float | HalfLife:
    """How the average of a run forgets, where a step counts so many images."""
    if training.averaging_half_life is None:
        return training.averaging
    return HalfLife(training.averaging_half_life, training.averaging_ramp, step_images)


def load_averaged(learner: Learner, state: dict[str, Tensor]) -> None:
    """Put averaged weights, as ``Average.state_dict`` gives them, into ``learner``'s players."""
    for name in learner.averaged:
        start = f"{name}."
        weights = {k.removeprefix(start): v for k, v in state.items() if k.startswith(start)}
        learner.players[name].load_state_dict(weights)


def _weights(learner: Learner, player: str) -> list[torch.nn.Parameter]:
    return list(learner.players[player].parameters())
