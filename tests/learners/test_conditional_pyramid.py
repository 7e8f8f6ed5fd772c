"""Pyramids whose players are told the class: who sees it, how fakes come by it, and samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import saddlepoint as sp
from kit.crash import crashed
from kit.drawn import CLASSED as DATA
from kit.tiny import same_bits, tensors, tiny
from saddlepoint.cli import main
from saddlepoint.data.batch import Batch
from saddlepoint.errors import BadInput
from saddlepoint.games.moment import Moment
from saddlepoint.games.regularisers import r1, r2
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.learners.adversarial.lenses import Pack
from saddlepoint.learners.laplacian.description import Laplacian
from saddlepoint.learners.laplacian.learner import LaplacianLearner
from saddlepoint.networks.class_input import EMBEDDING, ClassGenerator, ClassInput
from saddlepoint.networks.critic import Critic
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.networks.mlp import Mlp
from saddlepoint.networks.network import Site
from saddlepoint.networks.pyramid import coarse, halved
from saddlepoint.networks.refiner import Refiner
from saddlepoint.optimisers import Adam
from saddlepoint.randomness import Streams

BATCH = 16
MLP = Mlp(hidden=(5,), activation="leaky_relu")
FINE = Refiner(width=3, activation="leaky_relu")
LEVELS = range(3)


def described(refinement: Any = (), innermost: Any = (), **options: Any) -> Laplacian:
    first = {"latent": 3, "generator": MLP, "critic": MLP, **dict(innermost)}
    fine = {"generator": FINE, "critic": FINE.replace(dropout=0.0), **dict(refinement)}
    return Laplacian(
        innermost=Adversarial(**first),
        refinement=Adversarial(**fine),
        **{"levels": 2, "conditional": True, **options},
    )


def build(refinement: Any = (), innermost: Any = (), **options: Any) -> LaplacianLearner:
    made = described(refinement, innermost, **options).learner(DATA, batch_size=BATCH, seed=0)
    assert isinstance(made, LaplacianLearner)
    return made


def batch() -> Batch:
    generator = torch.Generator().manual_seed(0)
    x = 2 * torch.rand(BATCH, *DATA.shape, generator=generator) - 1
    return Batch(x, torch.randint(3, (BATCH,), generator=generator))


def losses(learner: LaplacianLearner, name: str, given: Batch | None = None) -> Any:
    (phase,) = (phase for phase in learner.phases if phase.name == name)
    given = (given or batch()) if phase.needs_data else None
    return learner(phase, given, Streams(4, "t"), Moment())


# ---- Networks ----------------------------------------------------------------------------------


def test_a_plane_is_a_rectified_linear_map_of_the_class() -> None:
    told, x = ClassInput(3, (2, 5, 4)), torch.randn(4, 2, 5, 4)
    label = torch.tensor([2, 0, 1, 2])
    made = told(x, label)
    assert made.shape == (4, *told.shape) == (4, 3, 5, 4)
    assert torch.equal(made[:, :2], x)
    weight, bias = told.told.weight, told.told.bias
    for plane, number in zip(made[:, 2], label, strict=True):
        torch.testing.assert_close(plane.flatten(), (weight[:, number] + bias).clamp(min=0))
    with pytest.raises(BadInput, match="made for classes: give it a label"):
        told(x, None)


def test_a_vector_gets_an_embedding() -> None:
    told, z = ClassInput(3, (7,)), torch.randn(4, 7)
    label = torch.tensor([2, 0, 1, 2])
    made = told(z, label)
    assert made.shape == (4, *told.shape) == (4, 7 + EMBEDDING)
    assert torch.equal(made[:, :7], z)
    assert torch.equal(made[:, 7:], told.told.weight[label])


@pytest.mark.parametrize("network", [Mlp(hidden=(6,)), Dcgan(width=2), FINE])
def test_any_network_can_be_told_classes(network: Any) -> None:
    site = Site((1, 8, 8), inputs=5, classes=3, output="tanh", place="learner.generator")
    z, label = torch.randn(6, 5), torch.arange(6) % 3
    generator = ClassGenerator(network, site).eval()
    made = generator(z, label)
    assert made.shape == (6, 1, 8, 8)
    assert not torch.equal(made, generator(z, (label + 1) % 3))
    with pytest.raises(BadInput, match="give it a label"):
        generator(z)
    if network is FINE:
        assert generator.network.project.in_features == 5 + EMBEDDING


def test_a_network_without_classes_takes_no_label() -> None:
    site = Site((1, 8, 8))
    critic = Critic(MLP.as_backbone(site), site)
    with pytest.raises(BadInput, match="made without classes"):
        critic(torch.zeros(2, 1, 8, 8), torch.zeros(2, dtype=torch.int64))


# ---- What the players are told -------------------------------------------------------------------


@pytest.mark.parametrize("level", LEVELS)
def test_the_label_reaches_both_players_of_each_level(level: int) -> None:
    learner = build()
    for player in ("critic", "generator"):
        learner.zero_grad(set_to_none=True)
        losses(learner, f"{player}_{level}").total().backward()
        network = getattr(learner.duels[level], player)
        (told,) = (module for module in network.modules() if isinstance(module, ClassInput))
        seen = [p.grad.abs().sum().item() for p in told.parameters() if p.grad is not None]
        assert sum(seen) > 0
    other = batch()
    changed = Batch(other.x, (other.label + 1) % 3)
    before, after = (losses(learner, f"critic_{level}", each).total() for each in (other, changed))
    assert before != after


@pytest.mark.parametrize("phase", ["critic_0", "critic_1", "critic_2", "generator_2"])
def test_classes_by_other_numbers_are_the_same_game(phase: str) -> None:
    penalties = {"critic_regularisers": (r1(1.0), r2(1.0))}
    learner = build(penalties, penalties).double()
    x, label = batch().x.double(), batch().label
    assert label is not None
    before = losses(learner, phase, Batch(x, label)).total()
    to = torch.tensor([2, 0, 1])
    other = losses(learner, phase, Batch(x, to[label])).total()
    assert abs(other - before) > 1e-6
    for module in learner.modules():
        if isinstance(module, ClassInput):
            weight = module.told.get_parameter("weight").data
            axis = 1 if isinstance(module.told, torch.nn.Linear) else 0
            weight.copy_(weight.index_select(axis, to.argsort()))
    renamed = losses(learner, phase, Batch(x, to[label])).total()
    torch.testing.assert_close(renamed, before)


@pytest.mark.parametrize("level", [1, 2])
def test_coarse_images_of_fakes_come_from_others_of_their_class(level: int) -> None:
    learner, given = build(), batch()
    assert given.label is not None
    coarse_images = coarse(halved(given.x, 2 - level))
    orders = []
    for update in range(200):
        real, seen, label, _ = learner.sight(level, given, Streams(0, "train", update))
        assert torch.equal(real, halved(given.x, 2 - level))
        assert label is given.label
        assert seen is not None
        same = (seen[:, None] == coarse_images[None]).flatten(2).all(2)
        assert (same.sum(0) == 1).all()
        order = same.int().argmax(1)
        assert torch.equal(given.label[order], given.label)
        orders.append(order)
    met = torch.stack(orders)
    for index, number in enumerate(given.label):  # each stands in each place of its class
        assert set(met[:, index].tolist()) == set((given.label == number).nonzero()[:, 0].tolist())


def test_each_score_is_of_an_example_and_its_own_class() -> None:
    learner = build({"generator_batch": 2}, {"generator_batch": 2})
    heard: list[tuple[Tensor, Tensor]] = []
    made: list[tuple[Tensor, Tensor]] = []
    duel = learner.duels[1]
    duel.critic.register_forward_pre_hook(lambda module, inputs: heard.append(inputs))
    duel.generator.register_forward_hook(
        lambda module, inputs, output: made.append((inputs[1], output))
    )
    label = batch().label
    assert label is not None
    losses(learner, "critic_1")
    assert torch.equal(heard[-1][1], label.repeat(2))  # real and fake, in one pass
    assert torch.equal(made[-1][0], label)
    losses(learner, "generator_1")
    assert len(heard[-1][0]) == 2 * BATCH
    assert torch.equal(heard[-1][1], label.repeat(2))
    assert torch.equal(made[-1][0], label.repeat(2))


def test_a_turn_without_a_batch_draws_classes_as_they_occur() -> None:
    learner = build((), {"generator_batch": 2})
    drawn: list[Tensor] = []
    heard: list[Tensor] = []
    duel = learner.duels[0]
    duel.generator.register_forward_pre_hook(lambda module, inputs: drawn.append(inputs[1]))
    duel.critic.register_forward_pre_hook(lambda module, inputs: heard.append(inputs[1]))
    (phase,) = (phase for phase in learner.phases if phase.name == "generator_0")
    for update in range(200):
        learner(phase, None, Streams(0, "t", update), Moment())
    labels = torch.cat(drawn)
    assert torch.equal(labels, torch.cat(heard))
    n = 200 * 2 * BATCH
    assert len(labels) == n
    expected = n * torch.tensor([0.2, 0.3, 0.5])
    chi2 = ((labels.bincount(minlength=3) - expected) ** 2 / expected).sum().item()
    assert chi2 < 14  # of 2 degrees of freedom: p = 0.001
    first = torch.cat(drawn[:1])
    drawn.clear()
    learner(phase, None, Streams(0, "t", 0), Moment())
    assert torch.equal(drawn[0], first)


def test_without_classes_nothing_changes() -> None:
    given = batch()
    for phase in ("critic_0", "generator_0", "critic_2", "generator_2"):
        plain = build(conditional=False)
        assert not plain.uses_labels
        unlabelled = losses(plain, phase, Batch(given.x)).total()
        assert torch.equal(losses(plain, phase, given).total(), unlabelled)
    names = {name for name, _ in plain.named_parameters()}
    assert not any("told" in name for name in names)


# ---- Samples -----------------------------------------------------------------------------------


def test_samples_of_a_class_are_prefixes_of_more() -> None:
    learner = build()
    assert learner.uses_labels
    label = torch.arange(70) % 3
    samples = learner.sample(70, seed=3, label=label)
    assert samples.shape == (70, *DATA.shape)
    assert torch.equal(learner.sample(5, seed=3, label=label[:5]), samples[:5])
    other = learner.sample(70, seed=3, label=(label + 1) % 3)
    assert all(not torch.equal(a, b) for a, b in zip(samples, other, strict=True))
    drawn = learner.labels(70, seed=3)
    assert torch.equal(learner.sample(70, seed=3), learner.sample(70, seed=3, label=drawn))
    z = learner.latents(70, seed=3)
    assert torch.equal(learner.levels(z, label)[-1], samples)
    with pytest.raises(BadInput, match="give it a label"):
        learner.decode(z)


def test_batch_norm_of_the_least_size_is_recalibrated_with_classes() -> None:
    learner = build((), {"generator": Mlp(hidden=(5, 5), norm="batch")})
    before = {name: value.clone() for name, value in learner.state_dict().items()}
    learner.recalibrate(seed=0)
    changed = {n for n, value in learner.state_dict().items() if not torch.equal(value, before[n])}
    assert changed
    assert all(name.startswith("duels.0.generator.network.") for name in changed)


# ---- Refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"class_counts": ()}, "pictures has no labels"),
        ({"class_counts": (5, 0, 6)}, "only 11 of 100 training examples of pictures have one"),
        ({"class_counts": (0, 100, 0)}, "all training examples of pictures are of one"),
    ],
)
def test_every_example_needs_one_of_several_classes(changes: Any, reason: str) -> None:
    with pytest.raises(BadInput, match=f"{reason}: choose other data, or leave out --learner.cond"):
        described().learner(DATA.replace(**changes), batch_size=BATCH, seed=0)


def test_what_has_no_class_is_refused() -> None:
    with pytest.raises(BadInput, match="leave out the lens pack"):
        build({"lenses": (Pack(size=2),)})
    for player in ("generator", "critic"):
        virtual = {player: Mlp(hidden=(5, 5), norm="virtual")}
        with pytest.raises(BadInput, match=f"set --learner.innermost.{player}.norm to another"):
            build((), virtual)


# ---- Whole runs --------------------------------------------------------------------------------


def test_a_conditional_run_resumes_to_the_same_bits_and_samples_classes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tiny("lapgan", steps=8, levels=1, conditional=True)
    sp.train(run, tmp_path / "whole", quiet=True)
    crashed(run, 3, tmp_path / "killed", monkeypatch)
    sp.resume(tmp_path / "killed", quiet=True)
    assert same_bits(tensors(tmp_path / "whole", 8), tensors(tmp_path / "killed", 8))
    out = tmp_path / "three.npy"
    main(["sample", str(tmp_path / "whole"), "--class", "3", "--n", "5", "--out", str(out)])
    model = sp.load(tmp_path / "whole")
    expected = model.sample(5, seed=0, label=torch.full((5,), 3))
    shown = torch.from_numpy(np.load(out)).permute(0, 3, 1, 2)
    torch.testing.assert_close(shown.float(), (expected * 127.5 + 127.5).round())


def test_samples_learn_what_a_class_means(tmp_path: Path) -> None:
    """Class 0 is dark and class 1 bright, at every level: samples of each are as theirs."""
    rng = np.random.default_rng(0)
    y = np.arange(400) % 2
    x = np.clip(y[:, None, None, None] * 140 + 50 + rng.normal(0, 10, (400, 8, 8, 1)), 0, 255)
    run = tiny(
        "lapgan-r3",
        steps=250,
        data=(x.astype(np.uint8), y),
        levels=1,
        conditional=True,
        training={"log_every": 100, "sample_every": 250, "checkpoint_every": 250},
    )
    adam = Adam(learning_rate=2e-3, beta1=0.0, beta2=0.99)
    both = {"generator_optimiser": adam, "critic_optimiser": adam}
    pyramid = run.learner
    assert isinstance(pyramid, Laplacian)
    faster = {name: getattr(pyramid, name).replace(**both) for name in ("innermost", "refinement")}
    sp.train(run.replace(learner=pyramid.replace(**faster)), tmp_path / "run", quiet=True)
    model = sp.load(tmp_path / "run")
    dark, bright = (
        model.sample(32, seed=1, label=torch.full((32,), number)).mean().item() for number in (0, 1)
    )
    assert dark == pytest.approx(50 / 127.5 - 1, abs=0.2)
    assert bright == pytest.approx(190 / 127.5 - 1, abs=0.2)
