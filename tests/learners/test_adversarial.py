"""The two turns of the adversarial game, on their own and through the training step."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

import saddlepoint as sp
from kit.drawn import BATCH, IMAGES, POINTS, Drawn, spy
from kit.tiny import tiny
from saddlepoint.data.batch import Batch
from saddlepoint.data.describing import describe_data
from saddlepoint.data.info import DataInfo
from saddlepoint.errors import BadInput
from saddlepoint.games.moment import Moment
from saddlepoint.games.regulariser import Regulariser
from saddlepoint.games.regularisers import REGULARISERS, GradientPenalty, r1
from saddlepoint.games.turn import Turn
from saddlepoint.learners.adversarial.auxiliaries import LatentRegression
from saddlepoint.learners.adversarial.costs import Unrolled
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.learners.adversarial.learner import AdversarialLearner
from saddlepoint.learners.adversarial.lenses import UnitRange
from saddlepoint.learners.adversarial.priors import Normal, Uniform
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.networks.mlp import Mlp
from saddlepoint.optimisers import Adam, Sgd
from saddlepoint.randomness import Streams
from saddlepoint.schedules import Piecewise
from saddlepoint.training.device import Policy
from saddlepoint.training.step import Batches, Stepper

MLPS = {"generator": Mlp(hidden=(9,)), "critic": Mlp(hidden=(9,), activation="leaky_relu")}
DCGANS = {"generator": Dcgan(width=3), "critic": Dcgan(width=3)}


def build(data: DataInfo = POINTS, batch_size: int = BATCH, **described) -> AdversarialLearner:
    described = {"latent": 3, **(DCGANS if data.images else MLPS), **described}
    learner = Adversarial(**described).learner(data, batch_size=batch_size, seed=0)
    assert isinstance(learner, AdversarialLearner)
    return learner


def stepper_for(learner: AdversarialLearner, data: DataInfo = POINTS) -> Stepper:
    policy = Policy(torch.device("cpu"), "float32")
    return Stepper(learner, policy, Batches(Drawn(data.shape), 16), seed=0)


def streams(*place: int | str) -> Streams:
    return Streams(0, "train", *place)


def weights(module: nn.Module) -> list[Tensor]:
    return [p.detach().clone() for p in module.parameters()]


def same(one: list[Tensor], other: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


# ---- The critic's turn -------------------------------------------------------------------------


def test_reals_and_fakes_pass_through_the_critic_apart():
    """With batch norm, the scores of the reals must not depend on the fakes of the batch."""
    learner = build(IMAGES)
    assert any(isinstance(m, nn.BatchNorm2d) for m in learner.critic.modules())
    critic, _ = learner.phases
    batch = Drawn(IMAGES.shape).batch(0)
    seen = spy(learner.critic)
    first = learner(critic, batch, streams(0)).diagnostics
    assert [len(x) for x in seen] == [BATCH, BATCH]
    assert torch.equal(seen[0], batch.x)
    with torch.no_grad():
        for parameter in learner.generator.parameters():
            parameter.mul_(-3)
    second = learner(critic, batch, streams(0)).diagnostics
    assert not torch.equal(first["critic/score_fake"], second["critic/score_fake"])
    assert torch.equal(first["critic/score_real"], second["critic/score_real"])


def test_fakes_do_not_depend_on_the_reals_either():
    learner = build(IMAGES)
    critic, _ = learner.phases
    loader = Drawn(IMAGES.shape)
    first, second = (learner(critic, loader.batch(i), streams(0)).diagnostics for i in (0, 1))
    assert torch.equal(first["critic/score_fake"], second["critic/score_fake"])
    assert not torch.equal(first["critic/score_real"], second["critic/score_real"])


def test_each_turn_leaves_the_other_player_without_gradient():
    learner = build()
    critic, generator = learner.phases
    batch = Drawn(POINTS.shape).batch(0)

    learner(critic, batch, streams(0)).total().backward()  # even if nobody restricts it
    assert all(p.grad is None for p in learner.generator.parameters())
    assert all(p.grad.any() for p in learner.critic.parameters())

    learner.zero_grad(set_to_none=True)
    movers = list(learner.generator.parameters())
    learner(generator, None, streams(0)).total().backward(inputs=movers)
    assert all(p.grad is None for p in learner.critic.parameters())
    assert all(p.grad.any() for p in movers)


def test_the_diagnostics_are_the_mean_scores_and_costs():
    learner = build()
    critic, generator = learner.phases
    batch = Drawn(POINTS.shape).batch(0)
    latents = spy(learner.generator)
    losses = learner(critic, batch, streams(0))
    with torch.no_grad():
        real, fake = learner.critic(batch.x).score, learner.critic(learner.generator(latents[0]))
        fake = fake.score
    diagnostics = losses.diagnostics
    torch.testing.assert_close(diagnostics["critic/score_real"], real.mean())
    torch.testing.assert_close(diagnostics["critic/score_fake"], fake.mean())
    expected = -real.sigmoid().log().mean() - (1 - fake.sigmoid()).log().mean()
    torch.testing.assert_close(diagnostics["critic/loss"], expected)
    torch.testing.assert_close(losses.total().detach(), expected)
    losses = learner(generator, None, streams(0))
    torch.testing.assert_close(losses.diagnostics["generator/loss"], losses.total().detach())


# ---- Latents -----------------------------------------------------------------------------------


@pytest.mark.parametrize("prior", [Normal(), Uniform()], ids=lambda p: p.kind)
def test_every_turn_draws_fresh_latents(prior):
    learner = build(critic_steps=2, prior=prior)
    latents = spy(learner.generator)
    stepper = stepper_for(learner)
    for number in range(3):
        stepper.step(number, 0.0)
    assert [tuple(z.shape) for z in latents] == [(BATCH, 3)] * 9
    rows = torch.cat(latents)
    assert len(rows.unique(dim=0)) == len(rows)  # not even one latent is used twice
    assert len(rows.flatten().unique()) == rows.numel()


@pytest.mark.parametrize("where", ["critic", "generator", "sample"])
@pytest.mark.parametrize("prior", [Normal(), Uniform()], ids=lambda p: p.kind)
def test_latents_follow_the_prior(prior, where):
    learner = build(prior=prior, batch_size=4000, latent=5)
    latents = spy(learner.generator)
    if where == "sample":
        learner.sample(4000, seed=0)
    else:
        phase = {p.name: p for p in learner.phases}[where]
        reals = Batch(torch.zeros(4000, *POINTS.shape)) if phase.needs_data else None
        learner(phase, reals, streams(0))
    z = torch.cat(latents).flatten().double()
    assert len(z) >= 20_000
    distribution = stats.norm() if prior == Normal() else stats.uniform(-1, 2)
    assert stats.kstest(z.numpy(), distribution.cdf).pvalue > 1e-3
    if prior == Uniform():
        assert z.abs().max() <= 1


def test_the_uniform_prior_stays_within_its_bounds_for_any_normal_number():
    learner = build(prior=Uniform())
    extreme = torch.tensor([-40.0, -6.0, 0.0, 6.0, 40.0])
    latents = learner.from_normal(extreme)
    assert latents.abs().max() <= 1
    assert (latents.diff() >= 0).all()
    assert latents[2] == 0


# ---- Through the training step -----------------------------------------------------------------


@pytest.mark.parametrize("critic_steps", [1, 2, 5])
def test_critic_steps_are_updates_on_fresh_batches_before_one_of_the_generator(critic_steps):
    learner = build(critic_steps=critic_steps)
    critic, generator = learner.phases
    assert (critic.name, critic.moves, critic.repeats) == ("critic", ("critic",), critic_steps)
    assert (generator.name, generator.moves, generator.repeats) == (
        "generator",
        ("generator",),
        1,
    )
    assert critic.needs_data
    assert not generator.needs_data

    stepper = stepper_for(learner)
    updates = []
    for name, optimiser in stepper.optimisers.items():
        whole = optimiser.step_unless
        optimiser.step_unless = lambda skip, n=name, f=whole: updates.append(n) or f(skip)
    reals = spy(learner.critic)
    for number in range(2):
        stepper.step(number, 0.0)
    assert updates == 2 * [*["critic"] * critic_steps, "generator"]
    assert stepper.batches.loader.asked == list(range(2 * critic_steps))
    passes = 2 if learner.critic.mixes_examples else 1  # apart, or both in one
    assert len(reals) == 2 * (passes * critic_steps + 1)  # the generator's turn: fakes


@pytest.mark.parametrize("data", [POINTS, IMAGES], ids=lambda d: d.name)
@pytest.mark.parametrize("mover", ["critic", "generator"])
def test_a_turn_moves_its_player_and_not_one_bit_of_the_other(data, mover, monkeypatch):
    learner = build(data)
    (phase,) = (p for p in learner.phases if p.name == mover)
    learner.phases = (phase,)
    stepper = stepper_for(learner, data)
    before = {name: weights(player) for name, player in learner.players.items()}
    for number in range(2):
        stepper.step(number, 0.0)
    after = {name: weights(player) for name, player in learner.players.items()}
    other = "generator" if mover == "critic" else "critic"
    assert same(after[other], before[other])
    assert all(p.grad is None for p in learner.players[other].parameters())
    for one, two in zip(after[mover], before[mover], strict=True):
        assert not torch.equal(one, two)


def tutorial(
    networks: dict[str, nn.Module], rate: float, latents: list[Tensor], objective: str, steps: int
) -> None:
    """The usual loop: train D on a real and a fake batch, then G on fresh latents."""
    critic, generator = networks["critic"], networks["generator"]
    optimise_critic = torch.optim.SGD(critic.parameters(), lr=rate)
    optimise_generator = torch.optim.SGD(generator.parameters(), lr=rate)
    loader, remaining = Drawn(POINTS.shape), iter(latents)
    ones, zeros = torch.ones(BATCH), torch.zeros(BATCH)
    for step in range(steps):
        for repeat in range(2):
            real = loader.batch(2 * step + repeat).x
            fake = generator(next(remaining)).detach()
            optimise_critic.zero_grad()
            loss = binary_cross_entropy_with_logits(critic(real)[:, 0], ones)
            loss = loss + binary_cross_entropy_with_logits(critic(fake)[:, 0], zeros)
            loss.backward()
            optimise_critic.step()
        optimise_generator.zero_grad()
        score = critic(generator(next(remaining)))[:, 0]
        if objective == "minimax":
            loss = -binary_cross_entropy_with_logits(score, zeros)
        else:
            loss = binary_cross_entropy_with_logits(score, ones)
        loss.backward()
        optimise_generator.step()


@pytest.mark.parametrize("objective", ["minimax", "non_saturating"])
@pytest.mark.parametrize("hidden", [(), (6,)], ids=["linear", "hidden"])
def test_training_equals_the_loop_of_a_tutorial(objective, hidden):
    sgd = Sgd(learning_rate=0.5)
    learner = build(
        objective=objective,
        critic_steps=2,
        generator=Mlp(hidden=hidden, activation="tanh"),
        critic=Mlp(hidden=hidden, activation="tanh"),
        generator_optimiser=sgd,
        critic_optimiser=sgd,
    )
    by_hand = {
        "critic": nn.Sequential(
            *copy.deepcopy(learner.critic.backbone), copy.deepcopy(learner.critic.head)
        ),
        "generator": copy.deepcopy(learner.generator.layers),
    }
    start = [w for network in by_hand.values() for w in weights(network)]
    latents = spy(learner.generator)
    stepper = stepper_for(learner)
    for number in range(3):
        stepper.step(number, 0.0)
    tutorial(by_hand, 0.5, latents, objective, steps=3)
    ours = [w for name in by_hand for w in weights(learner.players[name])]
    theirs = [w for network in by_hand.values() for w in weights(network)]
    for mine, other, first in zip(ours, theirs, start, strict=True):
        torch.testing.assert_close(mine, other, rtol=0, atol=1e-6)
        assert (mine - first).abs().max() > 1e-3


def test_the_generator_learns_to_match_a_mean():
    """A linear generator against a linear critic: the fakes' mean must come to the reals'."""
    data = DataInfo(name="line", shape=(1,), form="vectors", counts={}, fingerprint="")

    class Around(Drawn):
        def batch(self, cursor: int) -> Batch:
            generator = torch.Generator().manual_seed(cursor)
            return Batch(3 + 0.1 * torch.randn(64, 1, generator=generator))

    for objective in ("minimax", "non_saturating"):
        learner = build(
            data,
            batch_size=64,
            latent=1,
            objective=objective,
            critic_steps=3,
            generator=Mlp(hidden=()),
            critic=Mlp(hidden=(16,)),
            generator_optimiser=Adam(learning_rate=0.02),
            critic_optimiser=Adam(learning_rate=0.02),
        )
        with torch.no_grad():
            learner.generator.layers[0].weight.fill_(0.1)
            learner.generator.layers[0].bias.fill_(1.0)
        policy = Policy(torch.device("cpu"), "float32")
        stepper = Stepper(learner, policy, Batches(Around((1,)), 16), seed=0)
        biases = []
        for number in range(250):
            stepper.step(number, 0.0)
            biases.append(learner.generator.layers[0].bias.item())
        late = sum(biases[-100:]) / 100
        assert late == pytest.approx(3, abs=0.3), objective


class Twin(Regulariser):
    """A penalty of a user's own, with the word of an auxiliary."""

    kind: Literal["latent_regression"] = "latent_regression"
    sees: ClassVar[frozenset[str]] = frozenset({"parameters"})

    def values(self, turn: Turn) -> Tensor:
        return torch.stack([p.square().sum() for p in turn.parameters.values()]).sum()


class Game(Twin):
    kind: Literal["adversarial"] = "adversarial"


@pytest.fixture
def _listed() -> Iterator[None]:
    REGULARISERS.extend([Twin, Game])
    yield
    del REGULARISERS[-2:]


@pytest.mark.usefixtures("_listed")
def test_two_terms_of_one_name_are_refused() -> None:
    """One would have taken the other's place in the loss without a word."""
    helper = LatentRegression()
    assert helper.joins == {"generator"}
    with pytest.raises(ValueError, match=r"also the name of one of the generator_regularisers"):
        Adversarial(generator_regularisers=(Twin(),), auxiliaries=(helper,))
    Adversarial(critic_regularisers=(Twin(),), auxiliaries=(helper,))  # of different losses
    with pytest.raises(ValueError, match=r"the critic's loss has a term 'adversarial' already"):
        Adversarial(critic_regularisers=(Game(),))


# ---- The critic's weight and the output's start ------------------------------------------------


def gradients_of(learner: AdversarialLearner, player: str) -> list[Tensor]:
    phase = next(phase for phase in learner.phases if phase.name == player)
    batch = Drawn(POINTS.shape).batch(0)
    total = learner(phase, batch if phase.needs_data else None, streams(0, player)).total()
    return list(torch.autograd.grad(total, list(learner.players[player].parameters())))


@pytest.mark.parametrize("objective", ["non_saturating", "relativistic", "hinge"])
def test_the_critics_weight_multiplies_its_cost_alone(objective: str) -> None:
    plain, halved = (build(objective=objective, critic_weight=weight) for weight in (1.0, 0.5))
    for full, half in zip(*(gradients_of(each, "critic") for each in (plain, halved)), strict=True):
        torch.testing.assert_close(half, full / 2)
    assert same(gradients_of(plain, "generator"), gradients_of(halved, "generator"))


def test_the_critics_weight_leaves_penalties_as_they_are() -> None:
    penalised = [
        build(critic_weight=weight, critic_regularisers=(r1(3.0),)) for weight in (1.0, 1e-9)
    ]
    (whole, alone), game = (gradients_of(each, "critic") for each in penalised), build()
    penalty = [w - g for w, g in zip(whole, gradients_of(game, "critic"), strict=True)]
    for one, other in zip(alone, penalty, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_an_unrolled_critic_looks_ahead_with_its_weight() -> None:
    """Half the cost is half the step: the same as half the lookahead's rate."""
    halved = build(critic_weight=0.5, cost=Unrolled(steps=3, rate=0.2))
    slower = build(cost=Unrolled(steps=3, rate=0.1))
    for one, other in zip(*(gradients_of(e, "generator") for e in (halved, slower)), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("standardise", [False, True])
def test_vectors_start_around_their_mean(standardise: bool) -> None:
    data = describe_data("two-lines").open()
    described = {"latent": 3, "output_bias": "data_mean", "standardise": standardise, **MLPS}
    learner = Adversarial(**described).learner(data.info, batch_size=8, seed=0)
    bias = learner.generator.layers[-1].bias
    expected = torch.zeros(2) if standardise else torch.tensor(data.info.centre)
    torch.testing.assert_close(bias.detach(), expected.float(), rtol=0, atol=1e-6)


def test_every_seed_starts_around_the_mean_and_nothing_else_changes() -> None:
    info = (data := describe_data("digits").open()).info
    plain, started = (
        Adversarial(output_bias=bias, latent=3, **MLPS).learner(info, batch_size=8, seed=(4, 5))
        for bias in ("network", "data_mean")
    )
    changed = [
        name
        for name, value in started.state_dict().items()
        if not torch.equal(value, plain.state_dict()[name])
    ]
    assert changed == ["duel.generator.layers.2.bias"]
    bias = started.generator.layers[2].bias.detach().double()
    assert bias.shape == (2, 64)
    mean = data.info.mean.reshape(1, 64)
    np.testing.assert_allclose(bias.tanh().numpy(), np.repeat(mean, 2, 0), atol=1e-6)


def test_a_network_without_such_a_bias_says_so() -> None:
    data = describe_data("digits").open()
    description = Adversarial(output_bias="data_mean", latent=3, **DCGANS)
    with pytest.raises(BadInput, match="'dcgan' has no bias for each number of an example"):
        description.learner(data.info, batch_size=8, seed=0)


def test_a_mean_that_nobody_knows_is_not_passed_over() -> None:
    with pytest.raises(LookupError, match="the mean of points is not known"):
        build(output_bias="data_mean")


def test_a_run_that_started_at_the_mean_is_opened_without_its_data(tmp_path: Path) -> None:
    array = np.random.default_rng(0).random((60, 8, 8), dtype=np.float32)
    np.save(tmp_path / "data.npy", array)
    run = tiny("gan-2014", data=tmp_path / "data.npy")
    sp.train(run, tmp_path / "run", quiet=True)
    before = sp.load(tmp_path / "run").sample(5, seed=1)
    (tmp_path / "data.npy").unlink()
    assert torch.equal(sp.load(tmp_path / "run").sample(5, seed=1), before)


@pytest.mark.parametrize(("output", "steepness"), [("tanh", 1.0), ("sigmoid", 0.5)])
def test_the_output_is_a_tanh_or_a_sigmoid_moved_to_its_range(
    output: str, steepness: float
) -> None:
    info = describe_data("digits").open().info
    described = {"latent": 3, "output": output, "output_bias": "data_mean", **MLPS}
    learner = Adversarial(**described).learner(info, batch_size=8, seed=0)
    assert learner.bounded
    z = torch.randn(5, 3)
    values = learner.generator.layers[:-1](z)
    expected = values.tanh() if output == "tanh" else 2 * values.sigmoid() - 1
    torch.testing.assert_close(learner.generator(z).flatten(1), expected, rtol=0, atol=1e-6)
    bias = learner.generator.layers[-2].bias.detach().double()
    mean = torch.from_numpy(info.mean).flatten()
    torch.testing.assert_close((steepness * bias).tanh(), mean, rtol=0, atol=1e-6)


def test_the_unit_range_moves_what_the_critic_sees_of_both() -> None:
    learner = build(lenses=(UnitRange(),))
    seen = spy(learner.critic)
    batch = Drawn(POINTS.shape).batch(0)
    learner(learner.phases[0], batch, streams(0, "critic"))
    real, fake = torch.cat(seen).split(BATCH)
    torch.testing.assert_close(real, (batch.x + 1) / 2)
    plain = learner.generator(learner.duel.latents(streams(0, "critic")))
    torch.testing.assert_close(fake, (plain + 1) / 2)


def test_an_unrolled_critic_pays_penalties_that_follow_a_schedule_of_images() -> None:
    """At 100 of 200 images half of the weight: as the number that it then is."""
    schedule = Piecewise(points=((0.0, 4.0), (1.0, 0.0)), images=200)
    grads = []
    for weight in (schedule, 2.0):
        penalty = GradientPenalty(place="real", weight=weight)
        learner = build(cost=Unrolled(steps=2, rate=0.2), critic_regularisers=(penalty,))
        batch, moment = Drawn(POINTS.shape).batch(0), Moment(images=100)
        total = learner(learner.phases[1], batch, streams(0, "g"), moment).total()
        grads.append(list(torch.autograd.grad(total, list(learner.generator.parameters()))))
    assert same(*grads)
