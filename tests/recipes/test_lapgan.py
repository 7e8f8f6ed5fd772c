"""LAPGAN: the numbers of its program, and the same pyramid with R3GAN's game."""

from __future__ import annotations

import pytest

from saddlepoint.data.info import DataInfo
from saddlepoint.recipes import RECIPES, lapgan, lapgan_r3
from saddlepoint.recipes.registry import TWO_CORE
from saddlepoint.schedules import Elapsed, value_at

CIFAR = DataInfo(name="pictures", shape=(3, 32, 32), form="images", counts={}, fingerprint="")


def test_the_numbers_are_those_of_the_program() -> None:
    run = lapgan()
    learner = run.learner
    assert (learner.levels, learner.together) == (2, True)
    # 128: half real and half fake, and as many fakes in the generator's turn
    assert run.training.batch_size == 64
    assert run.training.steps * 64 == pytest.approx(250 * 45_000, abs=64)
    for game in (learner.innermost, learner.refinement):
        assert (game.objective, game.critic_steps, game.generator_batch) == ("non_saturating", 1, 2)
        assert game.critic_weight == 0.5
        assert game.prior.kind == "uniform"
        assert game.generator_optimiser == game.critic_optimiser
        sgd = game.critic_optimiser
        for epoch, momentum in ((0, 0.5), (100, 0.58), (250, 0.7), (400, 0.7)):
            at = Elapsed(0.0, epoch * 45_000)
            assert value_at(sgd.momentum, at) == pytest.approx(momentum)
            rate = 0.02 / 1.000004 ** min(epoch, 250)
            assert value_at(sgd.learning_rate, at) == pytest.approx(rate, rel=1e-9)


def test_the_networks_are_those_of_the_program() -> None:
    learner = lapgan().learner.build(CIFAR, 4, None)
    assert learner.sizes == [(8, 8), (16, 16), (32, 32)]
    counted = [
        tuple(sum(p.numel() for p in player.parameters()) for player in (d.generator, d.critic))
        for d in learner.duels
    ]
    first = (101 * 1200 + 1201 * 1200 + 1201 * 192, 193 * 600 + 601 * 600 + 601)
    generator = (49 * 4 * 64 + 64) + (49 * 64 * 64 + 64) + (25 * 64 * 3 + 3)
    convolutions = (25 * 3 * 64 + 64) + (25 * 64 * 64 + 64)
    assert counted == [
        first,
        (generator, convolutions + 64 * 8 * 8 + 1),
        (generator, convolutions + 64 * 16 * 16 + 1),
    ]


def test_the_modern_one_has_the_same_pyramid_and_another_game() -> None:
    ours, theirs = lapgan_r3(gamma=0.4).learner, lapgan().learner
    for place in ("innermost", "refinement"):
        game, old = getattr(ours, place), getattr(theirs, place)
        assert game.objective == "relativistic"
        places = [(p.place, p.weight) for p in game.critic_regularisers]
        assert places == [("real", 0.2), ("fake", 0.2)]
        assert game.critic_optimiser.beta1 == 0
        plain = {"activation": "relu", "dropout": 0.5, "initial_range": None}
        for player in ("generator", "critic"):
            new = getattr(game, player)
            assert getattr(new, "dropout", 0) == (0 if player == "critic" else new.dropout)
            same = {name: value for name, value in plain.items() if hasattr(new, name)}
            before = getattr(old, player)
            kept = new.model_dump().keys() - same.keys()
            assert all(getattr(new, name) == getattr(before, name) for name in kept)


@pytest.mark.parametrize("name", ["lapgan", "lapgan-r3"])
def test_beside_each_stands_a_variant_for_two_cores(name: str) -> None:
    small, paper = RECIPES[name + TWO_CORE], RECIPES[name]
    assert small.facts.machine == "CPU"
    assert small().training.steps < paper().training.steps
    assert small().learner.refinement.generator.width == 32
    assert small(levels=1, together=False).learner.levels == 1
    assert not small(together=False).learner.together
