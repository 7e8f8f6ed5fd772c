"""Virtual batch norm and minibatch layers as options of the named networks, in a whole learner."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, softplus

import saddlepoint as sp
from kit.built import build_critic, build_generator
from kit.double import explicit, flat
from kit.double import stepper_of as double_stepper_of
from kit.drawn import BATCH, IMAGES, POINTS, Drawn, spy
from kit.tiny import DISTINCT, VIRTUAL, same_bits, tensors, tiny
from saddlepoint.cli import main
from saddlepoint.data.info import DataInfo
from saddlepoint.games.constraints import SpectralNorm, WeightClipping
from saddlepoint.games.dynamics import Consensus, Extragradient, Optimistic, Simultaneous
from saddlepoint.games.regularisers import HistoricalAveraging, r1, r2, wgan_gp
from saddlepoint.learners.adversarial.costs import FeatureMatching, Unrolled
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.learners.adversarial.learner import AdversarialLearner
from saddlepoint.learners.adversarial.lenses import InstanceNoise, Pack
from saddlepoint.learners.adversarial.priors import Normal, Uniform
from saddlepoint.learners.variational.description import Variational
from saddlepoint.networks.critic import Critic
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.networks.mlp import Mlp
from saddlepoint.networks.virtual_batch_norm import VirtualBatchNorm, WithReference
from saddlepoint.randomness import Streams
from saddlepoint.recipes import RECIPES
from saddlepoint.training.averaging import Average
from saddlepoint.training.device import Policy
from saddlepoint.training.step import Batches, Stepper

CPU = torch.device("cpu")
SMALL = (1, 16, 16)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def kinds(module: nn.Module) -> list[str]:
    return [type(m).__name__ for m in module.modules() if not list(m.children())]


def networks(data: DataInfo, generator: dict[str, Any], critic: dict[str, Any]) -> dict[str, Any]:
    """Small networks for the data, with changes."""
    if data.images:
        return {"generator": Dcgan(width=3, **generator), "critic": Dcgan(width=3, **critic)}
    leaky = {"hidden": (9, 7), "activation": "leaky_relu"}
    return {"generator": Mlp(**{**leaky, **generator}), "critic": Mlp(**{**leaky, **critic})}


def build(
    data: DataInfo = POINTS,
    generator: dict[str, Any] | None = None,
    critic: dict[str, Any] | None = None,
    seed: int = 0,
    batch_size: int = BATCH,
    **described: Any,
) -> AdversarialLearner:
    """A learner whose networks have virtual batch norm unless told otherwise."""
    virtual = {"norm": "virtual"}
    players = networks(
        data,
        virtual if generator is None else generator,
        virtual if critic is None else critic,
    )
    description = Adversarial(**{"latent": 3, **players, **described})
    learner = description.learner(data, batch_size=batch_size, seed=seed)
    assert isinstance(learner, AdversarialLearner)
    return learner


def stepper_for(learner: AdversarialLearner, data: DataInfo = POINTS) -> Stepper:
    return Stepper(learner, Policy(CPU, "float32"), Batches(Drawn(data.shape), 16), seed=0)


def turns(learner: AdversarialLearner, data: DataInfo) -> Iterator[tuple[Any, Any, Streams]]:
    """Both phases with a batch and streams of their own."""
    for phase in learner.phases:
        batch = Drawn(data.shape).batch(0) if phase.needs_data else None
        yield phase, batch, Streams(5, "train", 0, phase.name, 0)


def reference(player: nn.Module) -> Tensor:
    """The reference batch of a player with virtual batch norm."""
    (holder,) = [m for m in player.modules() if isinstance(m, WithReference)]
    return holder.reference[0]


both = pytest.mark.parametrize("data", [POINTS, IMAGES], ids=lambda d: d.name)

# ---- Who sees whom -----------------------------------------------------------------------------


@both
def test_a_critic_with_virtual_batch_norm_scores_each_example_by_itself(data: DataInfo) -> None:
    learner = build(data).double()
    critic = learner.critic
    assert not critic.mixes_examples
    critic.offer(torch.randn(BATCH, *data.shape))
    x = torch.randn(6, *data.shape, dtype=torch.float64, requires_grad=True)

    def score_and_slope(inputs: Tensor) -> tuple[Tensor, Tensor]:
        score = critic(inputs).score
        return score, torch.autograd.grad(score.sum(), inputs)[0]

    score, gradient = score_and_slope(x)
    assert gradient.flatten(1).norm(dim=1).min() > 0
    for i in range(6):
        alone = score_and_slope(x[i : i + 1])
        torch.testing.assert_close(alone[0][0], score[i])
        torch.testing.assert_close(alone[1][0], gradient[i])
    others = x.detach().clone()
    others[1:] += 3
    changed = score_and_slope(others.requires_grad_())
    torch.testing.assert_close(changed[0][0], score[0])
    torch.testing.assert_close(changed[1][0], gradient[0])


def test_gradient_penalties_are_permitted_and_are_those_of_single_examples() -> None:
    learner = build(critic_regularisers=(r1(2.0), r2(2.0), wgan_gp(1.0))).double()
    critic, _ = learner.phases
    batch = Drawn(POINTS.shape).batch(0)
    real = batch.x.double()
    losses = learner(critic, sp.data.batch.Batch(real), Streams(0))
    slopes = []
    for x in real:
        x = x[None].clone().requires_grad_()
        slopes.append(torch.autograd.grad(learner.critic(x).score.sum(), x)[0].square().sum())
    torch.testing.assert_close(
        losses.terms["gradient_penalty_real"].values.detach(), torch.stack(slopes)
    )
    losses.total().backward(inputs=list(learner.critic.parameters()))
    assert all(torch.isfinite(p.grad).all() for p in learner.critic.parameters())


SENTENCES = [
    ({"norm": "batch"}, "batch norm mixes the", r"norm layer \(or virtual, or none\)\.$"),
    ({"minibatch": "std"}, "minibatch standard deviation mixes", "minibatch none"),
    ({"minibatch": "discrimination"}, "minibatch discrimination mixes", "minibatch none"),
    (
        {"norm": "batch", "minibatch": "discrimination"},
        "batch norm and minibatch discrimination mix the",
        r"norm layer \(or virtual, or none\) and --learner.critic.minibatch none",
    ),
]


@both
@pytest.mark.parametrize(("critic", "names", "remedy"), SENTENCES, ids=lambda s: str(s)[:20])
def test_a_gradient_penalty_is_refused_by_the_name_of_the_layer_that_mixes(
    data: DataInfo, critic: dict[str, str], names: str, remedy: str
) -> None:
    critic = {"norm": "none", **critic}
    with pytest.raises(sp.BadInput, match=f"{names}.*{remedy}"):
        build(data, critic=critic, critic_regularisers=(r1(1.0),))
    build(data, critic=critic, critic_regularisers=(HistoricalAveraging(),))


@both
@pytest.mark.parametrize("minibatch", ["discrimination", "std"])
@pytest.mark.parametrize("norm", ["none", "virtual"])
def test_minibatch_layers_never_see_real_and_fake_examples_together(
    data: DataInfo, minibatch: str, norm: str
) -> None:
    learner = build(data, critic={"norm": norm, "minibatch": minibatch})
    assert learner.critic.mixes_examples
    critic, _ = learner.phases
    seen = spy(learner.critic)
    batch = Drawn(data.shape).batch(0)
    first = learner(critic, batch, Streams(0)).diagnostics
    assert [len(x) for x in seen] == [BATCH, BATCH]
    assert torch.equal(seen[0], batch.x)
    with torch.no_grad():
        for parameter in learner.generator.parameters():
            parameter.mul_(-3)
    second = learner(critic, batch, Streams(0)).diagnostics
    assert not torch.equal(first["critic/score_fake"], second["critic/score_fake"])
    assert torch.equal(first["critic/score_real"], second["critic/score_real"])


def test_without_mixing_real_and_fake_share_a_pass_and_its_reference() -> None:
    learner = build()
    seen = spy(learner.critic)
    stepper_for(learner).step(0, 0.0)
    assert [len(x) for x in seen] == [2 * BATCH, BATCH]


# ---- The reference batch -----------------------------------------------------------------------


@both
def test_the_reference_is_the_first_real_batch_and_stays_it(data: DataInfo) -> None:
    learner = build(data)
    latents = reference(learner.generator).clone()
    stepper = stepper_for(learner, data)
    for number in range(4):
        stepper.step(number, 0.0)
        assert torch.equal(reference(learner.critic), Drawn(data.shape).batch(0).x)
        assert torch.equal(reference(learner.generator), latents)
    fresh = build(data, seed=1)
    stepper_for(fresh, data).step(0, 0.0)
    fresh.load_state_dict(learner.state_dict())
    stepper = stepper_for(fresh, data)
    stepper.batches.cursor = 4
    stepper.step(4, 0.0)
    assert torch.equal(reference(fresh.critic), Drawn(data.shape).batch(0).x)
    assert torch.equal(reference(fresh.generator), latents)


def test_a_generators_reference_is_drawn_from_the_prior_by_the_seed_alone() -> None:
    for prior, largest in ((Normal(), 6.0), (Uniform(), 1.0)):
        made = [build(seed=seed, prior=prior, batch_size=4000) for seed in (0, 0, 1)]
        z = [reference(learner.generator) for learner in made]
        assert torch.equal(z[0], z[1])
        assert not torch.equal(z[0], z[2])
        assert z[0].abs().max() <= largest
        assert z[0].std() == pytest.approx(1.0 if prior == Normal() else 3**-0.5, abs=0.03)
        assert len(z[0].unique(dim=0)) == 4000
    plain = build(generator={"norm": "none"}).critic.state_dict()
    for name, value in build().critic.named_parameters():
        assert torch.equal(value, plain[name]), "weights depend on the reference's draw"


def test_a_critic_without_its_reference_says_so() -> None:
    learner = build()
    _, generator = learner.phases
    with pytest.raises(sp.BadInput, match="needs its reference batch"):
        learner(generator, None, Streams(0))


def test_the_reference_is_what_the_critic_sees() -> None:
    """Standardised, noisy and in packs, as the first reals were."""
    data = DataInfo(**{**POINTS.model_dump(), "centre": (3.0, -2.0), "scale": 2.0})
    learner = build(data, standardise=True, lenses=(InstanceNoise(std=0.5), Pack(size=2)))
    seen = spy(learner.critic)
    stepper = stepper_for(learner)
    stepper.step(0, 0.0)
    real = seen[0][: BATCH // 2]
    assert reference(learner.critic).shape == (BATCH // 2, 4)
    assert torch.equal(reference(learner.critic), real)
    clean = (Drawn((2,)).batch(0).x - torch.tensor([3.0, -2.0])) / 2
    noise = real.reshape(BATCH, 2) - clean
    assert 0.2 < noise.std() < 0.9
    stepper.step(1, 1.0)
    assert torch.equal(reference(learner.critic), real)


def by_hand(critic: Critic, x: Tensor, fixed: Tensor, cut: bool = False) -> Tensor:
    """The score of a critic with hidden layers (9, 7), virtual batch norm written out."""
    first, second = (m for m in critic.backbone.modules() if isinstance(m, nn.Linear))
    (norm,) = (m for m in critic.backbone.modules() if isinstance(m, VirtualBatchNorm))
    a, r = (second(leaky_relu(first(each), 0.2)) for each in (x, fixed))
    r = r.detach() if cut else r
    n = len(fixed)
    mean = (n * r.mean(0) + a) / (n + 1)
    square = (n * r.square().mean(0) + a.square()) / (n + 1)
    normal = (a - mean) / (square - mean.square() + norm.eps).sqrt()
    return critic.head(leaky_relu(normal * norm.weight + norm.bias, 0.2))[:, 0]


def test_gradient_flows_through_the_references_statistics() -> None:
    learner = build(generator={"norm": "none"}).double()
    critic, _ = learner.phases
    real = Drawn(POINTS.shape).batch(0).x.double()
    latents = spy(learner.generator)
    total = learner(critic, sp.data.batch.Batch(real), Streams(0)).total()
    movers = list(learner.critic.parameters())
    gradients = torch.autograd.grad(total, movers)
    fake = learner.generator(latents[0]).detach()

    def slopes(cut: bool) -> tuple[Tensor, ...]:
        scores = (by_hand(learner.critic, x, real, cut) for x in (real, fake))
        cost = softplus(-next(scores)).mean() + softplus(next(scores)).mean()
        torch.testing.assert_close(cost, total)
        return torch.autograd.grad(cost, movers)

    for mine, theirs in zip(gradients, slopes(cut=False), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-10)
    differing = [not torch.allclose(a, b) for a, b in zip(gradients, slopes(cut=True), strict=True)]
    assert any(differing)


@both
def test_everything_is_in_the_state(data: DataInfo) -> None:
    learner = build(data)
    stepper_for(learner, data).step(0, 0.0)
    state = {name: value.clone() for name, value in learner.state_dict().items()}
    for player in ("duel.generator", "duel.critic.backbone"):
        assert state[f"{player}.reference0"].any()
        assert state[f"{player}.chosen"] == 1
    other = build(data, seed=7)
    other.load_state_dict(state)
    assert torch.equal(other.sample(70, seed=3), learner.sample(70, seed=3))
    mine, theirs = (each(*next(turns(each, data))).total() for each in (learner, other))
    assert torch.equal(mine, theirs)
    # a state without a reference takes it away again
    other.load_state_dict(build(data).state_dict())
    with pytest.raises(sp.BadInput, match="needs its reference batch"):
        other(other.phases[1], None, Streams(0))


def test_a_run_keeps_one_reference_in_its_checkpoints_and_its_samples(tmp_path: Path) -> None:
    for name in ("gan", "dcgan"):
        out = tmp_path / name
        sp.train(tiny(name, **VIRTUAL), out, quiet=True)
        early, late = tensors(out, 4), tensors(out, 12)
        for key in ("learner/duel.critic.backbone", "learner/duel.generator", "average/generator"):
            assert early[f"{key}.reference0"].tobytes() == late[f"{key}.reference0"].tobytes()
        kept = late["learner/duel.generator.reference0"]
        assert kept.tobytes() == late["average/generator.reference0"].tobytes()
        model = sp.load(out)
        before = model.sample(70, seed=1)
        assert torch.equal(before[:9], model.sample(9, seed=1))
        assert np.array_equal(reference(model.learner.generator).numpy(), kept)
        reference(model.learner.generator).mul_(0.5)
        assert not torch.allclose(before, model.sample(70, seed=1)), "it is of no use"
        data = tiny(name).data.open()
        first = data.loader("train", 16, seed=0, device=CPU).batch(0).x
        assert np.array_equal(late["learner/duel.critic.backbone.reference0"], first.numpy())


def test_averaged_weights_are_sampled_with_the_same_reference() -> None:
    learner = build()
    average = Average(learner, 0.9)
    stepper = stepper_for(learner)
    for number in range(3):
        stepper.step(number, 0.0)
        average.update(number + 1)
    average.settle(3)
    averaged = average.learner.players["generator"]
    assert averaged is not learner.generator
    assert torch.equal(reference(averaged), reference(learner.generator))
    assert reference(averaged) is not reference(learner.generator)
    z = torch.randn(5, 3)
    changed = copy.deepcopy(learner.generator)
    changed.load_state_dict(average.learner.players["generator"].state_dict())
    assert torch.equal(averaged(z), changed(z))
    assert not torch.equal(averaged(z), learner.generator(z))


def test_a_critics_reference_is_kept_channels_last() -> None:
    learner = build(DataInfo(**{**IMAGES.model_dump(), "shape": (3, 16, 16)}))
    Policy(CPU, "float32").place(learner)
    critic = learner.phases[0]
    images = torch.randn(BATCH, 3, 16, 16).to(memory_format=torch.channels_last)
    inputs: list[Tensor] = []
    first = next(m for m in learner.critic.modules() if isinstance(m, nn.Conv2d))
    first.register_forward_pre_hook(lambda module, given: inputs.append(given[0]))
    learner(critic, sp.data.batch.Batch(images), Streams(0))
    assert all(x.is_contiguous(memory_format=torch.channels_last) for x in inputs)


# ---- The learner's contract --------------------------------------------------------------------


CASES = [
    (POINTS, {"norm": "virtual"}, {"norm": "virtual"}),
    (POINTS, {"norm": "batch"}, {"norm": "batch", "minibatch": "discrimination"}),
    (POINTS, {}, {"norm": "virtual", "minibatch": "std"}),
    (IMAGES, {"norm": "virtual"}, {"norm": "virtual", "minibatch": "discrimination"}),
    (IMAGES, {"norm": "virtual"}, {"norm": "batch", "minibatch": "std"}),
]
cases = pytest.mark.parametrize(
    ("data", "generator", "critic"), CASES, ids=[f"{d.name}-{g}-{c}" for d, g, c in CASES]
)


@cases
def test_samples_are_prefixes_and_leave_everything_as_it_was(
    data: DataInfo, generator: dict[str, str], critic: dict[str, str]
) -> None:
    learner = build(data, generator, critic)
    stepper_for(learner, data).step(0, 0.0)
    learner.recalibrate(seed=0)
    before = {name: value.clone() for name, value in learner.state_dict().items()}
    most = learner.sample(130, seed=3)
    for n in (1, 5, 64, 65):
        assert torch.equal(learner.sample(n, seed=3), most[:n])
    assert len(most.flatten(1).unique(dim=0)) == 130
    after = learner.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert learner.training


@cases
def test_phases_run_on_explicit_parameters_and_buffers(
    data: DataInfo, generator: dict[str, str], critic: dict[str, str]
) -> None:
    learner = build(data, generator, critic)
    before = {name: value.clone() for name, value in learner.state_dict().items()}
    given = {name: value.clone() for name, value in before.items()}
    for turn in turns(learner, data):  # in their own tensors, which take the reference
        torch.func.functional_call(learner, given, turn)
    assert all(torch.equal(v, learner.state_dict()[n]) for n, v in before.items())
    if critic["norm"] == "virtual":
        assert given["duel.critic.backbone.chosen"] == 1
        with pytest.raises(sp.BadInput, match="needs its reference batch"):
            learner.critic(torch.zeros(2, *data.shape))
    for phase, batch, streams in turns(learner, data):
        ordinary = learner(phase, batch, streams).total()
        parameters = {n: p.detach().clone() for n, p in learner.named_parameters()}
        at = torch.func.functional_call(learner, parameters, (phase, batch, streams)).total()
        torch.testing.assert_close(at, ordinary)
        moved = {n: p + 0.3 for n, p in parameters.items()}
        at = torch.func.functional_call(learner, moved, (phase, batch, streams)).total()
        assert not torch.allclose(at, ordinary)


TECHNIQUES: dict[str, dict[str, Any]] = {
    "plain": {},
    "unrolled": {"cost": Unrolled(steps=2)},
    "feature matching": {"cost": FeatureMatching()},
    "spectral norm": {"constraints": (SpectralNorm(),)},
    "clipping": {"constraints": (WeightClipping(limit=0.1),)},
    "noise and packs": {"lenses": (InstanceNoise(std=0.2), Pack(size=2))},
    "three critic steps": {"objective": "least_squares", "critic_steps": 3},
    "historical averaging": {"critic_regularisers": (HistoricalAveraging(),)},
}


@cases
@pytest.mark.parametrize("technique", TECHNIQUES)
def test_they_train_together_with_other_techniques(
    data: DataInfo, generator: dict[str, str], critic: dict[str, str], technique: str
) -> None:
    learner = build(data, generator, critic, **TECHNIQUES[technique])
    start = {name: p.detach().clone() for name, p in learner.named_parameters()}
    stepper = stepper_for(learner, data)
    for number in range(3):
        stepper.step(number, number / 3)
    assert stepper.trouble.read() is None
    for name, parameter in learner.named_parameters():
        assert not torch.equal(parameter, start[name]), name


@pytest.mark.parametrize(
    "dynamics",
    [Simultaneous(), Extragradient(), Optimistic(), Consensus(strength=0.1)],
    ids=lambda d: d.kind,
)
@pytest.mark.parametrize("minibatch", ["none", "discrimination"])
def test_dynamics_move_virtual_batch_norm_as_their_equations_say(
    dynamics: Any, minibatch: str
) -> None:
    changes = {
        "generator": Mlp(hidden=(9, 8), activation="tanh", norm="virtual"),
        "critic": Mlp(hidden=(9, 8), activation="tanh", norm="virtual", minibatch=minibatch),
    }
    stepper, twin = (double_stepper_of(each, **changes) for each in (dynamics, None))
    here, field = explicit(twin, 0)
    rate = 0.05
    v = field(here)
    if dynamics.kind == "extragradient":
        v = field({n: (here[n] - rate * v[n]).detach().requires_grad_() for n in here})
    if dynamics.kind == "consensus":
        size = sum(g.square().sum() for g in v.values()) / 2
        pull = dict(zip(here, torch.autograd.grad(size, list(here.values())), strict=True))
        v = {n: g + 0.1 * pull[n] for n, g in v.items()}
    stepper.step(0, 0.0)
    for named in stepper.named.values():
        for name, parameter in named.items():
            expected = here[name] - rate * v[name]
            torch.testing.assert_close(parameter.detach(), expected.detach(), rtol=0, atol=1e-10)
    for number in range(1, 3):
        stepper.step(number, 0.0)
    assert stepper.trouble.read() is None
    assert torch.isfinite(flat(stepper, "critic")).all()


def test_unrolling_differentiates_through_virtual_batch_norm() -> None:
    """One unrolled step by hand, on the critic whose norm is written out."""
    rate = 0.3
    learner = build(generator={"norm": "none"}, cost=Unrolled(steps=1, rate=rate)).double()
    critic, generator = learner.phases
    real = Drawn(POINTS.shape).batch(0).x.double()
    batch = sp.data.batch.Batch(real)
    learner(critic, batch, Streams(0))
    latents = spy(learner.generator)
    movers = list(learner.generator.parameters())
    mine = torch.autograd.grad(learner(generator, batch, Streams(1)).total(), movers)

    fake = learner.generator(latents[0])
    scores = (by_hand(learner.critic, x, real) for x in (real, fake))
    cost = softplus(-next(scores)).mean() + softplus(next(scores)).mean()
    named = dict(learner.critic.named_parameters())
    slopes = torch.autograd.grad(cost, list(named.values()), create_graph=True)
    ahead = {n: p - rate * g for (n, p), g in zip(named.items(), slopes, strict=True)}
    score = torch.func.functional_call(learner.critic, ahead, (fake,)).score
    theirs = torch.autograd.grad(softplus(-score).mean(), movers)
    for one, two in zip(mine, theirs, strict=True):
        torch.testing.assert_close(one, two)


# ---- As a user sets them -----------------------------------------------------------------------


def takes_them(name: str) -> bool:
    """Whether a recipe's networks have norms and minibatch layers, and need no classes."""
    learner = RECIPES[name]().learner
    if not isinstance(learner, Adversarial) or learner.classes.uses_classes:
        return False
    return {"norm", "minibatch"} <= {*type(learner.critic).model_fields}


ADVERSARIAL = [name for name in DISTINCT if takes_them(name)]


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_every_recipe_takes_them(name: str) -> None:
    options: dict[str, Any] = {"data": np.random.default_rng(0).normal(size=(400, 2))}
    images = RECIPES[name].facts.data == "images"
    run = tiny(name, **({} if images else options), **VIRTUAL)
    variants = [run.learner]
    if not any(p.kind == "gradient_penalty" for p in run.learner.critic_regularisers):
        for minibatch in ("discrimination", "std"):
            critic = run.learner.critic.replace(minibatch=minibatch)
            variants.append(run.learner.replace(critic=critic))
    data = run.data.open()
    for description in variants:
        learner = description.learner(data.info, batch_size=16, seed=0)
        loader = data.loader("train", 16, seed=0, device=CPU)
        stepper = Stepper(learner, Policy(CPU, "float32"), Batches(loader, 16), seed=0)
        for number in range(3):
            stepper.step(number, 0.0)
        assert stepper.trouble.read() is None
        assert learner.sample(3, seed=0).shape == (3, *data.info.shape)


def test_members_have_references_of_their_own_and_resume(tmp_path: Path) -> None:
    run = tiny("gan", data="ring", **VIRTUAL).replace(seeds=3)
    sp.train(run, tmp_path / "whole", quiet=True)
    sp.train(run.replace(training=run.training.replace(steps=6)), tmp_path / "part", quiet=True)
    sp.resume(tmp_path / "part", steps=12, quiet=True)
    whole = tensors(tmp_path / "whole", 12)
    assert same_bits(whole, tensors(tmp_path / "part", 12))
    data = run.data.open()
    for player in ("generator", "critic.backbone"):
        kept = whole[f"learner/duel.{player}.reference0"]
        assert kept.shape[0] == 3
        for seed in range(3):
            sp.train(
                run.replace(seeds=1, seed=seed, training=run.training.replace(steps=1)),
                tmp_path / f"{player} {seed}",
                quiet=True,
            )
            alone = tensors(tmp_path / f"{player} {seed}", 1)[f"learner/duel.{player}.reference0"]
            assert np.array_equal(kept[seed], alone)
    first = data.loader("train", 16, seed=2, device=CPU).batch(0).x.numpy()
    assert np.array_equal(whole["learner/duel.critic.backbone.reference0"][2], first)
    model = sp.load(tmp_path / "whole")
    assert torch.equal(model.sample(70, member=2)[:5], model.sample(5, member=2))


def test_what_makes_no_sense_is_refused_in_a_sentence() -> None:
    for description, shape in ((Dcgan(minibatch="std"), SMALL), (Mlp(minibatch="std"), (2,))):
        with pytest.raises(sp.BadInput, match=r"--network\.minibatch is for networks that look"):
            build_generator(description, 3, shape, "tanh")
    with pytest.raises(sp.BadInput, match="multiple of 4, and this one is 6"):
        build(critic={"minibatch": "std"}, batch_size=6)
    with pytest.raises(sp.BadInput, match="multiple of 4, and this one is 6"):
        build(critic={"minibatch": "std"}, batch_size=12, lenses=(Pack(size=2),))
    with pytest.raises(sp.BadInput, match=r"one seed only.*--seeds at 1"):
        build_critic(Mlp(norm="batch"), (2,), members=3)
    for part in ("encoder", "decoder"):
        for network in (Mlp, Dcgan):
            for change, sentence in (
                ({"norm": "virtual"}, f"--learner.{part}.norm to batch or none"),
                ({"minibatch": "discrimination"}, rf"--learner\.{part}\.minibatch .*none"),
            ):
                with pytest.raises(sp.BadInput, match=sentence):
                    Variational(**{part: network(**change)}).learner(IMAGES, batch_size=8, seed=0)


def test_an_autoencoder_of_mlps_takes_batch_norm() -> None:
    norm = Mlp(hidden=(9, 7), norm="batch")
    learner = Variational(latent=2, encoder=norm, decoder=norm).learner(
        POINTS, batch_size=BATCH, seed=0
    )
    stepper = Stepper(learner, Policy(CPU, "float32"), Batches(Drawn((2,)), 16), seed=0)
    for number in range(3):
        stepper.step(number, 0.0)
    before = learner.sample(5, seed=1)
    learner.recalibrate(seed=0)
    norms = [m for m in learner.modules() if isinstance(m, nn.BatchNorm1d)]
    assert len(norms) == 3
    assert not torch.equal(before, learner.sample(5, seed=1))


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = str(tmp_path / "run")
    options = "--learner.critic.norm virtual --learner.critic.minibatch discrimination"
    options += " --learner.generator.norm virtual --learner.generator.width 4"
    options += " --learner.critic.width 4 --batch-size 8 --device cpu"
    main(["train", "dcgan", *options.split(), "--steps", "2", "--out", run, "--quiet"])
    main(["resume", run, "--steps", "3", "--quiet"])
    main(["sample", run, "--n", "3", "--out", str(tmp_path / "three.npz")])
    main(["sample", run, "--n", "5", "--out", str(tmp_path / "five.npz")])
    with np.load(tmp_path / "three.npz") as three, np.load(tmp_path / "five.npz") as five:
        assert np.array_equal(three["x"], five["x"][:3])
    main(["report", run])
    assert "discrimination" in (tmp_path / "run/run.json").read_text()
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main(["train", "wgan-gp-mlp", "--learner.critic.minibatch", "std", "--out", f"{run}-2"])
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert "this critic's minibatch standard deviation mixes the examples of a batch" in said
    assert said.strip().endswith("set --learner.critic.minibatch none.")
    assert not (tmp_path / "run-2").exists()
