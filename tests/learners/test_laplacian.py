"""Pyramids of games: what each level sees, who moves, and samples from coarse to fine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

import saddlepoint as sp
from kit.crash import crashed
from kit.drawn import POINTS
from kit.tiny import same_bits, tensors, tiny
from saddlepoint.data.batch import Batch
from saddlepoint.data.info import DataInfo
from saddlepoint.errors import BadInput
from saddlepoint.games.moment import Moment
from saddlepoint.games.regularisers import Drift, r1, r2
from saddlepoint.learners.adversarial.auxiliaries import LatentRegression
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.learners.adversarial.priors import Coded, Normal, Uniform
from saddlepoint.learners.laplacian.description import Laplacian
from saddlepoint.learners.laplacian.learner import LaplacianLearner
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.networks.mlp import Mlp
from saddlepoint.networks.network import Site
from saddlepoint.networks.pyramid import coarse, enlarged, halved
from saddlepoint.networks.refiner import Refiner
from saddlepoint.randomness import Streams

BATCH = 16
DATA = DataInfo(name="pictures", shape=(2, 11, 8), form="images", counts={}, fingerprint="")
REFINER = Refiner(width=3, activation="leaky_relu", dropout=0.0)
MLP = Mlp(hidden=(5,), activation="leaky_relu")


def described(refinement: Any = (), innermost: Any = (), **options: Any) -> Laplacian:
    first = {"latent": 3, "generator": MLP, "critic": MLP, **dict(innermost)}
    fine = {"generator": Refiner(width=3, activation="leaky_relu"), "critic": REFINER}
    return Laplacian(
        innermost=Adversarial(**first),
        refinement=Adversarial(**{**fine, **dict(refinement)}),
        **{"levels": 2, **options},
    )


def build(refinement: Any = (), innermost: Any = (), **options: Any) -> LaplacianLearner:
    description = described(refinement, innermost, **options)
    learner = description.learner(DATA, batch_size=BATCH, seed=0)
    assert isinstance(learner, LaplacianLearner)
    return learner


def images(seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.rand(BATCH, *DATA.shape, generator=generator) - 1


def losses(learner: LaplacianLearner, name: str, seed: int = 4) -> Any:
    (phase,) = (phase for phase in learner.phases if phase.name == name)
    batch = Batch(images()) if phase.needs_data else None
    return learner(phase, batch, Streams(seed, "t"), Moment())


# ---- What the players see ----------------------------------------------------------------------


def test_each_level_sees_the_images_at_its_size() -> None:
    learner, x = build(), images()
    assert learner.sizes == [(3, 2), (6, 4), (11, 8)]
    for level in range(3):
        real, given, *_ = learner.sight(level, Batch(x), Streams(0, "t"))
        assert torch.equal(real, halved(x, 2 - level))
        assert (given is None) == (level == 0)
    assert torch.equal(real, x)


def test_the_coarse_images_of_fakes_are_independent_of_the_real_ones() -> None:
    learner, x = build(), images()
    coarse_images = coarse(x)
    orders = []
    for update in range(400):
        real, given, *_ = learner.sight(2, Batch(x), Streams(0, "train", update))
        assert torch.equal(real, x)
        assert given is not None
        same = (given[:, None] == coarse_images[None]).flatten(2).all(2)
        assert (same.sum(1) == 1).all()  # those of the batch,
        assert (same.sum(0) == 1).all()  # each once,
        orders.append(same.int().argmax(1))
    met = torch.stack(orders)
    assert len(met.unique(dim=0)) == 400  # in a new order each time,
    counts = torch.stack([(met == k).sum(0) for k in range(BATCH)]).double()
    expected = len(met) / BATCH
    # and each stands in each place equally often: χ² of 15² degrees of freedom
    chi2 = ((counts - expected) ** 2 / expected).sum().item()
    assert abs(chi2 - 15**2) < 5 * (2 * 15**2) ** 0.5


def test_a_fake_is_its_coarse_image_and_a_difference() -> None:
    learner = build()
    seen: dict[str, list[Any]] = {"made": [], "critic": []}
    duel = learner.duels[2]
    duel.generator.register_forward_hook(
        lambda module, inputs, named, output: seen["made"].append((named["given"], output)),
        with_kwargs=True,
    )
    duel.critic.register_forward_pre_hook(lambda module, inputs: seen["critic"].append(inputs[0]))
    losses(learner, "critic_2")
    ((given, difference),) = seen["made"]
    (judged,) = seen["critic"]
    assert torch.equal(judged[:BATCH], images())  # the real difference and its own coarse image
    torch.testing.assert_close(judged[BATCH:], given + difference, rtol=0, atol=0)
    assert torch.equal(given, learner.sight(2, Batch(images()), Streams(4, "t")).given)


def test_penalties_differentiate_at_difference_and_coarse_image() -> None:
    learner = build({"critic_regularisers": (r1(2.0), r2(2.0), Drift())}).double()
    terms = losses(learner, "critic_1").terms
    assert set(terms) == {
        "adversarial",
        "gradient_penalty_real",
        "gradient_penalty_fake",
        "drift",
    }
    real, given, *_ = learner.sight(1, Batch(images().double()), Streams(4, "t"))
    duel = learner.duels[1]
    fake = duel.fakes(duel.latents(Streams(4, "t")), given)
    for name, at in (("real", real), ("fake", fake)):
        point = at.detach().requires_grad_()
        (slope,) = torch.autograd.grad(duel.critic(point).score.sum(), point)
        penalty = terms[f"gradient_penalty_{name}"].values
        torch.testing.assert_close(penalty, slope.square().flatten(1).sum(1))


def test_several_batches_of_fakes_share_coarse_images_and_no_noise() -> None:
    duel = build({"generator_batch": 2}).duels[1]
    given = coarse(halved(images()))
    latents = duel.latents(Streams(4, "t"), 2)
    made = duel.fakes(latents, given)
    assert len(made) == 2 * BATCH
    for half in (0, 1):
        part = slice(half * BATCH, (half + 1) * BATCH)
        torch.testing.assert_close(made[part], duel.fakes(latents[part], given))
    assert not torch.equal(made[:BATCH], made[BATCH:])


def test_turns_know_what_the_fakes_were_given(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = []
    original = Drift.values

    def values(self: Drift, turn: Any) -> Tensor:
        turns.append(turn)
        return original(self, turn)

    monkeypatch.setattr(Drift, "values", values)
    learner = build({"critic_regularisers": (Drift(),)}, {"critic_regularisers": (Drift(),)})
    losses(learner, "critic_0")
    losses(learner, "critic_2")
    assert turns[0].given is None
    assert torch.equal(turns[1].given, learner.sight(2, Batch(images()), Streams(4, "t")).given)


@pytest.mark.parametrize("prior", [Normal(), Uniform()])
def test_noise_is_a_plane_of_the_prior(prior: Any) -> None:
    learner = build({"prior": prior})
    z = learner.duels[2].latents(Streams(4, "t"))
    assert z.shape == (BATCH, 88)
    assert (z.abs().max() <= 1) == isinstance(prior, Uniform)
    inputs: list[Tensor] = []
    first = learner.duels[2].generator.layers[0]
    first.register_forward_pre_hook(lambda module, given: inputs.append(given[0]))
    given = coarse(images())
    learner.duels[2].generator(z, given=given)
    assert torch.equal(inputs[0], torch.cat([z.view(BATCH, 1, 11, 8), given], 1))


# ---- Phases and players ------------------------------------------------------------------------


def test_levels_play_in_order_and_each_moves_its_own_players_only() -> None:
    seldom = r1(1.0).replace(apart=True, every=4)
    learner = build({"critic_steps": 2, "critic_regularisers": (seldom,)})
    names = [phase.name for phase in learner.phases]
    assert names == [
        *("critic_0", "generator_0"),
        *("critic_1", "critic_penalties_1", "generator_1"),
        *("critic_2", "critic_penalties_2", "generator_2"),
    ]
    assert [p.repeats for p in learner.phases] == [1, 1, 2, 1, 1, 2, 1, 1]
    assert all(phase.during == (0, 1) for phase in learner.phases)
    for phase in learner.phases:
        level = phase.name[-1]
        assert all(player.endswith(f"_{level}") for player in phase.moves)
        learner.zero_grad(set_to_none=True)
        losses(learner, phase.name).total().backward()
        for player, module in learner.players.items():
            touched = any(p.grad is not None and p.grad.any() for p in module.parameters())
            assert not touched or player.endswith(f"_{level}"), (phase.name, player)
        for player in phase.moves:
            assert any(p.grad.any() for p in learner.players[player].parameters())


def test_diagnostics_and_optimisers_bear_the_level() -> None:
    slow = {"kind": "sgd", "learning_rate": 0.02}
    learner = build({"critic_optimiser": slow, "auxiliaries": (LatentRegression(),)})
    assert learner.headline[:2] == ("critic_0/loss", "generator_0/loss")
    watched = losses(learner, "generator_2").diagnostics
    assert set(watched) == {"generator_2/loss", "generator_2/latent_regression"}
    kinds = {name: optimiser.kind for name, optimiser in learner.optimisers.items()}
    assert kinds == {
        f"{player}_{level}": "sgd" if player == "critic" and level else "adam"
        for player in ("critic", "generator")
        for level in range(3)
    }
    assert learner.averaged == ("generator_0", "generator_1", "generator_2")


def test_one_level_after_the_other_are_stages() -> None:
    learner = build(together=False)
    shares = {phase.name: phase.during for phase in learner.phases}
    assert shares["critic_0"] == shares["generator_0"] == (0, 1 / 3)
    assert shares["critic_2"] == (2 / 3, 1)
    z = learner.latents(5, seed=0)
    smallest, middle, finest = learner.levels(z)
    assert torch.equal(middle, enlarged(smallest, (6, 4)))  # not yet begun
    learner.enter(1)
    before, refined, _ = learner.levels(z)
    assert torch.equal(before, smallest)
    assert not torch.equal(refined, middle)
    assert torch.equal(learner.levels(z)[2], enlarged(refined, (11, 8)))
    learner.enter(2)
    assert not torch.equal(learner.levels(z)[2], finest)


# ---- Samples -----------------------------------------------------------------------------------


def test_samples_go_from_coarse_to_fine() -> None:
    learner = build()
    z = learner.latents(70, seed=3)
    shown = learner.levels(z)
    assert [tuple(each.shape[1:]) for each in shown] == [(2, 3, 2), (2, 6, 4), (2, 11, 8)]
    assert torch.equal(shown[-1], learner.decode(z))
    assert torch.equal(shown[-1], learner.sample(70, seed=3))
    parts = z.split([3, 24, 88], 1)
    with torch.no_grad():
        expected = learner.duels[0].generator(parts[0])
        torch.testing.assert_close(shown[0], expected)
        for level in (1, 2):
            given = enlarged(shown[level - 1], learner.sizes[level])
            made = given + learner.duels[level].generator(parts[level], given=given)
            torch.testing.assert_close(shown[level], made.clamp(-1, 1))
    # the noise of a level changes it and those above, and none below
    other = torch.cat([parts[0], parts[1] + 1, parts[2]], 1)
    changed = learner.levels(other)
    assert torch.equal(changed[0], shown[0])
    assert not torch.equal(changed[1], shown[1])
    assert not torch.equal(changed[2], shown[2])
    with pytest.raises(BadInput, match=r"\(n, 115\) are needed"):
        learner.levels(z[:, 1:])


def test_columns_are_named_by_level_and_place() -> None:
    columns = build().columns
    assert columns[:5] == ("level0/z0", "level0/z1", "level0/z2", "level1/y0x0", "level1/y0x1")
    assert columns[-1] == "level2/y10x7"
    assert len(columns) == len(set(columns)) == 3 + 24 + 88


def test_every_level_draws_from_its_prior() -> None:
    learner = build({"prior": Uniform()}, {"prior": Normal()})
    z = learner.latents(640, seed=0)
    assert z[:, :3].std() == pytest.approx(1, abs=0.1)
    assert z[:, 3:].abs().max() <= 1
    assert z[:, 3:].std() == pytest.approx(3**-0.5, abs=0.01)


def test_batch_norm_of_the_least_size_is_recalibrated() -> None:
    learner = build((), {"generator": Mlp(hidden=(5, 5), norm="batch")})
    before = {name: value.clone() for name, value in learner.state_dict().items()}
    learner.recalibrate(seed=0)
    after = learner.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert all(name.startswith("duels.0.generator.") for name in changed)
    assert learner.training
    assert all(module.training for module in learner.modules())


def test_the_least_images_may_start_at_their_mean() -> None:
    mean = np.linspace(-0.5, 0.5, 2 * 11 * 8).reshape(DATA.shape)
    data = DATA.with_mean(lambda: mean)
    learner = described((), {"output_bias": "data_mean"}).learner(data, batch_size=BATCH, seed=0)
    assert isinstance(learner, LaplacianLearner)
    bias = learner.duels[0].generator.layers[-2].bias
    expected = halved(torch.from_numpy(mean)[None], 2).flatten().float()
    torch.testing.assert_close(bias.detach().tanh(), expected)


# ---- Networks ----------------------------------------------------------------------------------


def test_a_refiner_is_the_published_network() -> None:
    site = Site((3, 32, 32), inputs=1024, given=(3, 32, 32))
    generator = Refiner().as_generator(site)
    kernels = [tuple(p.shape) for p in generator.parameters() if p.dim() > 1]
    assert kernels == [(64, 4, 7, 7), (64, 64, 7, 7), (3, 64, 5, 5)]
    assert [type(layer).__name__ for layer in generator.layers] == [
        *("Conv2d", "ReLU", "Conv2d", "ReLU", "Conv2d")
    ]
    module, features, *_ = Refiner().as_backbone(replace(site, given=None))
    names = [type(layer).__name__ for layer in module]
    assert names == ["Conv2d", "ReLU", "Conv2d", "ReLU", "FlattenRows", "Dropout"]
    assert features == 64 * 16 * 16
    assert module(torch.zeros(2, 3, 32, 32)).shape == (2, features)
    with pytest.raises(BadInput, match="needs an image that it is given"):
        generator(torch.zeros(2, 1024))


def test_a_refiner_without_an_image_maps_latents_to_a_plane() -> None:
    generator = Refiner(width=2).as_generator(Site((1, 5, 4), inputs=3, output="tanh"))
    assert generator.project.weight.shape == (20, 3)
    assert generator(torch.randn(2, 3)).shape == (2, 1, 5, 4)
    two_planes = Refiner(width=2).as_generator(Site((1, 5, 4), inputs=40))
    assert two_planes.layers[0].weight.shape == (2, 2, 7, 7)
    with pytest.raises(BadInput, match="is given no image"):
        generator(torch.randn(2, 3), given=torch.zeros(2, 1, 5, 4))


# ---- Refusals ----------------------------------------------------------------------------------


def test_what_a_pyramid_refuses() -> None:
    with pytest.raises(BadInput, match="a pyramid is of images, and points are none"):
        described().learner(POINTS, batch_size=BATCH, seed=0)
    with pytest.raises(BadInput, match=r"halved 3 times.* 2×1 pixels: use --learner.levels 2 or"):
        build(levels=3)
    thin = DATA.replace(shape=(1, 3, 9))
    with pytest.raises(BadInput, match=r"halved 4 times.*--learner.levels 1 or fewer"):
        described(levels=4).learner(thin, batch_size=BATCH, seed=0)
    with pytest.raises(BadInput, match="use larger images"):
        described().learner(DATA.replace(shape=(1, 2, 9)), batch_size=BATCH, seed=0)
    with pytest.raises(BadInput, match="not for pyramids"):
        described().learner(DATA, batch_size=BATCH, seed=(0, 1))
    with pytest.raises(BadInput, match="'dcgan' cannot take an image that it is given"):
        described({"generator": Dcgan(width=2)}, levels=1).learner(
            DATA.replace(shape=(1, 16, 16)), batch_size=BATCH, seed=0
        )
    batch_norm = {"critic": Dcgan(width=2), "critic_regularisers": (r1(1.0),)}
    with pytest.raises(BadInput, match=r"set --learner.refinement.critic.norm layer"):
        described(batch_norm, levels=1).learner(
            DATA.replace(shape=(1, 16, 16)), batch_size=BATCH, seed=0
        )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("latent", 7),
        ("output", "sigmoid"),
        ("output_bias", "data_mean"),
        ("standardise", True),
        ("prior", Coded()),
    ],
)
def test_what_a_level_decides_itself_is_refused(field: str, value: Any) -> None:
    with pytest.raises(ValidationError, match=f"refinement.{field.replace('_', '-')}: "):
        described({field: value})


def test_the_least_size_has_no_codes_either() -> None:
    with pytest.raises(ValidationError, match=r"innermost.prior: .*'coded' has codes"):
        described((), {"prior": Coded()})


# ---- Whole runs --------------------------------------------------------------------------------


@pytest.mark.parametrize("together", [True, False])
def test_a_run_resumes_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, together: bool
) -> None:
    run = tiny("lapgan", steps=8, levels=2, together=together)
    sp.train(run, tmp_path / "whole", quiet=True)
    last = tensors(tmp_path / "whole", 8)
    for killed_at in (3, 6):
        crashed(run, killed_at, tmp_path / f"{killed_at}", monkeypatch)
        sp.resume(tmp_path / f"{killed_at}", quiet=True)
        assert same_bits(last, tensors(tmp_path / f"{killed_at}", 8))
    loaded = sp.load(tmp_path / "whole")
    begun = [duel.generator.get_buffer("begun").item() for duel in loaded.learner.duels]
    assert begun == [True, True, True]
    early = sp.load(tmp_path / "whole", 4)  # of stages, the last had not begun
    assert early.learner.duels[2].generator.get_buffer("begun").item() is together


def test_a_validated_run_scores_and_averages(tmp_path: Path) -> None:
    run = tiny("lapgan-r3", steps=4)
    result = sp.train(run, tmp_path / "run", quiet=True)
    assert np.isfinite(list(result.scalars.values())).all()
    assert {"critic_1/loss", "generator_1/loss"} <= set(result.scalars)
    assert sp.load(tmp_path / "run").sample(5, seed=1).shape == (5, 1, 8, 8)
