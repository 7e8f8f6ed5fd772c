"""The head of a critic: its precision under autocast, and its bias where the level counts."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import softplus

from kit.double import stepper_of
from saddlepoint.games.objectives import OBJECTIVES
from saddlepoint.games.regularisers import Centring, Drift, r1
from saddlepoint.networks.critic import Critic
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.networks.mlp import Mlp
from saddlepoint.networks.network import Network, Site

SHAPE = (1, 8, 8)


@pytest.mark.parametrize("network", [Mlp(hidden=(16,)), Dcgan(width=4, norm="none")], ids=str)
@pytest.mark.parametrize("members", [None, 2])
def test_scores_of_bfloat16_features_are_computed_in_float32(
    network: Network, members: int | None
) -> None:
    """At an offset of 300 bfloat16 scores lie 2 apart, and relativistic costs were off by 6 %."""
    if members is not None and not network.stacks_members:
        pytest.skip("no members")
    torch.manual_seed(0)
    site = Site(SHAPE, members=members)
    critic = Critic(network.as_backbone(site), site)
    for parameter in critic.parameters():
        if members is not None:
            torch.nn.init.normal_(parameter, std=0.1)
    with torch.no_grad():
        assert critic.head.bias is not None
        critic.head.bias.fill_(300.0)
    lead = () if members is None else (members,)
    real, fake = torch.randn(2, *lead, 64, *SHAPE)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        features = critic(real).features
        scores = critic(real).score, critic(fake).score
    assert features.dtype == torch.bfloat16
    assert scores[0].dtype == torch.float32
    weight, features = critic.head.weight.double(), features.double()
    exact = (features @ weight.transpose(-1, -2)).squeeze(-1) + 300
    torch.testing.assert_close(scores[0].double(), exact, rtol=0, atol=1e-3)
    with torch.no_grad():
        critic.head.bias.zero_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        plain = critic(real).score, critic(fake).score
    shifted = softplus(scores[1] - scores[0]).mean()
    torch.testing.assert_close(shifted, softplus(plain[1] - plain[0]).mean(), rtol=1e-4, atol=0)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_head_has_a_bias_where_the_level_of_scores_counts(objective: str) -> None:
    shifts = OBJECTIVES[objective].shift_invariant
    bound = (r1(1.0),)
    critic = stepper_of(objective=objective, critic_regularisers=bound).learner.critic
    assert (critic.head.bias is None) == shifts
    for penalty in (Drift(), Centring()):
        seeing = (*bound, penalty)
        critic = stepper_of(objective=objective, critic_regularisers=seeing).learner.critic
        assert critic.head.bias is not None


def test_centring_brings_the_level_of_relativistic_scores_to_zero() -> None:
    """By plain gradient steps on the bias alone: b − 8ηλ(b + m) each, m the rest's middle."""
    penalties = (r1(1.0), Centring(weight=0.1))
    stepper = stepper_of(objective="relativistic", critic_regularisers=penalties)
    head = stepper.learner.critic.head
    for parameter in stepper.learner.critic.parameters():
        parameter.requires_grad_(parameter is head.bias)
    with torch.no_grad():
        head.bias.fill_(5.0)
    drawn = stepper.draw(stepper.learner.phases[0], 0, 0, 0.0)
    losses = stepper.learner(stepper.learner.phases[0], *drawn)
    (slope,) = torch.autograd.grad(losses.total(), [head.bias])
    levels = losses.diagnostics["critic/score_real"] + losses.diagnostics["critic/score_fake"]
    torch.testing.assert_close(slope, 0.1 * 4 * levels.mean().expand(1))
    assert slope > 1


def test_a_bias_would_learn_nothing_where_only_differences_count() -> None:
    """Its gradient is a sum that cancels: zero but for rounding."""
    for objective in ("relativistic", "wasserstein"):
        stepper = stepper_of(objective=objective, critic_regularisers=(r1(1.0), Drift(weight=0.0)))
        learner = stepper.learner
        drawn = stepper.draw(learner.phases[0], 0, 0, 0.0)
        total = learner(learner.phases[0], *drawn).total()
        (slope,) = torch.autograd.grad(total, [learner.critic.head.bias])
        assert slope.abs().max() < 1e-15


def test_members_without_a_bias_equal_single_runs() -> None:
    together = stepper_of(seed=(3, 4), objective="relativistic", critic_regularisers=(r1(1.0),))
    alone = stepper_of(seed=4, objective="relativistic", critic_regularisers=(r1(1.0),))
    for number in range(5):
        together.step(number, 0.0)
        alone.step(number, 0.0)
    state = alone.learner.state_dict()
    for key, value in together.learner.state_dict().items():
        torch.testing.assert_close(value[1], state[key], rtol=0, atol=1e-8)
