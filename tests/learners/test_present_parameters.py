"""Parameters that are collected when somebody looks, and only then."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from kit.tiny import tiny
from saddlepoint.games.moment import Moment
from saddlepoint.learners.present_parameters import PresentParameters
from saddlepoint.randomness import Streams


class Walks(nn.Linear):
    """A layer that counts how often its parameters are walked over."""

    walked = 0

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, nn.Parameter]]:
        self.walked += 1
        return super().named_parameters(prefix, recurse, remove_duplicate)


def test_they_are_the_modules_own_and_collected_once() -> None:
    layer = Walks(2, 3)
    parameters = PresentParameters(layer)
    assert layer.walked == 0
    assert list(parameters) == ["weight", "bias"]
    assert len(parameters) == 2
    assert parameters["weight"] is layer.weight
    assert dict(parameters) == dict(nn.Module.named_parameters(layer))
    assert layer.walked == 1


def test_within_a_functional_call_they_are_those_of_the_call() -> None:
    class Looks(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return PresentParameters(self)["bias"] + x

    layer = Looks(1, 1)
    other = {"bias": torch.full((1,), 5.0)}
    assert functional_call(layer, other, (torch.zeros(1),)).item() == 5.0
    assert layer(torch.zeros(1)).item() == layer.bias.item()


@pytest.mark.parametrize("phase", ["critic", "generator"])
def test_a_plain_turn_does_not_walk_over_them(phase: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tiny("gan")
    learner = run.learner.learner(run.data.open().info, batch_size=16, seed=0)
    batch = run.data.open().loader("train", 16, seed=0, device=torch.device("cpu")).batch(0)
    walked: list[str] = []
    walk: Callable[..., Iterator[tuple[str, nn.Parameter]]] = nn.Module.named_parameters

    def counting(
        self: nn.Module, *arguments: object, **named: object
    ) -> Iterator[tuple[str, nn.Parameter]]:
        walked.extend(name for name, player in learner.players.items() if player is self)
        return walk(self, *arguments, **named)

    monkeypatch.setattr(nn.Module, "named_parameters", counting)
    (turn,) = (each for each in learner.phases if each.name == phase)
    drawn = batch if turn.needs_data else None
    assert turn.losses(drawn, Streams(0, "test"), Moment()).terms
    assert walked == ["generator"], "`latents` asks it for the type of its weights"
