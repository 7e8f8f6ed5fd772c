"""Lenses, costs, auxiliaries and priors: the parts that the turns of a duel are made of."""

from __future__ import annotations

from typing import Any, Literal

import pytest
import torch
from pydantic import Field, ValidationError
from torch import Tensor, nn

import saddlepoint as sp
from kit.drawn import BATCH, IMAGES, POINTS, Drawn
from saddlepoint.data.batch import Batch
from saddlepoint.games.moment import Moment
from saddlepoint.games.regularisers import GradientPenalty, HistoricalAveraging, r1, r2, wgan_gp
from saddlepoint.games.turn import Turn
from saddlepoint.learners.adversarial.auxiliaries import AUXILIARIES, LatentRegression
from saddlepoint.learners.adversarial.costs import COSTS, FeatureMatching, Unrolled
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.learners.adversarial.judgement import Judgement
from saddlepoint.learners.adversarial.learner import AdversarialLearner
from saddlepoint.learners.adversarial.lenses import LENSES, InstanceNoise, Lens, Look, Pack
from saddlepoint.learners.adversarial.priors import PRIORS, Coded, Normal, Uniform
from saddlepoint.learners.latent import LatentLearner
from saddlepoint.networks.mlp import Mlp
from saddlepoint.randomness import Streams

SMALL = {"generator": Mlp(hidden=(9,)), "critic": Mlp(hidden=(7,), activation="tanh")}


class Shift(Lens):
    """A shift of each example by its own draw, inside the critic; it counts the critic's turns."""

    equation = "x + δ"
    cures = "nothing"
    paper = "none"
    inside = True

    kind: Literal["shift"] = "shift"
    by: float = Field(1.0, description="Standard deviation of δ.")

    def see(self, x: Tensor, look: Look) -> Tensor:
        shape = tuple(x.shape[0 if look.members is None else 1 :])
        return x + self.by * look.streams.normal(shape, "shift", look.which).to(x)

    def initial_memory(self, parameters: Any) -> dict[str, Tensor]:
        return {"turns": torch.zeros(())}

    def remember(self, turn: Turn) -> None:
        turn.memory["turns"].add_(turn.real_score.detach().isfinite().all())


@pytest.fixture
def shift(monkeypatch: pytest.MonkeyPatch) -> type[Shift]:
    monkeypatch.setattr("saddlepoint.learners.adversarial.lenses.LENSES", LENSES)
    LENSES.append(Shift)
    yield Shift
    LENSES.remove(Shift)


def build(batch_size: int = BATCH, data: Any = POINTS, **described: Any) -> AdversarialLearner:
    description = Adversarial(**{"latent": 3, **SMALL, **described})
    learner = description.learner(data, batch_size=batch_size, seed=0).double()
    assert isinstance(learner, AdversarialLearner)
    return learner


def losses(learner: AdversarialLearner, which: int, moment: Moment | None = None) -> Any:
    phase = learner.phases[which]
    x = Drawn(POINTS.shape).batch(0).x.double()
    batch = Batch(x) if phase.needs_data else None
    return learner(phase, batch, Streams(4, "t"), moment)


# ---- Lenses ------------------------------------------------------------------------------------


def test_a_lens_outside_is_looked_through_in_order() -> None:
    noise = Streams(4, "t").normal((BATCH, 2), "instance noise", "real").double()
    x = Drawn(POINTS.shape).batch(0).x.double()
    learner = build(lenses=(InstanceNoise(std=0.5), Pack(size=2)))
    seen = learner.duel.seen(x, Streams(4, "t"), Moment(), "real")
    torch.testing.assert_close(seen, (x + 0.5 * noise).view(BATCH // 2, 4))
    other = build(lenses=(Pack(size=2), InstanceNoise(std=0.5)))
    packed = other.duel.seen(x, Streams(4, "t"), Moment(), "real")
    again = Streams(4, "t").normal((BATCH // 2, 4), "instance noise", "real").double()
    torch.testing.assert_close(packed, x.view(BATCH // 2, 4) + 0.5 * again)
    assert build(lenses=(Pack(size=2), Pack(size=2))).description.pack == 4


def test_noise_follows_its_schedule() -> None:
    falling = {"kind": "instance_noise", "std": {"kind": "cosine", "start": 1.0, "end": 0.0}}
    learner = build(lenses=(falling,))
    x = Drawn(POINTS.shape).batch(0).x.double()
    off = [
        (learner.duel.seen(x, Streams(4, "t"), Moment(progress=p), "real") - x).std()
        for p in (0.0, 0.5, 1.0)
    ]
    assert off[1] == pytest.approx(off[0] / 2)
    assert off[2] == 0


@pytest.mark.parametrize("pack", [1, 2])
def test_a_lens_inside_is_part_of_the_critic_with_one_draw(shift: type[Shift], pack: int) -> None:
    lenses = (*([Pack(size=2)] if pack > 1 else []), shift())
    penalties = (r1(2.0), r2(2.0), wgan_gp(1.0))
    learner = build(lenses=lenses, critic_regularisers=penalties)
    streams = Streams(4, "t")
    drawn = streams.normal((BATCH, 2), "shift", "both").double().view(BATCH // pack, 2 * pack)
    x = Drawn(POINTS.shape).batch(0).x.double().view(BATCH // pack, 2 * pack)
    ((_, lens, memory),) = [each for each in learner.duel.lens_memories if each[1].inside]
    look = Look("both", streams, Moment())
    judge = Judgement(learner.critic, [(lens, memory)], look, pack, BATCH)
    plain = learner.critic
    torch.testing.assert_close(judge(x).score, plain(x + drawn).score)
    # two batches in one pass meet the same draw, example by example
    both = judge(torch.cat([x, 2 * x])).score
    torch.testing.assert_close(
        both, torch.cat([plain(x + drawn).score, plain(2 * x + drawn).score])
    )
    # and a penalty differentiates through the lens, at that draw
    at = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(plain(at + drawn).score.sum(), at)
    penalty = losses(learner, 0).terms["gradient_penalty_real"].values
    torch.testing.assert_close(penalty.detach(), slope.square().sum(1))
    # differences too, whose step meets the draw that the scores of the turn met
    rough = tuple(GradientPenalty(place=p, differences=0.01) for p in ("real", "fake"))
    learner = build(lenses=lenses, critic_regularisers=rough)
    shape = (BATCH // pack, 2 * pack)
    direction = streams.normal(shape, "gradient_penalty", "real", "direction").double()
    moved = learner.critic(x + 0.01 * direction + drawn).score
    expected = ((moved - learner.critic(x + drawn).score) / 0.01).square()
    penalty = losses(learner, 0).terms["gradient_penalty_real"].values
    torch.testing.assert_close(penalty, expected)


def test_a_lens_inside_comes_last(shift: type[Shift]) -> None:
    with pytest.raises(ValidationError, match=r"'shift' is part of the critic.*put it last"):
        build(lenses=(shift(), Pack(size=2)))
    assert not {lens.word() for lens in LENSES if not lens.inside} & {"shift"}


def test_what_a_lens_remembers_is_a_buffer_and_committed_once_an_update(shift: type[Shift]) -> None:
    learner = build(lenses=(shift(),))
    (name,) = (n for n in learner.state_dict() if "lens_memories" in n)
    for turns in (1, 2):
        losses(learner, 0)
        losses(learner, 0)  # a dynamics may evaluate twice
        assert learner.state_dict()[name] == turns - 1
        learner.phases[0].prepare()
        assert learner.state_dict()[name] == turns
    learner.phases[1].prepare()
    assert learner.state_dict()[name] == 2


# ---- Costs -------------------------------------------------------------------------------------


def test_one_cost_at_a_time() -> None:
    """Feature matching and unrolling cannot both be written down."""
    fields = Adversarial.model_fields
    assert "generator_cost" not in fields
    assert "unrolled_steps" not in fields
    for wrong in ((FeatureMatching(), Unrolled()), {"kind": "feature_matching", "steps": 3}):
        with pytest.raises(ValidationError):
            Adversarial(cost=wrong)


def test_only_the_costs_that_need_real_examples_draw_them() -> None:
    needs = {
        (cost.word(), objective): build(cost=cost(), objective=objective).phases[1].needs_data
        for cost in COSTS
        for objective in ("non_saturating", "relativistic")
    }
    assert needs["game", "non_saturating"] is False
    assert all(need for case, need in needs.items() if case != ("game", "non_saturating"))


def test_the_cost_changes_the_generators_loss_alone() -> None:
    critics = {losses(build(cost=cost()), 0).total().item() for cost in COSTS}
    generators = {losses(build(cost=cost()), 1).total().item() for cost in COSTS}
    assert len(critics) == 1
    assert len(generators) == len(COSTS)


# ---- Auxiliaries -------------------------------------------------------------------------------


def test_latent_regression_by_hand() -> None:
    learner = build(auxiliaries=(LatentRegression(weight=3.0),))
    computed = losses(learner, 1)
    z = learner.duel.latents(Streams(4, "t"))
    regressed = learner.duel.auxiliaries["latent_regression"](
        learner.critic(learner.generator(z)).features
    )
    expected = (z - regressed).square().mean(1)
    torch.testing.assert_close(computed.terms["latent_regression"].values, expected)
    assert computed.terms["latent_regression"].weight == 3.0
    assert "latent_regression" not in losses(learner, 0).terms, "the critic is not trained for it"
    plain = losses(build(), 1).total()
    torch.testing.assert_close(computed.total(), plain + 3 * expected.mean())


@pytest.mark.parametrize("auxiliary", AUXILIARIES, ids=lambda a: a.word())
def test_an_auxiliary_belongs_to_its_owner_and_moves_nobody_else(auxiliary: Any) -> None:
    prior = Coded() if auxiliary.reads_codes else Normal()
    learner = build(auxiliaries=(auxiliary(),), prior=prior)
    players = {name: {id(p) for p in m.parameters()} for name, m in learner.players.items()}
    everything = [each for owned in players.values() for each in owned]
    assert sorted(everything) == sorted(id(p) for p in learner.parameters()), "each once"
    of_auxiliaries = {id(p) for p in learner.duel.auxiliaries.parameters()}
    assert of_auxiliaries <= players[auxiliary.owner]
    for which, name in enumerate(("critic", "generator")):
        learner.zero_grad(set_to_none=True)
        movers = list(learner.players[name].parameters())
        losses(learner, which).total().backward(inputs=movers)
        moved = {id(p) for p in learner.parameters() if p.grad is not None}
        assert moved <= players[name]
        assert (name in auxiliary.joins and name == auxiliary.owner) == bool(moved & of_auxiliaries)


def test_an_auxiliary_leaves_the_first_weights_of_the_players_as_they_are() -> None:
    plain, helped = build().state_dict(), build(auxiliaries=(LatentRegression(),)).state_dict()
    assert all(torch.equal(helped[name], value) for name, value in plain.items())
    assert set(helped) - set(plain) == {
        f"duel.auxiliaries.latent_regression.{n}" for n in ("weight", "bias")
    }


def test_latent_regression_in_packs_tells_the_latents_of_the_whole_pack() -> None:
    learner = build(auxiliaries=(LatentRegression(),), lenses=(Pack(size=2),))
    term = losses(learner, 1).terms["latent_regression"]
    assert term.values.shape == (BATCH // 2,)
    (regressor,) = learner.duel.auxiliaries.values()
    assert regressor.out_features == 6


def test_members_with_an_auxiliary_are_the_runs_alone() -> None:
    described = Adversarial(**{"latent": 3, **SMALL, "auxiliaries": (LatentRegression(),)})
    both = described.learner(POINTS, batch_size=BATCH, seed=(0, 5)).double()
    x = Drawn(POINTS.shape).batch(0).x.double()
    stacked = both(both.phases[1], None, Streams((0, 5), "t"))
    for member, seed in enumerate((0, 5)):
        alone = described.learner(POINTS, batch_size=BATCH, seed=seed).double()
        single = alone(alone.phases[1], None, Streams(seed, "t")).terms["latent_regression"].values
        values = stacked.terms["latent_regression"].values[member]
        torch.testing.assert_close(values, single, rtol=0, atol=1e-12)
    assert x.shape == (BATCH, 2)


# ---- Penalties and priors ----------------------------------------------------------------------


def test_a_generators_penalty_looks_at_its_parameters_alone() -> None:
    build(generator_regularisers=(HistoricalAveraging(),))
    with pytest.raises(ValidationError, match="put it among the critic_regularisers"):
        build(generator_regularisers=(r1(1.0),))


@pytest.mark.parametrize("prior", PRIORS, ids=lambda p: p.word())
def test_a_prior_names_its_columns_and_turns_normal_numbers_into_draws(prior: Any) -> None:
    assert prior().columns(3)[:3] == ("z0", "z1", "z2")
    if prior().codes:
        return  # tests/learners/test_codes.py
    normal = torch.randn(20_000, generator=torch.Generator().manual_seed(0)).double()
    drawn = prior().of(normal)
    assert drawn.mean() == pytest.approx(0.0, abs=0.02)
    assert drawn.std() == pytest.approx(3**-0.5 if prior is Uniform else 1.0, rel=0.02)
    assert (drawn[normal.argsort()].diff() >= 0).all(), "a monotone map keeps the order"


# ---- Latents and samples -----------------------------------------------------------------------


@pytest.mark.parametrize("data", [POINTS, IMAGES], ids=["points", "images"])
def test_samples_are_decoded_latents(data: Any) -> None:
    learner = build(data=data).float()
    z = learner.latents(70, seed=3)
    assert z.shape == (70, len(learner.columns)) == (70, 3)
    assert torch.equal(learner.decode(z), learner.sample(70, seed=3))
    assert torch.equal(learner.decode(z[:5]), learner.sample(70, seed=3)[:5])
    assert torch.equal(learner.latents(6, 3, first=64), z[64:])
    for wrong in (z[:, :2], z[0]):
        with pytest.raises(sp.BadInput, match=r"\(n, 3\) are needed"):
            learner.decode(wrong)


def test_labels_are_refused_by_what_was_made_without_classes() -> None:
    learner = build().float()
    label = torch.zeros(4, dtype=torch.int64)
    with pytest.raises(sp.BadInput, match="trained without labels"):
        learner.sample(4, seed=0, label=label)
    with pytest.raises(sp.BadInput, match="without classes"):
        learner.generator(torch.zeros(4, 3), label)
    with pytest.raises(sp.BadInput, match="without classes"):
        learner.critic(torch.zeros(4, 2), label)


class Labelled(LatentLearner):
    """Decodes a latent and a label to the two of them."""

    headline, averaged, phases = (), (), ()
    columns, players, optimisers = ("z",), {}, {}
    frequencies = (1, 0, 3)

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Linear(1, 1)

    @property
    def decoder(self) -> nn.Module:
        return self.network

    def decode_block(self, z: Tensor, label: Tensor | None) -> Tensor:
        assert label is not None
        return torch.cat([z, label[:, None].float()], 1)


def test_labels_that_were_not_asked_for_follow_the_frequencies_of_the_data() -> None:
    learner = Labelled()
    drawn = learner.sample(4000, seed=2)[:, 1].long()
    counts = drawn.bincount(minlength=3).tolist()
    assert counts[1] == 0
    assert counts[2] / 4000 == pytest.approx(0.75, abs=0.03)
    assert torch.equal(learner.sample(70, seed=2), learner.sample(4000, seed=2)[:70])
    assert torch.equal(learner.sample(6, seed=2, first=64), learner.sample(70, seed=2)[64:])
    asked = torch.tensor([1, 2, 0])
    assert learner.sample(3, seed=2, label=asked)[:, 1].tolist() == [1, 2, 0]
    assert torch.equal(learner.sample(3, 2, asked)[:, 0], learner.sample(3, 2)[:, 0])
    with pytest.raises(sp.BadInput, match="from 0 to 2"):
        learner.sample(3, seed=2, label=asked + 1)
    for wrong in (asked[:2], asked.float()):
        with pytest.raises(sp.BadInput, match="3 whole numbers are needed"):
            learner.sample(3, seed=2, label=wrong)


def test_a_whole_graph_reaches_the_generator_from_the_critics_loss() -> None:
    for whole, reached in ((False, False), (True, True)):
        learner = build()
        total = losses(learner, 0, Moment(whole_graph=whole)).total()
        (slope,) = torch.autograd.grad(
            total, [next(learner.generator.parameters())], allow_unused=True
        )
        assert (slope is not None) is reached
    assert isinstance(learner.duel, nn.Module)
