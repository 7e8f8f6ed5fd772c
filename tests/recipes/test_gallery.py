"""The gallery of image GANs: the papers' numbers and networks, and the variants for two cores."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

import saddlepoint as sp
from kit.tiny import SMALL
from saddlepoint.data.info import DataInfo
from saddlepoint.errors import BadInput
from saddlepoint.games.moment import Moment
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.learners.adversarial.lenses import Dequantise, Look
from saddlepoint.randomness import Streams
from saddlepoint.recipes import RECIPES
from saddlepoint.recipes.registry import TWO_CORE, recipe, two_core
from saddlepoint.schedules import Elapsed, value_at

GALLERY = [
    name
    for name, each in RECIPES.items()
    if each.facts.machine != "CPU" and isinstance(each().learner, Adversarial)
]
SIZED = [name for name in RECIPES if name.endswith(TWO_CORE)]
FEW_LABELS = ("vae-m2-two-core", "vae-m1-m2-two-core", "improved-gan-ssl-two-core")
LABELLED = ("acgan", "acgan-two-core", "improved-gan-ssl", *FEW_LABELS)
START, END = Elapsed(0.0), Elapsed(1.0)


def images(side: int, count: int = 60, colours: int = 3) -> np.ndarray:
    random = np.random.default_rng(0)
    return random.integers(0, 256, (count, side, side, colours), dtype=np.uint8)


# ---- The papers' networks ----------------------------------------------------------------------


def norms(*channels: int) -> int:
    return 2 * sum(channels)


def square(side: int, *channels: int) -> int:
    """Weights of convolutions that lead from each number of channels to the next."""
    return side**2 * sum(a * b for a, b in itertools.pairwise(channels))


def dcgan_64() -> tuple[int, int]:
    generator = 100 * 1024 * 16 + square(5, 1024, 512, 256, 128, 3) + 3
    critic = square(5, 3, 128, 256, 512, 1024) + 128 + 1024 * 16 + 1
    return generator + norms(1024, 512, 256, 128), critic + norms(256, 512, 1024)


def lsgan_64() -> tuple[int, int]:
    generator = 1024 * 512 * 16 + square(5, 512, 256, 128, 64, 3) + 3
    critic = square(5, 3, 64, 128, 256, 512) + 64 + 512 * 16 + 1
    return generator + norms(512, 256, 128, 64), critic + norms(128, 256, 512)


def wgan_64() -> tuple[int, int]:
    generator = 100 * 512 * 16 + square(4, 512, 256, 128, 64, 3) + 3
    critic = square(4, 3, 64, 128, 256, 512) + 64 + 512 * 16  # no bias shifts all scores
    return generator + norms(512, 256, 128, 64), critic + norms(128, 256, 512)


def wgan_gp_32() -> tuple[int, int]:
    generator = 128 * 512 * 16 + square(5, 512, 256, 128, 3) + 3 + norms(512, 256, 128)
    return generator, square(5, 3, 128, 256, 512) + 128 + 256 + 512 + 512 * 16


def residual_32(wide: int, narrow: int, level: int) -> tuple[int, int]:
    """WGAN-GP's and SNGAN's, with so many channels; whether scores have a level."""
    up = square(3, wide, wide, wide) + wide + norms(wide, wide) + square(1, wide, wide) + wide
    generator = 128 * 16 * wide + 16 * wide + 3 * up + norms(wide) + square(3, wide, 3) + 3
    pair = square(3, narrow, narrow, narrow) + 2 * narrow
    first = square(3, 3, narrow, narrow) + 2 * narrow + square(1, 3, narrow) + narrow
    down = pair + square(1, narrow, narrow) + narrow
    return generator, first + down + 2 * pair + narrow + level


def r3(widths: list[int]) -> tuple[int, int]:
    """R3GAN's with two blocks in groups of 16 at each size, these channels from 4×4 on."""
    blocks = sum(2 * (4 * w * w + 2 * w * 16 * 9 + 4 * w) for w in widths)
    changes = sum(a * b for a, b in itertools.pairwise(widths) if a != b)
    ends = 16 * widths[0] + 3 * widths[-1]  # the basis, and the colours
    # the score has no bias: only differences count
    return blocks + changes + ends + 64 * widths[0], blocks + changes + ends + widths[0]


#: Recipe, side of the images, numbers of parameters.
COUNTS = [
    ("dcgan", 64, dcgan_64()),
    ("lsgan", 64, lsgan_64()),
    ("wgan", 64, wgan_64()),
    ("wgan-gp", 32, wgan_gp_32()),
    ("wgan-gp-resnet", 32, residual_32(128, 128, 0)),
    ("sngan", 32, residual_32(256, 128, 1)),
    ("r3gan", 32, r3([768] * 4)),
    ("r3gan-64", 64, r3([768] * 4 + [384])),
]


@pytest.mark.parametrize(("name", "side", "counts"), COUNTS, ids=[row[0] for row in COUNTS])
def test_networks_have_as_many_parameters_as_the_papers(name, side, counts):
    run = RECIPES[name](images(side))
    data: DataInfo = run.data.open().info
    duel = run.learner.build(data, 4, None).duel
    players = (duel.generator, duel.critic)
    assert tuple(sum(p.numel() for p in player.parameters()) for player in players) == counts


@pytest.mark.parametrize("name", GALLERY)
def test_a_recipe_of_a_paper_builds_at_its_size_and_takes_two_steps(name, tmp_path):
    data = (images(8), np.arange(60) % 3) if name in LABELLED else images(8)
    options = {"labels": 6, "labels_in_batch": 1} if name == "improved-gan-ssl" else {}
    run = RECIPES[name](data, steps=2, batch_size=4, device="cpu", **options)
    result = sp.train(run, tmp_path / "run", quiet=True)
    assert result.step == 2
    assert all(np.isfinite(list(result.scalars.values())))


# ---- The papers' numbers -----------------------------------------------------------------------

#: Objective, critic steps, latents, batch, batches of fakes, and of both players' Adam (or
#: RMSProp): the rate at the start and at the end, beta1, beta2.
NUMBERS = {
    "dcgan": ("non_saturating", 1, 100, 128, 1, (2e-4, 2e-4, 0.5, 0.999)),
    "acgan": ("non_saturating", 1, 100, 100, 1, (2e-4, 2e-4, 0.5, 0.999)),
    "improved-gan-ssl": ("non_saturating", 1, 100, 200, 1, (3e-3, 3e-3, 0.5, 0.999)),
    "improved-gan": ("non_saturating", 1, 100, 100, 1, (3e-4, 0.0, 0.5, 0.999)),
    "lsgan": ("least_squares", 1, 1024, 64, 1, (1e-3, 1e-3, 0.5, 0.999)),
    "wgan": ("wasserstein", 5, 100, 64, 1, (5e-5, 5e-5)),
    "wgan-gp": ("wasserstein", 5, 128, 64, 1, (1e-4, 1e-4, 0.5, 0.9)),
    "wgan-gp-resnet": ("wasserstein", 5, 128, 64, 2, (2e-4, 0.0, 0.0, 0.9)),
    "dragan": ("non_saturating", 1, 100, 64, 1, (2e-4, 2e-4, 0.5, 0.999)),
    "pacgan": ("non_saturating", 1, 100, 128, 1, (2e-4, 2e-4, 0.5, 0.999)),
    "sngan": ("hinge", 5, 128, 64, 2, (2e-4, 0.0, 0.0, 0.9)),
    "r3gan": ("relativistic", 1, 64, 512, 1, (2e-4, 5e-5, 0.0, 0.9)),
    "r3gan-64": ("relativistic", 1, 64, 256, 1, (2e-4, 5e-5, 0.0, 0.9)),
}


@pytest.mark.parametrize("name", GALLERY)
def test_a_recipe_of_a_paper_has_its_numbers(name):
    run = RECIPES[name]()
    learner, training = run.learner, run.training
    end = Elapsed(1.0, training.steps * training.batch_size if training.batch_size else 0)
    objective, critic_steps, latent, batch, batches, numbers = NUMBERS[name]
    assert (learner.objective, learner.critic_steps, learner.latent) == (
        objective,
        critic_steps,
        latent,
    )
    assert (training.batch_size or 128, learner.generator_batch) == (batch, batches)
    for optimiser in (learner.generator_optimiser, learner.critic_optimiser):
        seen = [value_at(optimiser.learning_rate, at) for at in (START, end)]
        if optimiser.kind == "adam":
            seen += [optimiser.beta1, value_at(optimiser.beta2, START)]
        assert tuple(seen) == pytest.approx(numbers)


def test_what_bounds_the_critics_of_the_gallery():
    penalties = {
        name: [(p.place, p.target, p.weight) for p in RECIPES[name]().learner.critic_regularisers]
        for name in ("wgan-gp", "wgan-gp-resnet", "dragan")
    }
    assert penalties == {
        "wgan-gp": [("between", 1.0, 10.0)],
        "wgan-gp-resnet": [("between", 1.0, 10.0)],
        "dragan": [("around", 1.0, 10.0)],
    }
    (clipping,) = sp.recipes.wgan().learner.constraints
    assert (clipping.kind, clipping.limit) == ("weight_clipping", 0.01)
    (spectral,) = sp.recipes.sngan().learner.constraints
    assert (spectral.kind, spectral.iterations) == ("spectral_norm", 1)
    improved = sp.recipes.improved_gan().learner
    assert improved.real_target == 0.9
    assert (improved.critic.minibatch, improved.generator.norm) == ("discrimination", "virtual")


def test_the_schedules_of_r3gan_end_after_twenty_million_images():
    for run, gamma, half_life in ((sp.recipes.r3gan(), 0.05, 5e6), (sp.recipes.r3gan_64(), 2, 5e5)):
        assert [p.place for p in run.learner.critic_regularisers] == ["real", "fake"]
        for images, share in ((0, 1.0), (10_000_000, 0.55), (20_000_000, 0.1), (30_000_000, 0.1)):
            at = Elapsed(0.5, images)
            for penalty in run.learner.critic_regularisers:
                assert value_at(penalty.weight, at) == pytest.approx(share * gamma / 2)
            beta2 = value_at(run.learner.critic_optimiser.beta2, at)
            assert beta2 == pytest.approx(0.9 + 0.09 * (1 - share) / 0.9)
            average = value_at(run.training.averaging_half_life, at)
            assert average == pytest.approx(half_life * (1 - share) / 0.9)


# ---- Variants for two cores --------------------------------------------------------------------


@pytest.mark.parametrize("name", GALLERY)
def test_beside_each_stands_a_variant_for_two_cores(name):
    small = RECIPES[name.removesuffix("-64") + TWO_CORE]
    run, paper = small(), RECIPES[name]()
    assert run.recipe == f"{name.removesuffix('-64')}{TWO_CORE}"
    assert small.facts.machine == "CPU"
    assert small.facts.paper == RECIPES[name].facts.paper
    assert run.training.steps < paper.training.steps
    assert run.learner.objective == paper.learner.objective
    kinds = [[p.kind for p in one.learner.critic_regularisers] for one in (run, paper)]
    assert kinds[0] == kinds[1]
    assert [c.kind for c in run.learner.constraints] == [c.kind for c in paper.learner.constraints]


def test_a_variant_takes_the_options_of_its_recipe_with_other_defaults():
    @recipe("middling", year=2000, paper="Nobody, Nothing")
    def middling(data: object = "digits", *, width: int = 100, **common: object) -> sp.Run:
        """Something.

        Args:
            data: A name.
            width: How wide.
            **common: steps and the like.
        """
        return sp.recipes.dcgan(data, width=width, **common)

    try:
        small = two_core(middling, "It is narrower.", width=7, steps=3)
        run = small(seed=5)
        assert (run.recipe, run.learner.critic.width, run.training.steps) == (
            "middling-two-core",
            7,
            3,
        )
        assert small(width=9, steps=4).training.steps == 4
        assert small(width=9).learner.critic.width == 9
        assert "How wide." in small.__doc__
        assert small.__doc__.startswith("``middling``, sized for two cores.")
    finally:
        for name in ("middling", "middling-two-core"):
            RECIPES.pop(name, None)


@pytest.mark.parametrize("name", SIZED)
def test_a_variant_trains_on_odd_oblong_images(name, tmp_path):
    random = np.random.default_rng(0)
    data = random.integers(0, 256, (60, 9, 13, 2), dtype=np.uint8)
    options = {}
    if name in FEW_LABELS:
        options = {"labels": 6, "labels_in_batch": 1}
    if name in LABELLED:
        data = (data, np.arange(60) % 3)
    run = RECIPES[name](data, steps=2, batch_size=4, device="cpu", **(SMALL[name] | options))
    sp.train(run, tmp_path / "run", quiet=True)
    assert sp.load(tmp_path / "run").sample(3).shape == (3, 2, 9, 13)


# ---- Fakes in several batches, and real images of 256 levels -----------------------------------


def test_the_generators_turn_has_as_many_fakes_as_asked(tmp_path):
    run = sp.recipes.wgan_mlp(steps=2, batch_size=8, device="cpu")
    seen = {}
    for batches in (1, 3):
        learner = run.learner.replace(generator_batch=batches)
        built = learner.learner(run.data.open().info, batch_size=8, seed=0)
        streams = Streams(0, "test", device=torch.device("cpu"))
        losses = built.duel.generator_turn(streams, Moment())
        seen[batches] = losses.terms["adversarial"].each
        turn_latents = built.duel.latents(streams, batches)
        fakes = built.generator(turn_latents)
        assert len(fakes) == 8 * batches
        # the cost is the mean over all of them
        expected = -built.critic(fakes).score.mean()
        torch.testing.assert_close(losses.terms["adversarial"].reduced, expected)
    assert not torch.equal(seen[1], seen[3])


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"objective": "relativistic"}, "relativistic"),
        ({"cost": {"kind": "feature_matching"}}, "feature_matching"),
        ({"cost": {"kind": "unrolled"}}, "unrolled"),
    ],
)
def test_fakes_that_need_partners_come_in_one_batch(changes, what):
    learner = sp.recipes.gan().learner
    with pytest.raises((ValueError, BadInput), match=f"'{what}' is judged beside one batch"):
        type(learner).model_validate({**learner.model_dump(), **changes, "generator_batch": 2})


def test_dequantised_images_fill_their_levels_and_fakes_are_left_alone():
    levels = torch.arange(256.0)
    x = (levels.double() / 127.5 - 1).repeat(2000, 1)
    streams = Streams(0, "test", device=torch.device("cpu"))
    look = Look("real", streams, Moment())
    seen = Dequantise().see(x, look)
    steps = (seen + 1) * 128  # (l + u), where l is the level
    assert float((steps - levels).min()) > -1e-9
    assert float((steps - levels).max()) < 1 + 1e-9
    assert abs(float((steps - levels).mean()) - 0.5) < 0.002
    assert float((steps - levels).std()) == pytest.approx(12**-0.5, rel=0.01)
    assert torch.equal(Dequantise().see(x, Look("fake", streams, Moment())), x)
