"""Residual networks: published sizes, shapes, refusals."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from kit.built import build_backbone, build_critic, build_generator
from saddlepoint.errors import BadInput
from saddlepoint.networks.network import Network, Site
from saddlepoint.networks.residual import Residual
from saddlepoint.networks.resnet import BottleneckResNet, ResNet

CIFAR, LARGE = (3, 32, 32), (3, 64, 64)
Z = 128


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


# ---- Published configurations ------------------------------------------------------------------


def conv(arriving: int, leaving: int, side: int, bias: bool = True) -> int:
    return arriving * leaving * side**2 + bias * leaving


def linear(inputs: int, outputs: int) -> int:
    return (inputs + 1) * outputs


def two(arriving: int, hidden: int, leaving: int, bias: bool, gains: int = 0) -> int:
    """A block of two 3×3 with a 1×1 shortcut; ``gains`` a norm's numbers a channel."""
    branch = conv(arriving, hidden, 3, bias) + conv(hidden, leaving, 3)
    return branch + conv(arriving, leaving, 1) + gains * (arriving + hidden)


def three(arriving: int, leaving: int, shortcut: int) -> int:
    """A bottleneck block with its norm; shortcut: its parameters."""
    inside, outside = arriving // 2, leaving // 2
    branch = conv(arriving, inside, 1) + conv(inside, outside, 3) + conv(outside, leaving, 1, False)
    return branch + 2 * leaving + shortcut


STAGES = [(512, 6), (256, 6), (128, 6), (64, 6), (32, 5)]
KEPT = sum(count * three(width, width, 0) for width, count in STAGES)
STEPS = [(512, 256), (256, 128), (128, 64), (64, 32)]

# WGAN-GP: gan_cifar_resnet.py and gan_64x64.py; SNGAN: gen_models and dis_models. Theirs keep the
# first bias of a block in front of a batch norm, in vain: 3 · 128 numbers more of WGAN-GP's
# generator for CIFAR, 3 · 256 and 960 of SNGAN's. SNGAN's heads have no bias: 1 number less.
PUBLISHED: dict[str, tuple[Network, str, tuple[int, int, int], int, int]] = {
    "WGAN-GP's generator for CIFAR": (
        ResNet(width=128, widest=1, norm="batch"),
        "generator",
        CIFAR,
        linear(Z, 16 * 128) + 3 * two(128, 128, 128, False, 2) + 2 * 128 + conv(128, 3, 3),
        1_204_099,
    ),
    "WGAN-GP's critic for CIFAR": (
        ResNet(width=128, widest=1, blocks=(0, 0, 2)),
        "critic",
        CIFAR,
        two(3, 128, 128, True)
        + two(128, 128, 128, True)
        + 2 * (conv(128, 128, 3) + conv(128, 128, 3))
        + linear(128, 1),
        1_053_825,
    ),
    "WGAN-GP's generator for 64×64": (
        ResNet(width=64, norm="batch"),
        "generator",
        LARGE,
        linear(Z, 16 * 512)
        + two(512, 512, 512, False, 2)
        + two(512, 256, 256, False, 2)
        + two(256, 128, 128, False, 2)
        + two(128, 64, 64, False, 2)
        + 2 * 64
        + conv(64, 3, 3),
        8_540_483,
    ),
    "WGAN-GP's critic for 64×64": (
        ResNet(width=64, norm="layer", first="convolution", pool="none"),
        "critic",
        LARGE,
        conv(3, 64, 3)
        + two(64, 64, 128, False, 2)
        + two(128, 128, 256, False, 2)
        + two(256, 256, 512, False, 2)
        + two(512, 512, 512, False, 2)
        + linear(16 * 512, 1),
        7_491_841,
    ),
    "SNGAN's generator for CIFAR": (
        ResNet(width=256, widest=1, norm="batch"),
        "generator",
        CIFAR,
        linear(Z, 16 * 256) + 3 * two(256, 256, 256, False, 2) + 2 * 256 + conv(256, 3, 3),
        4_275_971,
    ),
    "SNGAN's critic for CIFAR": (
        ResNet(width=128, widest=1, blocks=(0, 0, 2), pool="sum"),
        "critic",
        CIFAR,
        two(3, 128, 128, True)
        + two(128, 128, 128, True)
        + 2 * (conv(128, 128, 3) + conv(128, 128, 3))
        + linear(128, 1),
        1_053_825,
    ),
    "SNGAN's generator for 64×64": (
        ResNet(width=64, widest=16, norm="batch"),
        "generator",
        LARGE,
        linear(Z, 16 * 1024)
        + two(1024, 512, 512, False, 2)
        + two(512, 256, 256, False, 2)
        + two(256, 128, 128, False, 2)
        + two(128, 64, 64, False, 2)
        + 2 * 64
        + conv(64, 3, 3),
        12_219_715,
    ),
    "SNGAN's critic for 64×64": (
        ResNet(width=64, widest=16, blocks=(0,) * 6, pool="sum"),
        "critic",
        LARGE,
        two(3, 64, 64, True)
        + two(64, 64, 128, True)
        + two(128, 128, 256, True)
        + two(256, 256, 512, True)
        + two(512, 512, 1024, True)
        + linear(1024, 1),
        10_141_441,
    ),
    "WGAN-GP's generator of 101 layers": (
        BottleneckResNet(norm="batch"),
        "generator",
        LARGE,
        linear(Z, 16 * 512)
        + KEPT
        + sum(three(wide, slim, conv(wide, 4 * slim, 1)) for wide, slim in STEPS)
        + conv(32, 3, 1),
        9_189_587,
    ),
    "WGAN-GP's critic of 101 layers": (
        BottleneckResNet(norm="layer"),
        "critic",
        LARGE,
        conv(3, 32, 1)
        + KEPT
        + sum(three(slim, wide, conv(slim, wide, 1)) for wide, slim in STEPS)
        + linear(16 * 512, 1),
        7_618_801,
    ),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_networks_have_the_parameters_of_the_papers(name: str) -> None:
    description, role, shape, by_hand, count = PUBLISHED[name]
    if role == "generator":
        network = build_generator(description, Z, shape, "tanh")
    else:
        network = build_critic(description, shape)
    assert sum(p.numel() for p in network.parameters()) == by_hand == count


def test_the_bottleneck_network_has_101_layers() -> None:
    for network in (
        build_generator(BottleneckResNet(), Z, LARGE),
        build_critic(BottleneckResNet(), LARGE),
    ):
        layers = [
            name
            for name, m in network.named_modules()
            if isinstance(m, nn.Conv2d | nn.ConvTranspose2d | nn.Linear) and "shortcut" not in name
        ]
        assert len(layers) == 101
        assert sum(isinstance(m, Residual) for m in network.modules()) == 33


@pytest.mark.parametrize("description", [ResNet(width=32), BottleneckResNet(blocks=(1, 1, 1))])
@pytest.mark.parametrize("first", ["block", "convolution"])
def test_branches_start_by_he_and_all_else_by_glorot(description: Network, first: str) -> None:
    """Of U(−a, a), the largest of many weights is close to a."""
    of_critic = description.replace(first=first) if isinstance(description, ResNet) else description
    for network in (
        build_generator(description, Z, (3, 32, 32)),
        build_critic(of_critic, (3, 32, 32)),
    ):
        for name, layer in network.named_modules():
            if not isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
                continue
            weight = layer.weight.detach()
            coarse, fine = (size * weight[0, 0].numel() for size in weight.shape[:2])
            if not isinstance(layer, nn.Linear):
                coarse /= layer.stride[0] ** 2
            factor = 4 if "branch" in name else 2
            bound = (3 * factor / (coarse + fine)) ** 0.5
            assert 0.8 < weight.abs().max() / bound <= 1.0001, name
            assert layer.bias is None or not layer.bias.any()


# ---- Shapes ------------------------------------------------------------------------------------

BOTH = [ResNet(width=4), BottleneckResNet(width=4, blocks=(1, 0, 1))]
SIZES = [(8, 8), (9, 9), (13, 20), (28, 28), (32, 32), (64, 64)]


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("description", BOTH, ids=lambda d: d.kind)
def test_familiar_sizes(description: Network, channels: int, height: int, width: int) -> None:
    shape = (channels, height, width)
    images = build_generator(description, 3, shape, "tanh")(torch.randn(2, 3))
    assert images.shape == (2, *shape)
    assert images.dtype == torch.float32
    assert images.abs().max() < 1
    critic = build_critic(description, shape)
    output = critic(images)
    assert output.score.shape == (2,)
    assert output.features.shape == (2, critic.head.in_features)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.integers(8, 50),
    st.integers(8, 50),
    st.sampled_from(["mean", "sum", "none"]),
    st.sampled_from(["block", "convolution"]),
    st.sampled_from(["none", "batch", "layer", "instance"]),
    st.sampled_from(["relu", "gated", "shifted_softplus"]),
)
def test_any_size_with_any_choice(height, width, pool, first, norm, name) -> None:
    shape = (2, height, width)
    choices = {"width": 4, "norm": norm, "activation": name}
    for generator, critic in (
        (ResNet(**choices), ResNet(pool=pool, first=first, **choices)),
        (BottleneckResNet(blocks=(0, 1), **choices),) * 2,
    ):
        images = build_generator(generator, 3, shape, "tanh")(torch.randn(2, 3))
        assert images.shape == (2, *shape)
        score, features, *_ = build_critic(critic, shape)(images)
        assert score.isfinite().all()
        assert features.shape[1] > 0


def test_blocks_are_where_they_are_asked_for() -> None:
    def kept(network: nn.Module) -> list[int]:
        """Channels of the blocks that keep the size, in order."""
        blocks = [m for m in network.modules() if isinstance(m, Residual) and not len(m.shortcut)]
        return [next(b.modules()).branch[-1].out_channels for b in blocks]

    asked = ResNet(width=2, blocks=(1, 0, 2, 1), first="convolution")
    assert kept(build_critic(asked, (1, 32, 32))) == [2, 8, 8, 16]
    generator = asked.replace(first="block")
    assert kept(build_generator(generator, 3, (1, 32, 32))) == [16, 8, 8, 2]
    assert build_generator(generator, 3, (1, 32, 20)).inner == (4, 3)


# ---- Refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("description", "size", "sentence"),
    [
        (ResNet(), (7, 9), r"'resnet' needs images of at least 8×8 pixels, and these are 7×9"),
        (
            ResNet(blocks=(0,) * 4),
            (9, 8),
            r"--network.blocks has 4 numbers, .* 9×8 have 3 sizes down to a side of 2: .* most 3",
        ),
        (ResNet(blocks=(1, 0)), (8, 8), r"there are no blocks at their own size: .*begin with 0"),
        (ResNet(blocks=(0,)), (8, 8), r"name two sizes or more, or .*--network.first to conv"),
        (
            ResNet(activation="gated", width=3),
            (8, 8),
            r"must be even: set --network.width to an ev",
        ),
    ],
)
def test_what_cannot_be_built_is_refused(description, size, sentence) -> None:
    with pytest.raises(BadInput, match=sentence):
        build_backbone(description, (1, *size))


@pytest.mark.parametrize("changes", [{"first": "convolution"}, {"pool": "sum"}])
def test_generators_refuse_what_only_backbones_read(changes) -> None:
    with pytest.raises(BadInput, match="is for networks that look at examples"):
        build_generator(ResNet(**changes), 3, (1, 8, 8))


def test_the_same_words_give_the_same_network() -> None:
    for description, role in itertools.product(BOTH, ("as_generator", "as_backbone")):
        site = Site((1, 16, 16), inputs=3)
        states = []
        for _ in range(2):
            torch.manual_seed(1)
            made = getattr(description, role)(site)
            states.append((made if role == "as_generator" else made.module).state_dict())
        assert states[0].keys() == states[1].keys()
        assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
