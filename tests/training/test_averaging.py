"""The averaged weights: warm-up, sharing, statistics."""

from __future__ import annotations

import math

import pytest
import torch
from pydantic import ValidationError

from kit.tiny import tiny
from saddlepoint.learners.learner import Learner
from saddlepoint.run.training import Training
from saddlepoint.schedules import Cosine, Elapsed
from saddlepoint.training.averaging import Average, HalfLife, decay_of


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


# ------------------------------------------------------------------------------------- of images


def share_of_the_start(half_life: HalfLife, steps: int) -> float:
    """What is left of the initial weights after so many steps."""
    left = 1.0
    for number in range(steps):
        left *= half_life.decay(Elapsed(images=number * half_life.step_images))
    return left


@pytest.mark.parametrize("batch", [8, 16, 100, 400])
def test_half_is_forgotten_after_a_half_life_whatever_the_batch(batch: int) -> None:
    assert share_of_the_start(HalfLife(2000, None, batch), 2000 // batch) == pytest.approx(0.5)
    assert share_of_the_start(HalfLife(2000, None, batch), 6000 // batch) == pytest.approx(0.125)


def test_runs_of_other_batches_average_over_the_same_images() -> None:
    """Weights that change after 1,600 and 3,200 images, averaged in steps of 16 and of 160."""
    ends = []
    for batch in (16, 160):
        learner = learner_of()
        average = Average(learner, HalfLife(1000, None, batch))
        for number in range(4800 // batch):
            if number * batch in (1600, 3200):
                shift(learner, 1.0)
            average.update(number + 1, Elapsed(images=number * batch))
        ends.append(average.learner.generator.project.weight.clone())
    torch.testing.assert_close(*ends, rtol=1e-5, atol=1e-5)
    start = learner_of().generator.project.weight
    moved = 1 - 0.5**3.2 + 1 - 0.5**1.6
    torch.testing.assert_close(ends[0], start + moved, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("batch", "half_life"), [(64, 500_000), (32, 10_000)])
def test_the_ramp_is_that_of_stylegan2(batch: int, half_life: int) -> None:
    """Karras et al. 2020: β = ½^(b / min(h, 0.05 n)) with the n images before the step."""
    run = Training(averaging_half_life=half_life, averaging_ramp=0.05)
    decay = decay_of(run, batch)
    assert isinstance(decay, HalfLife)
    assert decay.decay(Elapsed()) == 0.0, "the first step copies the weights"
    for step in (1, 2, 10, 1000, 6249, 6250, 156_250, 10**6):
        exponent = batch / min(half_life, 0.05 * step * batch)
        expected = math.exp(-math.log(2) * exponent)
        assert decay.decay(Elapsed(0.1, step * batch)) == pytest.approx(expected, rel=1e-12)


def test_a_half_life_may_follow_a_schedule_as_in_r3gan() -> None:
    run = Training(averaging_half_life=Cosine(start=0.0, end=5e6, images=20_000_000))
    decay = decay_of(run, 512)
    assert isinstance(decay, HalfLife)
    assert decay.decay(Elapsed()) == 0.0
    for images in (512, 10**6, 10**7, 2 * 10**7, 10**8):
        half_life = 5e6 * math.sin(math.pi / 2 * min(images / 2e7, 1)) ** 2
        expected = math.exp(-math.log(2) * 512 / half_life)
        assert decay.decay(Elapsed(0.0, images)) == pytest.approx(expected, rel=1e-9)


def test_a_half_life_of_zero_is_the_last_weights_and_none_is_the_decay_per_step() -> None:
    assert HalfLife(0, None, 16).decay(Elapsed(images=160)) == 0.0
    assert decay_of(Training(averaging=0.9), 16) == 0.9


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"averaging_ramp": 0.05}, "give averaging_half_life too"),
        ({"averaging_half_life": 500, "averaging": 0.9}, "give one of them"),
        ({"averaging_half_life": -1.0}, "at least 0 is meant"),
        ({"averaging_half_life": 500, "averaging_ramp": 0}, "greater than 0"),
    ],
)
def test_what_would_be_ignored_is_refused(fields: dict[str, float], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Training(**fields)
