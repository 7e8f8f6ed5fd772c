"""The averaged weights: warm-up, sharing, statistics."""

from __future__ import annotations

import pytest
import torch

from kit.tiny import tiny
from saddlepoint.learners.learner import Learner
from saddlepoint.training.averaging import Average


def learner_of(name: str = "dcgan") -> Learner:
    run = tiny(name)
    return run.learner.learner(run.data.open().info, batch_size=16, seed=0)


def shift(learner: Learner, amount: float) -> None:
    with torch.no_grad():
        for parameter in learner.parameters():
            parameter += amount


@pytest.mark.parametrize("name", ["dcgan", "vae"])
def test_the_average_is_the_warmed_up_exponential_mean(name: str) -> None:
    learner = learner_of(name)
    average = Average(learner, 0.9)
    player = learner.averaged[0]
    expected = [p.detach().clone() for p in learner.players[player].parameters()]
    for step in range(1, 200):
        shift(learner, 0.01)
        average.update(step)
        decay = min(0.9, (1 + step) / (10 + step))
        current = learner.players[player].parameters()
        expected = [
            decay * e + (1 - decay) * c.detach() for e, c in zip(expected, current, strict=True)
        ]
    for mine, theirs in zip(average.learner.players[player].parameters(), expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-6)


def test_a_short_run_is_not_left_with_its_initial_weights() -> None:
    learner = learner_of()
    start = learner.generator.project.weight.detach().clone()
    average = Average(learner, 0.999)
    shift(learner, 1.0)
    for step in range(1, 51):
        average.update(step)
    moved = (average.learner.generator.project.weight - start).mean()
    assert moved > 0.99, "with β = 0.999 from the start it would have moved by 0.05"


def test_decay_zero_is_the_last_weights() -> None:
    learner = learner_of()
    average = Average(learner, 0.0)
    shift(learner, 1.0)
    average.update(5)
    assert torch.equal(average.learner.generator.project.weight, learner.generator.project.weight)


def test_players_that_are_not_averaged_are_shared_and_training_is_left_alone() -> None:
    learner = learner_of()
    before = {name: value.clone() for name, value in learner.state_dict().items()}
    average = Average(learner, 0.9)
    assert average.learner.critic is learner.critic
    assert average.learner.generator is not learner.generator
    average.update(1)
    average.settle(3)
    average.learner.sample(3, seed=0)
    assert all(torch.equal(before[name], value) for name, value in learner.state_dict().items())
    assert all(p.requires_grad for p in learner.parameters())


def test_statistics_belong_to_the_averaged_weights() -> None:
    """Settling twice gives the same statistics, and they are those of the averaged network."""
    learner = learner_of()
    average = Average(learner, 0.5)
    shift(learner, 0.05)
    average.update(100)
    average.settle(1)
    norm = average.learner.generator.layers[0]
    first = norm.running_mean.clone()
    assert not torch.allclose(first, torch.zeros_like(first))
    average.settle(1)
    assert torch.equal(first, norm.running_mean)
    inputs: list[torch.Tensor] = []
    hook = norm.register_forward_pre_hook(lambda module, args: inputs.append(args[0]))
    average.learner.sample(2048, seed=5)
    hook.remove()
    seen = torch.cat(inputs).mean((0, 2, 3))
    spread = torch.cat(inputs).std((0, 2, 3)).mean()
    torch.testing.assert_close(norm.running_mean, seen, rtol=0, atol=0.1 * spread.item())


def test_state_goes_out_and_comes_back() -> None:
    learner = learner_of()
    average = Average(learner, 0.9)
    shift(learner, 0.1)
    average.update(3)
    state = {name: value.clone() for name, value in average.state_dict().items()}
    assert all(name.startswith("generator.") for name in state)
    other = Average(learner_of(), 0.9)
    other.load_state_dict(state)
    assert all(torch.equal(other.state_dict()[name], value) for name, value in state.items())
