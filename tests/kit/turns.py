"""Turns of a game around a critic that is one function of its inputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from saddlepoint.games.objectives import OBJECTIVES
from saddlepoint.games.turn import Turn
from saddlepoint.networks.critic import CriticOutput
from saddlepoint.randomness import Streams


@dataclass
class Scored:
    """A critic that is one function of its inputs: nothing but a score."""

    score: Callable[[Tensor], Tensor]

    def __call__(self, x: Tensor, at: object = None) -> CriticOutput:
        return CriticOutput(self.score(x), x)

    def seen(self, x: Tensor) -> Tensor:
        return x

    def parameters(self) -> dict[str, Tensor]:
        return {}


def judged(real: Tensor | None, fake: Tensor) -> tuple[CriticOutput | None, CriticOutput]:
    """What a turn knows of both batches, by their scores; the features are the scores, too."""
    return (
        None if real is None else CriticOutput(real, real[..., None]),
        CriticOutput(fake, fake[..., None]),
    )


def turn_of(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, **changes: Any) -> Turn:
    outputs = CriticOutput(critic(real), real), CriticOutput(critic(fake), fake)
    whole = Turn(
        streams=Streams(3, "test"),
        parameters={},
        judge=Scored(critic),
        objective=OBJECTIVES["non_saturating"],
        latents=torch.empty(0),
        fake=fake,
        examples=real,
        judged=lambda: outputs,
    )
    return replace(whole, **changes)
