"""A critic that rebuilds what it saw: the term by hand, what it is of, and whom it moves."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from kit.drawn import BATCH, IMAGES, POINTS, Drawn, spy
from saddlepoint.data.batch import Batch
from saddlepoint.errors import BadInput
from saddlepoint.games.moment import Moment
from saddlepoint.learners.adversarial.augmentation import AdaptiveAugment, Augment
from saddlepoint.learners.adversarial.auxiliaries import SelfReconstruction
from saddlepoint.learners.adversarial.costs import Unrolled
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.learners.adversarial.learner import AdversarialLearner
from saddlepoint.learners.adversarial.lenses import InstanceNoise, Pack
from saddlepoint.learners.adversarial.reconstruction import Reconstruction
from saddlepoint.networks.mlp import Mlp
from saddlepoint.randomness import Streams

SMALL = {"generator": Mlp(hidden=(9,)), "critic": Mlp(hidden=(7,), activation="tanh")}
NAME = "self_reconstruction"


def build(data: Any = IMAGES, **described: Any) -> AdversarialLearner:
    size = {"side": 8} if data is IMAGES else {}
    part = SelfReconstruction(hidden=6, weight=3.0, **size)
    given = {"latent": 3, **SMALL, "auxiliaries": (part,), **described}
    learner = Adversarial(**given).learner(data, batch_size=BATCH, seed=0).double()
    assert isinstance(learner, AdversarialLearner)
    return learner


def losses(
    learner: AdversarialLearner, which: int, moment: Moment | None = None, data: Any = IMAGES
) -> Any:
    phase = learner.phases[which]
    batch = Batch(Drawn(data.shape).batch(0).x.double()) if phase.needs_data else None
    return learner(phase, batch, Streams(4, "t"), moment)


def test_the_term_by_hand() -> None:
    learner = build(POINTS)
    term = losses(learner, 0, data=POINTS).terms[NAME]
    x = Drawn(POINTS.shape).batch(0).x.double()
    decoder = learner.duel.auxiliaries[NAME]
    first, _, last = decoder.layers
    features = learner.critic(x).features
    hidden = features @ first.weight.T + first.bias
    hidden = torch.where(hidden > 0, hidden, 0.2 * hidden)
    rebuilt = hidden @ last.weight.T + last.bias
    torch.testing.assert_close(term.values, ((x - rebuilt) ** 2).sum(1) / 2)
    assert term.weight == 3.0
    assert NAME not in losses(learner, 1, data=POINTS).terms, "the generator is not trained by it"


@pytest.mark.parametrize("leading", [(5,), (2, 5)])
def test_images_are_rebuilt_small(leading: tuple[int, ...]) -> None:
    members = leading[0] if len(leading) == 2 else None
    decoder = Reconstruction(7, (3, 16, 8), 5, 6, members)
    x = torch.randn(*leading, 3, 16, 8)
    wanted = avg_pool2d(x.reshape(-1, 3, 16, 8), 4).reshape(*leading, -1)
    torch.testing.assert_close(decoder.reduced(x), wanted)
    assert decoder(torch.randn(*leading, 7)).shape == (*leading, 3 * 4 * 2)


def test_odd_sides_are_rounded_up_and_small_images_are_left_as_they_are() -> None:
    x = torch.arange(15.0).view(1, 1, 3, 5)
    small = Reconstruction(2, (1, 3, 5), 3, 0, None)
    by_hand = [[3.0, 5.0, 6.5], [10.5, 12.5, 14.0]]  # means of what there is
    torch.testing.assert_close(small.reduced(x), torch.tensor(by_hand).view(1, -1))
    assert torch.equal(Reconstruction(2, (1, 3, 5), 5, 0, None).reduced(x), x.flatten(1))
    assert len(small.layers) == 1, "no hidden layer"


def test_vectors_have_no_sides() -> None:
    with pytest.raises(BadInput, match="side 8 of the auxiliary 'self_reconstruction' is for im"):
        build(POINTS, auxiliaries=(SelfReconstruction(side=8),))


LENSES = {
    "augmented": (Augment(p=1.0),),
    "adaptive": (AdaptiveAugment(),),
    "noisy": (InstanceNoise(std=0.5),),
    "noisy packs, augmented": (InstanceNoise(std=0.5), Pack(size=2), Augment(p=1.0)),
}


@pytest.mark.parametrize("name", LENSES)
def test_it_rebuilds_what_the_critic_saw(name: str) -> None:
    learner = build(lenses=LENSES[name])
    for _, _, memory in learner.duel.lens_memories:
        if "strength" in memory:
            memory["strength"].fill_(0.8)
    given = spy(learner.duel.critic.backbone)
    term = losses(learner, 0).terms[NAME]
    (both,) = given  # in one pass, the real ones first
    half = len(both) // 2
    decoder = learner.duel.auxiliaries[NAME]
    wanted = avg_pool2d(both[:half], 2).flatten(1)
    rebuilt = decoder(learner.duel.critic.backbone(both[:half]))
    torch.testing.assert_close(term.values, (wanted - rebuilt).square().mean(1))
    x = Drawn(IMAGES.shape).batch(0).x.double()
    assert not torch.allclose(both[:half].reshape(x.shape), x), "which is not the image"


def gradients(learner: AdversarialLearner, moment: Moment | None = None) -> dict[str, Tensor]:
    """Of the term alone, those that are not exactly 0."""
    learner.zero_grad(set_to_none=True)
    losses(learner, 0, moment).terms[NAME].values.mean().backward()
    named = learner.named_parameters()
    return {name: p.grad for name, p in named if p.grad is not None and bool(p.grad.any())}


@pytest.mark.parametrize("minibatch", ["none", "discrimination"])
@pytest.mark.parametrize("whole", [False, True])
def test_it_moves_backbone_and_decoder_alone(minibatch: str, whole: bool) -> None:
    critic = SMALL["critic"].replace(minibatch=minibatch)
    learner = build(critic=critic, lenses=(Augment(p=0.5),))
    moved = gradients(learner, Moment(whole_graph=whole))
    trunk, decoder = "duel.critic.backbone.", f"duel.auxiliaries.{NAME}."
    assert {name for name in moved if not name.startswith((trunk, decoder))} == set()
    assert len([name for name in moved if name.startswith(trunk)]) == 2
    assert len([name for name in moved if name.startswith(decoder)]) == 4
    assert not any("head" in name or "generator" in name for name in moved)


def test_it_is_of_real_examples_alone() -> None:
    learner = build()
    before = losses(learner, 0).terms[NAME].values
    with torch.no_grad():
        for parameter in learner.generator.parameters():
            parameter.add_(1)
    assert torch.equal(losses(learner, 0).terms[NAME].values, before)


def test_an_unrolled_critic_has_it_too() -> None:
    with_term = losses(build(cost=Unrolled(steps=1)), 1).terms["adversarial"].reduced
    without = losses(build(cost=Unrolled(steps=1), auxiliaries=()), 1).terms["adversarial"].reduced
    assert with_term.item() != without.item()


@pytest.mark.parametrize(("lenses", "precision"), [((), 1e-12), ((Augment(p=0.7),), 1e-6)])
def test_members_are_the_runs_alone(lenses: tuple[Augment, ...], precision: float) -> None:
    """An augmentation draws its angles in float32, whose sine depends on the vector's length."""
    part = SelfReconstruction(hidden=6, side=8)
    described = Adversarial(**{"latent": 3, **SMALL, "auxiliaries": (part,), "lenses": lenses})
    both = described.learner(IMAGES, batch_size=BATCH, seed=(0, 5)).double()
    x = Drawn(IMAGES.shape).batch(0).x.double()
    stacked = both(both.phases[0], Batch(x.expand(2, *x.shape)), Streams((0, 5), "t"))
    for member, seed in enumerate((0, 5)):
        alone = described.learner(IMAGES, batch_size=BATCH, seed=seed).double()
        single = alone(alone.phases[0], Batch(x), Streams(seed, "t")).terms[NAME].values
        values = stacked.terms[NAME].values[member]
        torch.testing.assert_close(values, single, rtol=precision, atol=1e-12)
