"""A critic that rebuilds an image and a quarter of it from its feature maps."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from kit.drawn import BATCH, IMAGES, POINTS, Drawn, spy
from saddlepoint.data.batch import Batch
from saddlepoint.errors import BadInput
from saddlepoint.games.moment import Moment
from saddlepoint.learners.adversarial.augmentation import Augment
from saddlepoint.learners.adversarial.auxiliaries import SelfReconstruction
from saddlepoint.learners.adversarial.costs import Unrolled
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.learners.adversarial.learner import AdversarialLearner
from saddlepoint.learners.adversarial.lenses import InstanceNoise, Pack
from saddlepoint.learners.adversarial.map_reconstruction import MapReconstruction, quarter
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.networks.mlp import Mlp
from saddlepoint.networks.network import FeatureMap, Site
from saddlepoint.networks.resnet import ResNet
from saddlepoint.randomness import Streams

NAME = "self_reconstruction"
CRITIC = Dcgan(width=3, norm="none")
Numbers = NDArray[np.float64]


def build(data: Any = IMAGES, **described: Any) -> AdversarialLearner:
    part = SelfReconstruction(of="maps", width=4, weight=3.0)
    given = {"latent": 3, "generator": Mlp(hidden=(9,)), "critic": CRITIC, "auxiliaries": (part,)}
    learner = Adversarial(**{**given, **described}).learner(data, batch_size=BATCH, seed=0).double()
    assert isinstance(learner, AdversarialLearner)
    return learner


def losses(learner: AdversarialLearner, which: int = 0, moment: Moment | None = None) -> Any:
    phase = learner.phases[which]
    batch = Batch(Drawn(IMAGES.shape).batch(0).x.double()) if phase.needs_data else None
    return learner(phase, batch, Streams(4, "t"), moment)


def convolved(maps: Numbers, layer: nn.Module) -> Numbers:
    """A 3×3 convolution of (channels, h, w), place by place."""
    weight, bias = (getattr(layer, name).detach().numpy() for name in ("weight", "bias"))
    _, h, w = maps.shape
    framed = np.pad(maps, ((0, 0), (1, 1), (1, 1)))
    out = np.empty((len(weight), h, w))
    for i, j in product(range(h), range(w)):
        out[:, i, j] = (weight * framed[None, :, i : i + 3, j : j + 3]).sum((1, 2, 3)) + bias
    return out


def decoded(maps: Numbers, layers: nn.Sequential) -> Numbers:
    """One doubling, as a decoder of 16×16 images from their maps of 8×8 has it."""
    _, first, _, last = layers
    hidden = convolved(maps.repeat(2, 1).repeat(2, 2), first)
    return convolved(np.where(hidden > 0, hidden, 0.2 * hidden), last)


def test_the_term_by_hand() -> None:
    """Of 16×16 images both maps are that of 8×8, and its quarters are 4×4."""
    learner = build()
    term = losses(learner).terms[NAME]
    assert term.weight == 3.0
    x = Drawn(IMAGES.shape).batch(0).x.double()
    maps = nn.Sequential(*list(learner.duel.critic.backbone)[:2])(x).detach().numpy()
    assert maps.shape == (BATCH, 3, 8, 8)
    chosen = Streams(4, "t").uniform((BATCH, 2), "quarters").numpy() < 0.5
    assert len({tuple(each) for each in chosen}) > 2, "or the test sees few corners"
    decoder = learner.duel.auxiliaries[NAME]
    for i, (upper, left) in enumerate(chosen):
        image, features = x[i].numpy(), maps[i]
        down, right = (0 if upper else 1), (0 if left else 1)
        corner = features[:, 4 * down : 4 * down + 4, 4 * right : 4 * right + 4]
        wanted = image[:, 8 * down : 8 * down + 8, 8 * right : 8 * right + 8]
        whole = ((image - decoded(features, decoder.whole)) ** 2).mean()
        part = ((wanted - decoded(corner, decoder.part)) ** 2).mean()
        assert term.values[i].item() == pytest.approx(whole + part, rel=1e-12)
    assert NAME not in losses(learner, 1).terms, "the generator is not trained by it"


def test_a_quarter_is_the_corner_that_was_chosen() -> None:
    maps = torch.arange(4 * 5 * 6.0).view(1, 4, 5, 6).expand(4, -1, -1, -1)
    chosen = torch.tensor([[True, True], [True, False], [False, True], [False, False]])
    corners = quarter(maps, (3, 3), chosen)
    by_hand = (maps[0, :, :3, :3], maps[0, :, :3, 3:], maps[0, :, 2:, :3], maps[0, :, 2:, 3:])
    assert torch.equal(corners, torch.stack(by_hand))


@pytest.mark.parametrize("level", [1, 2, 3])
def test_the_pixels_of_a_quarter_lie_under_its_map(level: int) -> None:
    """Each pixel of the corner has its place in the map's corner, and the map no place without."""
    for height in range(8, 70):
        size = (height, 64)
        for _ in range(level):
            size = (size[0] + 1) // 2, (size[1] + 1) // 2
        maps = FeatureMap(nn.Identity(), 2, size)
        part = MapReconstruction(maps, maps, (1, height, 64), 128, 4)
        corner, pixels = part.corner_map[0], part.corner[0]
        assert corner == -(-size[0] // 2)
        assert (pixels - 1) * size[0] < corner * height <= pixels * size[0], height
        assert -(-pixels // 2**level) == corner, height
        assert part.corner[1] == 32
        made = part.part(torch.zeros(1, 2, *part.corner_map))
        assert made.shape == (1, 1, *part.corner)


def test_an_exact_decoder_of_a_map_of_pixels_has_no_error() -> None:
    """A decoder that hands places on rebuilds images that are constant on 4×4 pixels."""
    size = (6, 8)
    maps = torch.randn(5, 1, *size).double()
    image = maps.repeat_interleave(4, 2).repeat_interleave(4, 3)
    there = FeatureMap(nn.Identity(), 1, size)
    part = MapReconstruction(there, there, (1, 24, 32), 16, 1).double()
    for layers in (part.whole, part.part):
        for layer in layers:
            if isinstance(layer, nn.Conv2d):
                nn.init.dirac_(layer.weight)
                nn.init.zeros_(layer.bias)
            elif isinstance(layer, nn.LeakyReLU):
                layer.negative_slope = 1.0

    class Seen:
        real_maps: dict[tuple[int, int], Tensor] = {size: maps}
        streams = Streams(3, "t")

    errors = part.errors(image, Seen())  # type: ignore[arg-type]
    assert (part.halvings, part.corner_halvings) == (1, 0)
    torch.testing.assert_close(errors, torch.zeros(5).double(), rtol=0, atol=1e-30)
    moved = {size: maps.flip(2)}
    Seen.real_maps = moved
    assert (part.errors(image, Seen()) > 0.1).all()  # type: ignore[arg-type]


def test_the_nearest_maps_are_read() -> None:
    part = SelfReconstruction(of="maps")
    for side, sizes in ((64, [8, 16]), (28, [7, 14]), (32, [8, 16]), (16, [8, 8]), (8, [4, 4])):
        shape = (1, side, side)
        site = Site(shape, maps=CRITIC.as_backbone(Site(shape)).maps)
        assert [each.size[0] for each in part.maps(site)] == sizes, side


LENSES = {
    "augmented": (Augment(p=1.0),),
    "noisy packs, augmented": (InstanceNoise(std=0.5), Pack(size=2), Augment(p=1.0)),
}


@pytest.mark.parametrize("norm", ["none", "batch", "virtual"])
@pytest.mark.parametrize("name", LENSES)
def test_it_rebuilds_what_the_critic_saw_in_the_pass_that_scores(name: str, norm: Any) -> None:
    learner = build(lenses=LENSES[name], critic=CRITIC.replace(norm=norm))
    critic = learner.duel.critic
    given = spy(critic.backbone)
    term = losses(learner).terms[NAME]
    # batch norm sees real and fake examples apart
    assert len(given) == (2 if norm == "batch" else 1)
    real = given[0] if norm == "batch" else given[0].chunk(2)[0]
    decoder = learner.duel.auxiliaries[NAME]
    maps = critic(real).maps
    chosen = Streams(4, "t").uniform((len(real), 2), "quarters") < 0.5
    whole = decoder.whole(maps[8, 8])
    part = decoder.part(quarter(maps[8, 8], (4, 4), chosen))
    error = (real - whole).square().mean((1, 2, 3))
    error = error + (quarter(real, (8, 8), chosen) - part).square().mean((1, 2, 3))
    torch.testing.assert_close(term.values, error)
    x = Drawn(IMAGES.shape).batch(0).x.double()
    assert not torch.allclose(real.reshape(x.shape), x), "which is not the image"


@pytest.mark.parametrize("critic", [CRITIC, ResNet(width=2)], ids=["dcgan", "resnet"])
@pytest.mark.parametrize("whole_graph", [False, True])
def test_it_moves_the_way_to_the_maps_and_the_decoders_alone(
    critic: Any, whole_graph: bool
) -> None:
    learner = build(critic=critic, lenses=(Augment(p=0.5),))
    losses(learner, 0, Moment(whole_graph=whole_graph)).terms[NAME].values.mean().backward()
    named = learner.named_parameters()
    moved = {name for name, p in named if p.grad is not None and bool(p.grad.any())}
    trunk, decoder = "duel.critic.backbone.", f"duel.auxiliaries.{NAME}."
    of_decoder = {name for name in moved if name.startswith(decoder)}
    assert of_decoder == {n for n, _ in learner.named_parameters() if n.startswith(decoder)}
    assert moved - of_decoder == {  # the first layer, or block, gives the map of 8×8
        name for name, _ in learner.named_parameters() if name.startswith(trunk + "0.")
    }


def test_an_unrolled_critic_has_it_too() -> None:
    with_term = losses(build(cost=Unrolled(steps=1)), 1).terms["adversarial"].reduced
    without = losses(build(cost=Unrolled(steps=1), auxiliaries=()), 1).terms["adversarial"].reduced
    assert with_term.item() != without.item()


@pytest.mark.parametrize(
    ("data", "described", "words"),
    [
        (IMAGES, {"critic": Mlp(hidden=(4,))}, "needs feature maps, and --learner.critic has none"),
        (POINTS, {"critic": Mlp(hidden=(4,))}, "needs feature maps, and --learner.critic has none"),
        (IMAGES, {"part": {"hidden": 6}}, "hidden of the auxiliary .* one of features, and this"),
        (IMAGES, {"part": {"side": 7}}, "side 7 .* less than that of a map .* set it to 8 or more"),
        (IMAGES, {"part": {"of": "features", "width": 3}}, "width of the auxiliary .* one of maps"),
    ],
    ids=["fully connected", "points", "hidden", "side", "width"],
)
def test_what_cannot_be_is_refused(data: Any, described: Any, words: str) -> None:
    part = SelfReconstruction(**{"of": "maps", **described.pop("part", {})})
    with pytest.raises(BadInput, match=words):
        build(data, auxiliaries=(part,), **described)
