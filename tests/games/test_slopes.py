"""Penalties by differences of scores: mean and variance in closed form, and what they share."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from kit.double import flat, stepper_of
from kit.outcomes import Workshop, resumed
from kit.parts import BASE
from kit.turns import turn_of
from saddlepoint.errors import BadInput
from saddlepoint.games.regularisers import GradientPenalty, r1, r2
from saddlepoint.games.slopes import squared_differences
from saddlepoint.networks.mlp import Mlp
from saddlepoint.networks.repeating import drops_units, repeats
from saddlepoint.networks.spectral import normalise_layers
from saddlepoint.randomness import Streams

PLACES = ["real", "fake", "between", "around"]
MANY = 40_000
R1 = GradientPenalty(place="real", differences=0.01)
R2 = GradientPenalty(place="fake", differences=0.01)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def double(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("step", [0.01, 0.7])
def test_on_a_linear_critic_mean_and_variance_are_those_stated(place: str, step: float) -> None:
    """‖w‖² and 2‖w‖⁴, whatever the step; within four standard errors of MANY draws."""
    w = double(3, 2, 2)
    real, fake = double(2, MANY, 3, 2, 2)
    whole = turn_of(lambda x: (x * w).flatten(1).sum(1) + 7, real, fake)
    values = GradientPenalty(place=place, differences=step).values(whole)
    assert values.shape == (MANY,)
    ratio = values / w.square().sum()
    assert ratio.mean().item() == pytest.approx(1, abs=4 * math.sqrt(2 / MANY))
    # the fourth central moment of z² is 60, so that of its variance's estimate is 56 / MANY
    assert ratio.var().item() == pytest.approx(2, abs=4 * math.sqrt(56 / MANY))
    exact = GradientPenalty(place=place).values(whole)
    torch.testing.assert_close(exact, w.square().sum().expand(MANY))


def network(seed: int = 1) -> tuple[list[Tensor], Any]:
    generator = torch.Generator().manual_seed(seed)
    weights = [
        torch.randn(*shape, generator=generator, dtype=torch.float64, requires_grad=True)
        for shape in ((3, 5), (5,), (5,))
    ]
    return weights, lambda x: (x @ weights[0] + weights[1]).tanh() @ weights[2]


def test_as_the_step_shrinks_it_is_the_slope_along_the_direction() -> None:
    """The error falls as σ; the mean of the limit over directions is the exact penalty."""
    _, critic = network()
    x = double(6, 3)
    whole = turn_of(critic, x, x)
    direction = whole.streams.normal((6, 3), "gradient_penalty", "real", "direction").double()
    at = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(at).sum(), at)
    slope = (gradient * direction).sum(1).square()
    errors = [
        (GradientPenalty(place="real", differences=step).values(whole) - slope).abs().max().item()
        for step in (1e-2, 1e-3, 1e-4)
    ]
    assert errors[1] == pytest.approx(errors[0] / 10, rel=0.1)
    assert errors[2] == pytest.approx(errors[1] / 10, rel=0.1)
    assert errors[2] < 1e-3
    torch.testing.assert_close(GradientPenalty().values(whole), gradient.square().sum(1))


@pytest.mark.parametrize("place", ["real", "fake"])
def test_the_gradient_in_the_weights_is_in_mean_the_exact_ones(place: str) -> None:
    """Over 40 batches of independent directions, within their standard error."""
    weights, critic = network()
    x = double(4, 3)
    exact = GradientPenalty(place=place).values(turn_of(critic, x, x)).mean()
    expected = torch.cat([g.flatten() for g in torch.autograd.grad(exact, weights)])
    many = x.repeat(500, 1)
    penalty = GradientPenalty(place=place, differences=1e-4)
    rows = []
    for number in range(40):
        whole = turn_of(critic, many, many, streams=Streams(number, "many"))
        slopes = torch.autograd.grad(penalty.values(whole).mean(), weights)
        rows.append(torch.cat([slope.flatten() for slope in slopes]))
    estimates = torch.stack(rows)
    error = estimates.std(0) / 40**0.5
    away = (estimates.mean(0) - expected).abs()
    assert (away < 4.5 * error + 1e-6).all()
    assert expected.norm() > 10 * error.norm()


@pytest.mark.parametrize("members", [None, 2])
@pytest.mark.parametrize("pack", [1, 2])
@pytest.mark.parametrize("repeatable", [True, False])
def test_together_they_are_what_they_are_apart(
    members: int | None, pack: int, repeatable: bool
) -> None:
    """Exact and estimated penalties in one turn, of members and packs."""
    leading = () if members is None else (members,)
    weight = double(*leading, 4, 6).requires_grad_()

    def critic(x: Tensor) -> Tensor:
        if pack > 1:  # the critic itself joins consecutive examples: one score for two
            x = x.unflatten(-2, (-1, pack)).flatten(-2)
        return (x @ weight).tanh().square().sum(-1)

    real, fake = double(2, *leading, 6, 4 // pack)
    streams = Streams(3, "test") if members is None else Streams((3, 4), "test")
    whole = turn_of(
        critic, real, fake, pack=pack, members=members, streams=streams, repeatable=repeatable
    )
    between = GradientPenalty(place="between", differences=0.1)
    rough = GradientPenalty(place="fake", differences=0.2, precision="run")
    penalties = (R1, r1(1.0), R2, GradientPenalty(place="between", target=1.0), between, rough)
    together = GradientPenalty.together([(penalty, whole) for penalty in penalties])
    for penalty, values in zip(penalties, together, strict=True):
        apart = penalty.values(whole)
        torch.testing.assert_close(values, apart)
        assert values.shape == whole.real_score.shape
        (first,) = torch.autograd.grad(values.sum(), weight, retain_graph=True)
        (second,) = torch.autograd.grad(apart.sum(), weight, retain_graph=True)
        torch.testing.assert_close(first, second)
    direction = streams.normal((6, 4 // pack), "gradient_penalty", "real", "direction").double()
    expected = ((critic(real + 0.01 * direction) - critic(real)) / 0.01).square()
    torch.testing.assert_close(together[0], expected)


def test_members_get_what_they_get_alone() -> None:
    w = double(3, 4)
    real, fake = double(2, 3, 5, 4)
    streams = Streams((7, 8, 9), "test")

    def critic(x: Tensor) -> Tensor:
        return (x.sin() * w[:, None]).sum(-1)

    whole = turn_of(critic, real, fake, members=3, streams=streams)
    values = R1.values(whole)
    for k, seed in enumerate((7, 8, 9)):

        def alone(x: Tensor, k: int = k) -> Tensor:
            return (x.sin() * w[k]).sum(-1)

        expected = R1.values(turn_of(alone, real[k], fake[k], streams=Streams(seed, "test")))
        torch.testing.assert_close(values[k], expected)


@pytest.mark.parametrize(("repeatable", "rows"), [(True, 10), (False, 20)])
def test_scores_that_the_turn_has_are_not_computed_again(repeatable: bool, rows: int) -> None:
    """Where a pass is not the same function again, both scores come from one."""
    passes: list[Tensor] = []

    def critic(x: Tensor) -> Tensor:
        passes.append(x)
        return x.square().sum(1)

    real, fake = double(2, 5, 3)
    whole = turn_of(critic, real, fake, repeatable=repeatable)
    passes.clear()
    GradientPenalty.together([(R1, whole), (R2, whole)])
    assert [len(x) for x in passes] == [rows]
    passes.clear()
    GradientPenalty(place="between", differences=0.01).values(whole)
    assert [len(x) for x in passes] == [10]


@pytest.mark.parametrize("precision", ["float32", "run"])
def test_in_bfloat16_scores_are_of_float32_unless_asked(precision: str) -> None:
    """Never a score of one precision less a score of the other."""
    layer = nn.Linear(64, 1, bias=False)
    kinds: list[torch.dtype] = []

    def critic(x: Tensor) -> Tensor:
        out = layer(x)
        kinds.append(out.dtype)
        return out.float().squeeze(-1)

    real = torch.randn(2000, 64)
    penalty = GradientPenalty(place="real", differences=0.1, precision=precision)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        whole = turn_of(critic, real, real, repeatable=True)
        kinds.clear()
        values = penalty.values(whole)
    assert values.dtype == torch.float32
    assert kinds == [torch.float32 if precision == "float32" else torch.bfloat16]
    direction = whole.streams.normal((2000, 64), "gradient_penalty", "real", "direction")
    slope = (direction @ layer.weight.detach().squeeze()).square()
    error = (values - slope).abs().mean() / slope.mean()
    if precision == "float32":
        assert error < 1e-4
    else:  # scores of size 0.6 have steps of 2⁻⁹ or so, 0.1·slopes 0.06
        assert 1e-3 < error < 0.2


def test_a_step_joins_whoever_made_the_points() -> None:
    """As for the exact penalty, the graph goes on to an unrolled generator."""
    scale = torch.ones((), dtype=torch.float64, requires_grad=True)
    x = double(5, 3)
    whole = turn_of(lambda x: x.square().sum(1), x, scale * x)
    (slope,) = torch.autograd.grad(R2.values(whole).sum(), scale)
    direction = whole.streams.normal((5, 3), "gradient_penalty", "fake", "direction").double()
    # D(x + σn) − D(x) = 2σ x·n + σ²‖n‖² at the scale 1
    inner, rest = (2 * x * direction).sum(1), 0.01 * direction.square().sum(1)
    torch.testing.assert_close(slope, (2 * (inner + rest) * inner).sum())


def test_known_scores_take_the_place_of_the_points() -> None:
    points, direction = double(4, 2), double(4, 2)
    (values,) = squared_differences(
        lambda x: x.sum(1), [points], [direction], [0.5], [torch.zeros(4)], 0
    )
    torch.testing.assert_close(values, ((points + direction / 2).sum(1) / 0.5).square())


REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"target": 1.0, "differences": 0.01}, "of the norm from a target .* is no mean"),
    ({"precision": "run"}, "precision is that of differences"),
    ({"differences": 0.0}, "greater than 0"),
]


@pytest.mark.parametrize(("fields", "words"), REFUSALS)
def test_what_makes_no_sense_is_refused_with_the_reason(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        GradientPenalty.model_validate(fields)


def test_a_critic_that_mixes_examples_is_refused() -> None:
    x = double(4, 3)
    with pytest.raises(BadInput, match="mixes the examples"):
        R1.values(turn_of(lambda x: x.sum(1), x, x, mixes_examples=True))


def test_a_critic_that_drops_units_is_refused_with_differences_alone() -> None:
    critic = Mlp(hidden=(8,), dropout=0.3)
    assert stepper_of(critic=critic, critic_regularisers=(r1(1.0),))
    with pytest.raises(BadInput, match=r"drops other units in each.* --learner.critic.dropout"):
        stepper_of(critic=critic, critic_regularisers=(R1,))


def test_which_networks_repeat_themselves() -> None:
    plain = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.0))
    assert repeats(plain.modules())
    assert not drops_units(plain.modules())
    dropping = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.1))
    assert drops_units(dropping.modules())
    assert not repeats(dropping.modules())
    normalise_layers(plain)
    assert not repeats(plain.modules())
    assert not drops_units(plain.modules())


def test_a_gan_trains_by_differences_as_by_the_exact_penalties() -> None:
    """The same end within the noise of directions; and seeds side by side are single runs."""
    settings: dict[str, Any] = {"objective": "relativistic"}
    exact = stepper_of(critic_regularisers=(r1(0.2), r2(0.2)), **settings)
    rough = (R1.replace(weight=0.1), R2.replace(weight=0.1))
    alone = stepper_of(critic_regularisers=rough, seed=4, **settings)
    together = stepper_of(critic_regularisers=rough, seed=(3, 4), **settings)
    for number in range(4):
        for stepper in (exact, alone, together):
            stepper.step(number, 0.0)
    state = alone.learner.state_dict()
    for key, value in together.learner.state_dict().items():
        torch.testing.assert_close(value[1], state[key], rtol=0, atol=1e-8)
    assert flat(exact, "critic").isfinite().all()
    assert repeats(alone.learner.critic.modules())


def test_directions_are_the_same_again_when_a_run_goes_on(tmp_path: Path) -> None:
    shop = Workshop(tmp_path)
    penalties = (R1, R2.replace(precision="run"))
    learner = BASE.learner.replace(critic_regularisers=penalties)
    run = BASE.replace(learner=learner, training=BASE.training.replace(precision="bfloat16"))
    assert shop.outcome(run).same(resumed(shop.place_of(run)))
