"""The first GAN, against its authors' program written down anew."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import softplus

import saddlepoint as sp
from kit.tiny import tiny
from saddlepoint.errors import BadInput
from saddlepoint.learners.adversarial.learner import AdversarialLearner
from saddlepoint.learners.adversarial.priors import Normal
from saddlepoint.networks.activations import Maxout
from saddlepoint.run.description import Run
from saddlepoint.schedules import Elapsed
from saddlepoint.training.device import Policy
from saddlepoint.training.step import Batches, Stepper


def stepper_of(run: Run, batch: int, seed: int = 0) -> tuple[AdversarialLearner, Stepper]:
    data = run.data.open()
    learner = run.learner.learner(data.info, batch_size=batch, seed=seed)
    loader = data.loader("train", batch, seed=seed, device=torch.device("cpu"))
    policy = Policy(torch.device("cpu"), "float32")
    return learner, Stepper(learner, policy, Batches(loader, batch), seed, run.training.dynamics)


def test_networks_latents_and_initial_weights_are_the_authors() -> None:
    run = sp.recipes.gan_2014("digits")
    learner, _ = stepper_of(run, 100)
    assert run.learner.prior == Normal()
    assert run.learner.latent == 100
    generator = [m for m in learner.generator.modules() if isinstance(m, nn.Linear)]
    assert [tuple(m.weight.shape) for m in generator] == [(1200, 100), (1200, 1200), (64, 1200)]
    critic = [m for m in learner.critic.modules() if isinstance(m, nn.Linear)]
    assert [tuple(m.weight.shape) for m in critic] == [(1200, 64), (1200, 240), (1, 240)]
    assert [m.pieces for m in learner.critic.modules() if isinstance(m, Maxout)] == [5, 5]
    dropped = [m.p for m in learner.critic.modules() if isinstance(m, nn.Dropout)]
    assert dropped == [0.2, 0.5, 0.5]
    assert not any(isinstance(m, nn.Dropout) for m in learner.generator.modules())
    for layers, width in ((generator, 0.05), (critic, 0.005)):
        for layer in layers:
            largest = layer.weight.abs().max().item()
            assert 0.95 * width < largest <= width
            std = layer.weight.std().item()
            assert std == pytest.approx(width / math.sqrt(3), rel=0.1)
    biases = [m.bias for m in (*generator[:-1], *critic)]
    assert all(not bias.any() for bias in biases)


def test_the_output_bias_is_that_of_the_marginals() -> None:
    """The inverse sigmoid of each pixel's mean in [0, 1], kept 1e-7 from both ends."""
    run = sp.recipes.gan_2014("digits")
    learner, _ = stepper_of(run, 100)
    data = run.data.open()
    x = data.take("train", 10**6, torch.device("cpu")).x.double().numpy()
    p = np.clip(((x + 1) / 2).mean(0), 1e-7, 1 - 1e-7)
    assert (p == 1e-7).any(), "some pixels are black in every digit"
    expected = np.log(p / (1 - p))
    bias = learner.generator.layers[-2].bias.detach().numpy()
    np.testing.assert_allclose(bias, expected.ravel(), rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        blank = learner.generator(torch.zeros(1, 100))
    np.testing.assert_allclose(blank[0].numpy(), 2 * p - 1, atol=1e-5)


@pytest.mark.parametrize("batch", [100, 50])
def test_rate_and_momentum_follow_the_authors_counts(batch: int) -> None:
    sgd = sp.recipes.gan_2014("digits").learner.critic_optimiser
    for update in (0, 1, 500, 125_000, 2_000_000, 2_878_000, 2_900_000, 10_000_000):
        for epoch_share in (0.0, 0.5):
            images = int((update + epoch_share) * 100)
            settings = sgd.settings(Elapsed(0.5, images))
            rate = max(0.1 / 1.000004 ** (images / 100), 1e-6)
            assert settings["lr"] == pytest.approx(rate, rel=1e-6)
    for epoch in (0, 1, 100, 248, 249, 250, 1000):  # counted from 0
        alpha = min(epoch / 249, 1.0)
        settings = sgd.settings(Elapsed(0.5, epoch * 50_000))
        assert settings["momentum"] == pytest.approx(0.5 + 0.2 * alpha, rel=1e-12)


def test_a_step_is_the_authors() -> None:
    """Both gradients at one point, the critic's cost halved, velocities by hand."""
    run = tiny("gan-2014", critic={"dropout": 0.0, "dropout_input": 0.0})
    learner, stepper = stepper_of(run, 16)
    mine, shadow = copy.deepcopy(learner), copy.deepcopy(stepper.batches)
    velocity: dict[str, torch.Tensor] = {}
    drawing = Stepper(mine, stepper.policy, shadow, 0, run.training.dynamics)
    critic_phase, generator_phase = mine.phases
    for number in range(4):
        stepper.step(number, 0.0)
        batch, for_critic, _ = drawing.draw(critic_phase, 0, number, 0.0)
        _, for_generator, _ = drawing.draw(generator_phase, 0, number, 0.0)
        layers = mine.generator.layers[:-1]  # up to the sigmoid
        fakes = [
            layers(streams.normal((16, 100), "latents")).sigmoid()
            for streams in (for_critic, for_generator)
        ]
        pixels = batch.x.flatten(1) / 2 + 0.5
        first, second = (mine.critic(x.unflatten(1, (1, 8, 8))).score for x in fakes)
        real = mine.critic(pixels.unflatten(1, (1, 8, 8))).score
        critic_cost = 0.5 * (softplus(-real).mean() + softplus(first).mean())
        generator_cost = softplus(-second).mean()
        rate = 0.1 / 1.000004 ** (number * 16 / 100)
        momentum = 0.5 + 0.2 * number * 16 / (249 * 50_000)
        gradients = {}
        for player, cost in (("critic", critic_cost), ("generator", generator_cost)):
            named = dict(mine.players[player].named_parameters())
            slopes = torch.autograd.grad(cost, list(named.values()), retain_graph=True)
            for (name, parameter), slope in zip(named.items(), slopes, strict=True):
                gradients[f"{player}.{name}"] = parameter, slope
        with torch.no_grad():
            for name, (parameter, slope) in gradients.items():
                before = velocity.get(name, torch.zeros_like(slope))
                velocity[name] = momentum * before - rate * slope
                parameter += velocity[name]
    for player in ("critic", "generator"):
        pairs = zip(
            learner.players[player].parameters(), mine.players[player].parameters(), strict=True
        )
        for theirs, own in pairs:
            torch.testing.assert_close(theirs, own, rtol=1e-4, atol=1e-6)


def test_points_are_refused() -> None:
    run = sp.recipes.gan_2014("ring")
    with pytest.raises(BadInput, match="the output 'sigmoid' is for images, and ring are vectors"):
        stepper_of(run, 100)
