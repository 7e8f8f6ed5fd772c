"""Objectives, penalties, constraints, techniques and dynamics inside a learner that trains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import softplus

import saddlepoint as sp
from kit.double import BATCH, explicit, flat, stepper_of
from kit.tiny import same_bits, tensors, tiny
from saddlepoint.games.constraints import SpectralNorm, WeightClipping
from saddlepoint.games.dynamics import Consensus, Extragradient, Optimistic, Simultaneous
from saddlepoint.games.objectives import OBJECTIVES
from saddlepoint.games.regularisers import HistoricalAveraging, dragan, r1, r2, wgan_gp
from saddlepoint.learners.adversarial.costs import FeatureMatching, Unrolled
from saddlepoint.learners.adversarial.lenses import InstanceNoise, Pack
from saddlepoint.optimisers import Adam, RmsProp, Sgd
from saddlepoint.schedules import Cosine
from saddlepoint.training.step import Stepper


def losses(stepper: Stepper, turn: str, number: int = 0, progress: float = 0.0) -> Any:
    phase = next(p for p in stepper.learner.phases if p.name == turn)
    return stepper.learner(phase, *stepper.draw(phase, 0, number, progress))


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_trains(objective: str) -> None:
    bound = {"lipschitz": (WeightClipping(),), None: ()}[OBJECTIVES[objective].constraint]
    stepper = stepper_of(objective=objective, constraints=bound)
    start = flat(stepper, "generator")
    for number in range(3):
        stepper.step(number, 0.0)
    assert stepper.trouble.read() is None
    assert not torch.equal(start, flat(stepper, "generator"))


PENALTIES = {
    "r1": (r1(0.3),),
    "r1 and r2": (r1(0.3), r2(0.2)),
    "wgan-gp": (wgan_gp(2.0),),
    "dragan": (dragan(2.0),),
    "historical": (HistoricalAveraging(weight=0.1),),
}


def test_penalties_join_the_critics_one_loss_with_their_weights() -> None:
    plain, with_penalty = stepper_of(), stepper_of(critic_regularisers=(r1(0.3), r2(0.2)))
    computed = losses(with_penalty, "critic")
    assert list(computed.terms) == ["adversarial", "gradient_penalty_real", "gradient_penalty_fake"]
    critic = with_penalty.learner.critic
    x = with_penalty.batches.loader.batch(0).x.requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).score.sum(), x)
    squared = gradient.square().sum(1).mean()
    torch.testing.assert_close(computed.terms["gradient_penalty_real"].each, squared)
    expected = losses(plain, "critic").total() + 0.15 * squared
    expected = expected + 0.1 * computed.terms["gradient_penalty_fake"].each
    torch.testing.assert_close(computed.total(), expected)
    assert list(losses(with_penalty, "generator").terms) == ["adversarial"]


def test_a_lazy_penalty_joins_every_nth_step_with_n_times_the_weight() -> None:
    stepper = stepper_of(critic_regularisers=(r1(0.3, every=4),))
    names = [list(losses(stepper, "critic", number).terms) for number in range(6)]
    assert [len(n) for n in names] == [2, 1, 1, 1, 2, 1]
    assert losses(stepper, "critic", 4).terms["gradient_penalty_real"].weight == pytest.approx(0.6)


def test_lazy_penalties_spread_evenly_over_several_critic_steps() -> None:
    """Not over steps, whose critic updates would all have the penalty, or none."""
    stepper = stepper_of(critic_regularisers=(r1(0.3, every=4),), critic_steps=3)
    phase = stepper.learner.phases[0]
    due = []
    for number in range(4):
        for repeat in range(3):
            drawn = stepper.draw(phase, repeat, number, 0.0)
            due.append(len(stepper.learner(phase, *drawn).terms) - 1)
    assert due == [1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]


def test_penalties_apart_take_steps_of_a_slowed_adam_of_their_own() -> None:
    """StyleGAN2, appendix B, by hand: rate · k/(k+1), β^(k/(k+1)), weight · k, one Adam."""
    k, rate, betas = 2, 0.01, (0.5, 0.99)
    adam = Adam(learning_rate=rate, beta1=betas[0], beta2=betas[1])
    stepper = stepper_of(
        critic_regularisers=(r1(0.8, every=k).replace(apart=True),),
        critic_optimiser=adam,
        generator_optimiser=adam,
    )
    learner = stepper.learner
    main, apart, other = learner.phases
    assert [main.name, apart.name, other.name] == ["critic", "critic_penalties", "generator"]
    copied = {n: p.detach().clone().requires_grad_() for n, p in learner.critic.named_parameters()}
    share = k / (k + 1)
    by_hand = torch.optim.Adam(
        copied.values(), lr=rate * share, betas=(betas[0] ** share, betas[1] ** share)
    )

    def score(x: Tensor) -> Tensor:
        return torch.func.functional_call(learner.critic, copied, (x,)).score

    for number in range(5):
        batches, cursor = stepper.batches.loader, stepper.batches.cursor
        real, streams = batches.batch(cursor).x, stepper.draw(main, 0, number, 0.0)[1]
        stepper.batches.cursor = cursor
        fake = learner.generator(learner.duel.latents(streams)).detach()
        by_hand.zero_grad()
        (softplus(-score(real)) + softplus(score(fake))).mean().backward()
        by_hand.step()
        if number % k == 0:
            x = batches.batch(cursor + 1).x.clone().requires_grad_()
            (slope,) = torch.autograd.grad(score(x).sum(), x, create_graph=True)
            by_hand.zero_grad()
            (0.4 * k * slope.square().sum(1).mean()).backward()
            by_hand.step()
        stepper.step(number, 0.0)
        for name, parameter in learner.critic.named_parameters():
            torch.testing.assert_close(parameter, copied[name], rtol=0, atol=1e-12)
    group = stepper.optimisers["generator"].param_groups[0]
    assert (group["lr"], group["betas"]) == (rate, betas)  # it has no penalty of its own


def test_one_sum_leaves_adam_as_it_is() -> None:
    lazy = stepper_of(critic_regularisers=(r1(0.8, every=4),), critic_optimiser=Adam())
    assert lazy.optimisers["critic"].param_groups[0]["lr"] == Adam().learning_rate
    assert lazy.optimisers["critic"].param_groups[0]["betas"] == (0.5, 0.999)


@pytest.mark.parametrize(
    ("optimiser", "expected"),
    [
        (Adam(learning_rate=0.3, beta1=0.0, beta2=0.81), {"learning_rate": 0.15, "beta2": 0.9}),
        (Sgd(learning_rate=Cosine(start=0.2, end=0.1), momentum=0.64), {"momentum": 0.8}),
        (RmsProp(learning_rate=0.3, decay=0.81), {"learning_rate": 0.15, "decay": 0.9}),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_a_slowed_optimiser(optimiser: Any, expected: dict[str, float]) -> None:
    slowed = optimiser.slowed(0.5)
    for name, number in expected.items():
        assert getattr(slowed, name) == pytest.approx(number, abs=1e-15)
    for progress in (0.0, 0.5, 1.0):
        half = optimiser.settings(progress)["lr"] / 2
        assert slowed.settings(progress)["lr"] == pytest.approx(half)


def test_penalties_apart_that_do_not_fit_are_refused() -> None:
    def apart(every: int) -> Any:
        return r1(1.0, every=every).replace(apart=True)

    with pytest.raises(ValueError, match="every 2 and every 4 updates: give them the same"):
        stepper_of(critic_regularisers=(apart(2), apart(4)))
    with pytest.raises(ValueError, match="make every a multiple of 3"):
        stepper_of(critic_regularisers=(apart(4),), critic_steps=3)
    momentum = Sgd(momentum=Cosine(start=0.5, end=0.9))
    with pytest.raises(sp.BadInput, match="give the momentum as a number"):
        stepper_of(critic_regularisers=(apart(2),), critic_optimiser=momentum)


def test_a_gradient_penalty_on_a_critic_with_batch_norm_is_refused(tmp_path: Path) -> None:
    run = tiny("dcgan")
    run = run.replace(learner=run.learner.replace(critic_regularisers=(r1(1.0),)))
    with pytest.raises(sp.BadInput, match="batch norm mixes the examples"):
        sp.train(run, tmp_path / "run", quiet=True)


def test_clipping_comes_after_the_update_and_is_reported() -> None:
    clip = WeightClipping(limit=0.01)
    stepper = stepper_of(constraints=(clip,), critic_optimiser=Sgd(learning_rate=10.0))
    generator = stepper.learner.generator.layers[0].weight.abs().max()
    stepper.step(0, 0.0)
    assert flat(stepper, "critic").abs().max() <= 0.01
    assert stepper.learner.generator.layers[0].weight.abs().max() > generator / 2
    stepper.step(1, 0.0)
    share = stepper.meters.read()["critic/share_at_limit"]
    assert 0 < share < 1


def test_spectral_norm_bounds_every_layer_of_the_critic() -> None:
    stepper = stepper_of(constraints=(SpectralNorm(),), critic_optimiser=Sgd(learning_rate=0.5))
    for number in range(60):
        stepper.step(number, 0.0)
    for module in stepper.learner.critic.modules():
        if isinstance(module, torch.nn.Linear):
            top = torch.linalg.svdvals(module.weight.detach())[0]
            assert top == pytest.approx(1, abs=0.05)


def test_label_smoothing_changes_the_reals_only() -> None:
    stepper = stepper_of(real_target=0.9)
    objective = stepper.learner.duel.objective
    real, fake = torch.randn(5), torch.randn(5)
    expected = 0.9 * softplus(-real) + 0.1 * softplus(real) + softplus(fake)
    torch.testing.assert_close(objective.critic(real, fake), expected)
    with pytest.raises(ValueError, match="the game 'hinge' has no labels to smooth"):
        stepper_of(real_target=0.9, objective="hinge")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"objective": "wasserstein"}, "no optimum unless the critic's slope is bounded"),
        ({"objective": "wasserstein", "critic_regularisers": (r1(0.0),)}, "no optimum"),
        (
            {"objective": "wasserstein", "critic_regularisers": ({"kind": "drift"},)},
            "add --learner.critic-regularisers wgan_gp",
        ),
        (
            {"constraints": (SpectralNorm(), WeightClipping())},
            "'weight_clipping' cannot stand beside 'spectral_norm': each weight is divided",
        ),
        (
            {"constraints": (WeightClipping(), SpectralNorm())},
            "'weight_clipping' cannot stand beside 'spectral_norm': each weight is divided",
        ),
        (
            {"constraints": (WeightClipping(limit=0.1), WeightClipping(limit=0.2))},
            "'weight_clipping' stands there 2 times",
        ),
    ],
    ids=str,
)
def test_what_would_not_count_is_refused_with_a_reason(
    changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        stepper_of(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"critic_regularisers": (wgan_gp(),)},
        {"critic_regularisers": (r1(Cosine(start=1.0)),)},
        {"constraints": (SpectralNorm(),)},
        {"constraints": (WeightClipping(),)},
    ],
    ids=str,
)
def test_a_wasserstein_critic_with_a_bound_is_taken(changes: dict[str, Any]) -> None:
    assert stepper_of(objective="wasserstein", **changes).learner.duel.objective.shift_invariant


def test_instance_noise_is_added_to_both_and_anneals() -> None:
    stepper = stepper_of(
        lenses=({"kind": "instance_noise", "std": {"kind": "cosine", "start": 2.0, "end": 0.0}},)
    )
    learner = stepper.learner
    seen: list[Tensor] = []
    learner.critic.register_forward_pre_hook(lambda module, args: seen.append(args[0].detach()))
    losses(stepper, "critic", progress=0.0)
    losses(stepper, "critic", progress=1.0)
    (noisy, clean) = seen
    assert noisy[:BATCH].std() > 1.5 > clean[:BATCH].std()
    assert noisy[BATCH:].std() > 1.5 > clean[BATCH:].std()
    assert torch.equal(clean[:BATCH], stepper.batches.loader.batch(1).x)


def test_feature_matching_compares_batch_means_and_detaches_the_reals() -> None:
    stepper = stepper_of(cost=FeatureMatching())
    phase = stepper.learner.phases[1]
    assert phase.needs_data
    batch, streams, _ = stepper.draw(phase, 0, 0, 0.0)
    computed = stepper.learner(phase, batch, streams)
    critic, generator = stepper.learner.critic, stepper.learner.generator
    fake = generator(stepper.learner.duel.latents(streams))
    means = critic(batch.x).features.mean(0), critic(fake).features.mean(0)
    torch.testing.assert_close(computed.total(), (means[0] - means[1]).square().sum())
    order = torch.randperm(BATCH)
    shuffled = stepper.learner(phase, type(batch)(batch.x[order]), streams)
    torch.testing.assert_close(computed.total(), shuffled.total())  # paired samples would differ
    gradient = torch.autograd.grad(computed.total(), critic.head.weight, allow_unused=True)
    assert gradient[0] is None


def test_packs_are_what_the_critic_sees() -> None:
    stepper = stepper_of(lenses=(Pack(size=2),))
    computed = losses(stepper, "critic")
    assert computed.terms["adversarial"].values.shape == (BATCH // 2,)
    assert stepper.learner.sample(3, seed=0).shape == (3, 2)
    x = stepper.batches.loader.batch(0).x
    score = stepper.learner.critic(torch.cat([x[0], x[1]])[None]).score
    torch.testing.assert_close(
        computed.diagnostics["critic/score_real"],
        stepper.learner.critic(x.view(BATCH // 2, 4)).score.mean(),
    )
    assert score.shape == (1,)
    with pytest.raises(sp.BadInput, match="cannot be cut into packs of 3"):
        stepper_of(lenses=(Pack(size=3),))


def test_unrolling_by_hand() -> None:
    """One unrolled step equals the generator's gradient through one explicit critic step."""
    rate = 0.3
    stepper = stepper_of(cost=Unrolled(steps=1, rate=rate))
    learner = stepper.learner
    phase = learner.phases[1]
    batch, streams, _ = stepper.draw(phase, 0, 0, 0.0)
    before = flat(stepper, "critic")
    total = learner(phase, batch, streams).total()
    mine = torch.autograd.grad(total, stepper.parameters["generator"])
    assert torch.equal(before, flat(stepper, "critic"))

    fake = learner.generator(learner.duel.latents(streams))
    named = dict(learner.critic.named_parameters())

    def score(x: Tensor, at: dict[str, Tensor]) -> Tensor:
        return torch.func.functional_call(learner.critic, at, (x,)).score

    cost = (softplus(-score(batch.x, named)) + softplus(score(fake, named))).mean()
    slopes = torch.autograd.grad(cost, list(named.values()), create_graph=True)
    ahead = {n: p - rate * g for (n, p), g in zip(named.items(), slopes, strict=True)}
    theirs = torch.autograd.grad(
        softplus(-score(fake, ahead)).mean(), stepper.parameters["generator"]
    )
    for a, b in zip(mine, theirs, strict=True):
        torch.testing.assert_close(a, b)
    cut = {n: p - rate * g.detach() for (n, p), g in zip(named.items(), slopes, strict=True)}
    fake = learner.generator(learner.duel.latents(streams))
    without = torch.autograd.grad(
        softplus(-score(fake, cut)).mean(), stepper.parameters["generator"]
    )
    assert any(not torch.allclose(a, b) for a, b in zip(mine, without, strict=True))


UNROLLED: dict[str, dict[str, Any]] = {
    "penalties": {"critic_regularisers": (r1(0.8), r2(0.6, every=4))},
    "clipping": {"constraints": (WeightClipping(limit=0.2),)},
    "clipping and a penalty": {
        "constraints": (WeightClipping(limit=0.2),),
        "critic_regularisers": (r2(0.6),),
    },
    "historical averaging": {"critic_regularisers": (HistoricalAveraging(weight=0.5),)},
}


@pytest.mark.parametrize("case", UNROLLED)
def test_the_unrolled_critic_pays_penalties_and_obeys_constraints(case: str) -> None:
    """Two unrolled steps written out, with penalties at every step and clipping after each."""
    rate, changes = 0.3, UNROLLED[case]
    stepper = stepper_of(cost=Unrolled(steps=2, rate=rate), **changes)
    for number in range(3):  # so that historical averaging has a past
        stepper.step(number, 0.0)
    learner = stepper.learner
    phase = learner.phases[1]
    batch, streams, _ = stepper.draw(phase, 0, 5, 0.0)
    movers = stepper.parameters["generator"]
    mine = torch.autograd.grad(learner(phase, batch, streams).total(), movers)

    real, fake = batch.x, learner.generator(learner.duel.latents(streams))
    present = dict(learner.critic.named_parameters())

    def score(x: Tensor, at: dict[str, Tensor]) -> Tensor:
        return torch.func.functional_call(learner.critic, at, (x,)).score

    def steepness(x: Tensor, at: dict[str, Tensor]) -> Tensor:
        x = x if x.requires_grad else x.clone().requires_grad_()
        (slope,) = torch.autograd.grad(score(x, at).sum(), x, create_graph=True)
        return slope.square().sum(1).mean()

    def loss(at: dict[str, Tensor], cut: bool = False) -> Tensor:
        total = (softplus(-score(real, at)) + softplus(score(fake, at))).mean()
        if case == "penalties":
            total = total + 0.4 * steepness(real, at)
        if case in ("penalties", "clipping and a penalty"):
            total = total + 0.3 * steepness(fake.detach() if cut else fake, at)
        if case == "historical averaging":
            (memory,) = (memory for _, _, memory in learner.duel.critic_memories)
            total = total + 0.5 * sum((at[n] - memory[f"mean/{n}"]).square().sum() for n in at)
        return total

    def cost(rounds: int, bound: float, cut: bool = False) -> Tensor:
        at = present
        for _ in range(rounds):
            slopes = torch.autograd.grad(
                loss(at, cut), list(at.values()), create_graph=True, materialize_grads=True
            )
            at = {
                n: (p - rate * g).clamp(-bound, bound)
                for (n, p), g in zip(at.items(), slopes, strict=True)
            }
        return softplus(-score(fake, at)).mean()

    bound = 0.2 if "clipping" in case else 1e9
    theirs = torch.autograd.grad(cost(2, bound), movers, retain_graph=True)
    for a, b in zip(mine, theirs, strict=True):
        torch.testing.assert_close(a, b)
    if "penalt" in case:  # the places where penalties are taken depend on the generator
        wrong = torch.autograd.grad(cost(2, bound, cut=True), movers)
        assert any(not torch.allclose(a, b) for a, b in zip(mine, wrong, strict=True))


def test_unrolling_needs_real_examples_in_the_generators_turn() -> None:
    plain = stepper_of()
    assert not plain.learner.duel.generator_sees_real
    assert stepper_of(cost=Unrolled(steps=2)).learner.duel.generator_sees_real


@pytest.mark.parametrize("name", PENALTIES)
def test_members_with_penalties_equal_single_runs(name: str) -> None:
    changes = {"critic_regularisers": PENALTIES[name], "objective": "relativistic"}
    together = stepper_of(seed=(3, 4), **changes)
    for number in range(20):
        together.step(number, 0.0)
    for member, seed in enumerate((3, 4)):
        alone = stepper_of(seed=seed, **changes)
        for number in range(20):
            alone.step(number, 0.0)
        state = alone.learner.state_dict()
        for key, value in together.learner.state_dict().items():
            if "count" not in key:
                torch.testing.assert_close(value[member], state[key], rtol=0, atol=1e-8)


@pytest.mark.parametrize(
    "changes",
    [
        {"lenses": (Pack(size=2),)},
        {"lenses": (InstanceNoise(std=0.1),)},
        {"cost": FeatureMatching()},
        {"cost": Unrolled(steps=2)},
        {"constraints": (WeightClipping(limit=0.05),)},
        {"constraints": (SpectralNorm(iterations=2),)},
    ],
    ids=str,
)
def test_members_with_techniques_equal_single_runs(changes: dict[str, Any]) -> None:
    together = stepper_of(seed=(3, 4), **changes)
    alone = stepper_of(seed=4, **changes)
    for number in range(10):
        together.step(number, 0.0)
        alone.step(number, 0.0)
    state = alone.learner.state_dict()
    for key, value in together.learner.state_dict().items():
        torch.testing.assert_close(value[1], state[key], rtol=0, atol=1e-8)


DYNAMICS = [Simultaneous(), Extragradient(), Optimistic(), Consensus(strength=0.1)]
dynamics = pytest.mark.parametrize("dynamics", DYNAMICS, ids=lambda d: d.kind)


@dynamics
def test_dynamics_move_a_learner_as_their_equations_say(dynamics: Any) -> None:
    stepper, twin = stepper_of(dynamics), stepper_of()
    here, field = explicit(twin, 0)
    rate = 0.05
    v = field(here)
    if dynamics.kind == "extragradient":
        ahead = {n: (here[n] - rate * v[n]).detach().requires_grad_() for n in here}
        v = field(ahead)
    if dynamics.kind == "consensus":
        size = sum(g.square().sum() for g in v.values()) / 2
        pull = torch.autograd.grad(size, list(here.values()))
        v = {n: g + 0.1 * p for (n, g), p in zip(v.items(), _by(v, here, pull), strict=True)}
    stepper.step(0, 0.0)
    for named in stepper.named.values():
        for name, parameter in named.items():
            expected = here[name] - rate * v[name]
            torch.testing.assert_close(parameter.detach(), expected.detach(), rtol=0, atol=1e-10)


def _by(v: dict[str, Tensor], here: dict[str, Tensor], pull: Any) -> list[Tensor]:
    by_name = dict(zip(here, pull, strict=True))
    return [by_name[name] for name in v]


@dynamics
def test_dynamics_make_one_optimiser_step_a_player(dynamics: Any) -> None:
    stepper = stepper_of(dynamics, critic_regularisers=(HistoricalAveraging(weight=0.1),))
    calls: list[str] = []
    for name, optimiser in stepper.optimisers.items():
        optimiser.register_step_post_hook(lambda *_, name=name: calls.append(name))
    for number in range(3):
        stepper.step(number, 0.0)
    assert calls == ["critic", "generator"] * 3
    counts = [v for k, v in stepper.learner.state_dict().items() if k.endswith(":count")]
    assert [int(c) for c in counts] == [3], "memories take each step once"


def test_several_critic_steps_need_alternating_dynamics() -> None:
    with pytest.raises(sp.BadInput, match="makes 5 updates a step"):
        stepper_of(Simultaneous(), critic_steps=5)


@pytest.mark.parametrize(
    "settings",
    [
        {"training": {"dynamics": Optimistic()}},
        {"learner": {"critic_regularisers": (HistoricalAveraging(weight=0.1), r1(0.1, every=5))}},
        {
            "learner": {
                "critic_regularisers": (
                    HistoricalAveraging(weight=0.1, every=2, apart=True),
                    r1(0.1, every=2).replace(apart=True),
                ),
                "generator_regularisers": (HistoricalAveraging(weight=0.1, every=3, apart=True),),
            }
        },
        {"learner": {"constraints": (SpectralNorm(),), "lenses": (InstanceNoise(std=0.1),)}},
    ],
    ids=["optimistic", "historical averaging, lazy", "apart", "spectral norm"],
)
def test_what_is_remembered_survives_a_restart(tmp_path: Path, settings: dict[str, Any]) -> None:
    run = tiny("gan", data="ring")
    for part, changes in settings.items():
        run = run.replace(**{part: getattr(run, part).replace(**changes)})
    sp.train(run, tmp_path / "whole", quiet=True)
    sp.train(run.replace(training=run.training.replace(steps=6)), tmp_path / "part", quiet=True)
    sp.resume(tmp_path / "part", steps=12, quiet=True)
    whole, part = tensors(tmp_path / "whole", 12), tensors(tmp_path / "part", 12)
    assert same_bits(whole, part)
    sp.load(tmp_path / "whole").sample(3)


def test_an_adaptive_optimiser_works_with_every_dynamics() -> None:
    for each in DYNAMICS:
        stepper = stepper_of(each, critic_optimiser=Adam(), generator_optimiser=Adam())
        for number in range(3):
            stepper.step(number, 0.0)
        assert stepper.trouble.read() is None


def test_standardising_scales_the_data_in_and_the_samples_back(tmp_path: Path) -> None:
    import numpy as np

    points = np.random.default_rng(0).normal([100.0, -30.0], 7.0, (500, 2)).astype(np.float32)
    stepper = stepper_of(standardise=True)
    learner = stepper.learner
    data = sp.recipes.gan(points).data.open()
    assert data.info.scale == pytest.approx(7.0, rel=0.1)
    assert data.info.centre == pytest.approx([100.0, -30.0], abs=1.5)
    learner._centre, learner._scale = torch.tensor(data.info.centre), data.info.scale
    inside = learner.standardised(torch.from_numpy(points))
    assert inside.mean(0).abs().max() < 0.15
    assert inside.std() == pytest.approx(1, abs=0.1)
    z = torch.zeros(64, 64, dtype=torch.float64)
    expected = learner.generator(z)[:5] * data.info.scale + torch.tensor(data.info.centre)
    torch.testing.assert_close(learner.decode(z[:5]), expected.detach(), check_dtype=False)
    # and through a whole run, sampled from its directory
    run = tiny("toy-array", data=points, steps=150, batch_size=64)
    sp.train(run, tmp_path / "run", quiet=True)
    drawn = sp.load(tmp_path / "run").sample(500, seed=1)
    assert (drawn.mean(0) - torch.tensor([100.0, -30.0])).abs().max() < 10
