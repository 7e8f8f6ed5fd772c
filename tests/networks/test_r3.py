"""R3GAN's networks: the published counts, the start, every size, and how they compute."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import nn
from torch.nn import functional

from kit.built import build_backbone, build_critic, build_generator
from kit.parts import BASE, TINY
from saddlepoint.drawing import to_uint8
from saddlepoint.errors import BadInput
from saddlepoint.networks.network import Site
from saddlepoint.networks.r3 import R3, sizes
from saddlepoint.networks.r3_layers import BasisProducts, LearnedBasis, R3Block
from saddlepoint.networks.spectral import normalise_layers
from saddlepoint.training.device import Policy

SMALL = R3(widths=(8, 4), group_width=4, blocks=1)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def by_hand(widths: list[int], group_width: int, blocks: int = 2) -> int:
    """The weights that generator and critic have in common, without their ends."""
    of_blocks = sum(
        2 * c * 2 * c  # two 1×1 convolutions between c and 2c channels
        + 2 * c * group_width * 9  # 3×3 in groups
        + 2 * 2 * c  # a bias in front of each leaky ReLU
        for c in widths
    )
    transitions = sum(a * b for a, b in itertools.pairwise(widths) if a != b)
    rgb, basis = 3 * widths[-1], 16 * widths[0]
    return blocks * of_blocks + transitions + rgb + basis


# widths, group width, side, classes, millions of the generator and the critic as published
PUBLISHED = {
    "CIFAR-10": ([768] * 4, 16, 32, 10, "20.8", "21.3"),
    "FFHQ-64": ([768] * 4 + [384], 16, 64, 0, "22.4", "22.4"),
    "FFHQ-256": ([768] * 4 + [384, 192, 96], 16, 256, 0, "23.1", "23.0"),
    "ImageNet-64": ([1536] * 5, 32, 64, 1000, "103.6", "107.2"),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_are_as_many_as_published(name: str) -> None:
    widths, group_width, side, classes, of_generator, of_critic = PUBLISHED[name]
    description = R3(widths=tuple(widths), group_width=group_width)
    shape = (3, side, side)
    with torch.device("meta"):
        generator = build_generator(description, 64, shape)
        backbone = build_backbone(description, shape)
    common, lowest = by_hand(widths, group_width), widths[0]
    assert count(generator) == common + 64 * lowest
    assert count(backbone.module) == common
    assert backbone.features == lowest
    # the rest of the published networks: one head, or embeddings of labels
    head = lowest * lowest + classes * lowest if classes else lowest
    labels = classes * 64 + 64 * lowest if classes else 0
    assert f"{(count(generator) + labels) / 1e6:.1f}" == of_generator
    assert f"{(count(backbone.module) + head) / 1e6:.1f}" == of_critic


def test_blocks_start_as_the_identity_and_the_generator_as_linear() -> None:
    block = R3Block(8, 4, depth=6)
    x = torch.randn(2, 8, 5, 7)
    assert torch.equal(block(x), x)
    generator = build_generator(SMALL, 3, (2, 16, 16)).double()
    z, other = torch.randn(2, 4, 3, dtype=torch.float64)
    mixed = generator(2 * z - 3 * other)
    torch.testing.assert_close(mixed, 2 * generator(z) - 3 * generator(other))
    critic = build_critic(SMALL, (2, 16, 16)).double()
    x, other = torch.randn(2, 4, 2, 16, 16, dtype=torch.float64)
    mixed = critic(2 * x - 3 * other).score
    torch.testing.assert_close(mixed, 2 * critic(x).score - 3 * critic(other).score)


def test_a_block_is_its_equation() -> None:
    block = R3Block(8, 4, depth=2).double()
    for parameter in block.parameters():
        nn.init.normal_(parameter)
    x = torch.randn(2, 8, 5, 6, dtype=torch.float64)
    pixels = torch.einsum("oi,bihw->bohw", block.enlarge.weight.flatten(1), x)
    inner = functional.leaky_relu(pixels + block.enlarge.bias[:, None, None], 0.2)
    groups = [
        functional.conv2d(part, weight, padding=1)
        for part, weight in zip(inner.split(4, 1), block.mix.weight.split(4), strict=True)
    ]
    inner = functional.leaky_relu(torch.cat(groups, 1) + block.mix.bias[:, None, None], 0.2)
    expected = x + torch.einsum("oi,bihw->bohw", block.shrink.weight.flatten(1), inner)
    torch.testing.assert_close(block(x), expected)
    assert block.shrink.bias is None


def test_initial_weights_have_the_published_deviations() -> None:
    """√(2/1.04)·L^(−¼)/√fan-in within blocks, L blocks in all; gain 1 elsewhere; biases 0."""
    description = R3(widths=(256, 128), blocks=3)
    shape = (3, 16, 16)  # three stages: L = 9
    generator = build_generator(description, 64, shape)
    backbone = build_backbone(description, shape)
    inside = math.sqrt(2 / 1.04) * 9**-0.25
    blocks = [m for net in (generator, backbone.module) for m in net.modules()]
    blocks = [m for m in blocks if isinstance(m, R3Block)]
    assert len(blocks) == 18
    for block in blocks:
        channels = block.shrink.out_channels
        for layer, inputs in ((block.enlarge, channels), (block.mix, 16 * 9)):
            deviation = layer.weight.std().item() * math.sqrt(inputs)
            assert deviation == pytest.approx(inside, rel=0.03)
            assert not layer.bias.any()
        assert not block.shrink.weight.any()
        assert block.mix.groups == 2 * channels // 16
    bases = [m for m in generator.modules() if isinstance(m, LearnedBasis)]
    assert [m.basis.shape for m in bases] == [(4, 4, 256)]
    assert bases[0].basis.std().item() == pytest.approx(1, rel=0.05)
    assert bases[0].factors.weight.std().item() == pytest.approx(1 / 8, rel=0.05)
    assert bases[0].factors.bias is None
    ends = [m for m in backbone.module.modules() if isinstance(m, BasisProducts)]
    assert [m.basis.shape for m in ends] == [(4, 4, 256)]
    assert ends[0].basis.std().item() == pytest.approx(1 / 4, rel=0.05)
    head = build_critic(R3(widths=(4096,), blocks=1), (1, 8, 8)).head
    assert head.weight.std().item() == pytest.approx(1 / 64, rel=0.05)
    assert not head.bias.any()


def test_the_ends_are_a_learned_basis_and_a_depthwise_convolution() -> None:
    ends = BasisProducts(6, (3, 4)).double()
    maps = torch.randn(2, 6, 3, 4, dtype=torch.float64)
    weight = ends.basis.permute(2, 0, 1).unsqueeze(1)
    expected = functional.conv2d(maps, weight, groups=6).flatten(1)
    torch.testing.assert_close(ends(maps), expected)
    start = LearnedBasis(5, 6, (3, 4)).double()
    z = torch.randn(2, 5, dtype=torch.float64)
    expected = torch.einsum("ci,bi,hwc->bchw", start.factors.weight, z, start.basis)
    torch.testing.assert_close(start(z), expected)


sides = st.integers(8, 70)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(sides, sides, st.integers(1, 4))
def test_every_size_of_images_fits(height: int, width: int, channels: int) -> None:
    shape = (channels, height, width)
    description = R3(widths=(2,), group_width=2, blocks=1)
    images = build_generator(description, 3, shape)(torch.randn(2, 3))
    assert images.shape == (2, *shape)
    score, features, *_ = build_critic(description, shape)(images)
    assert score.shape == (2,)
    assert features.shape == (2, 2)
    path = sizes(height, width)
    assert path[-1] == (height, width)
    assert 3 <= min(path[0]) <= 5
    for (h, w), larger in itertools.pairwise(path):
        assert (h, w) == (-(-larger[0] // 2), -(-larger[1] // 2))


def test_stages_of_familiar_images() -> None:
    assert sizes(32, 32) == [(4, 4), (8, 8), (16, 16), (32, 32)]
    assert [len(sizes(side, side)) for side in (8, 64, 256)] == [2, 5, 7]
    assert sizes(28, 28) == [(4, 4), (7, 7), (14, 14), (28, 28)]
    assert sizes(9, 40) == [(5, 20), (9, 40)]


def test_the_last_width_holds_for_the_stages_that_follow() -> None:
    critic = build_critic(R3(widths=(8, 4), group_width=4, blocks=1), (1, 32, 32))
    blocks = [m for m in critic.modules() if isinstance(m, R3Block)]
    assert [m.shrink.out_channels for m in blocks] == [4, 4, 4, 8]


def test_more_widths_than_stages_are_refused() -> None:
    site = Site((1, 28, 28), inputs=3, place="learner.generator")
    with pytest.raises(BadInput, match=r"learner.generator.widths has 5 .* 4 stages .*at most 4"):
        R3(widths=(8,) * 5, group_width=4).as_generator(site)
    with pytest.raises(BadInput, match="at most 4"):
        R3(widths=(8,) * 5, group_width=4).as_backbone(site)


def test_groups_that_do_not_divide_are_refused() -> None:
    with pytest.raises(ValidationError, match="cannot be cut into groups of 16"):
        R3(widths=(96, 12))
    assert R3(widths=(96, 24), group_width=16).narrower() == {}
    assert R3(widths=(96, 48)).narrower() == {"widths": "48 24"}


@pytest.mark.parametrize("channels", [1, 3])
def test_maps_are_channels_last_all_the_way(channels: int) -> None:
    """Also those of grey images, which are in both orders at once."""
    shape = (channels, 13, 20)
    generator, critic = build_generator(SMALL, 3, shape), build_critic(SMALL, shape)
    seen: list[bool] = []

    def look(module: nn.Module, inputs: object, output: object) -> None:
        if isinstance(output, torch.Tensor) and output.dim() == 4:
            seen.append(output.is_contiguous(memory_format=torch.channels_last))

    for network in (generator, critic):
        Policy(torch.device("cpu"), "float32").place(network)
        for module in network.modules():
            module.register_forward_hook(look)
    images = generator(torch.randn(2, 3))
    made = len(seen)
    critic(images)
    assert made > 10
    assert len(seen) > made + 10
    critic(torch.rand(2, *shape))
    assert all(seen)


def test_gradient_penalties_reach_every_weight_that_bends() -> None:
    """The double backward pass agrees with differences of the single one, in float64."""
    critic = build_critic(SMALL, (2, 8, 9)).double()
    for parameter in critic.parameters():
        nn.init.normal_(parameter, std=0.3)
    x = torch.randn(2, 2, 8, 9, dtype=torch.float64)
    names = ["backbone.1.enlarge.weight", "backbone.1.mix.weight", "backbone.4.0.shrink.weight"]
    values = [dict(critic.named_parameters())[name] for name in names]

    def penalty(*weights: torch.Tensor) -> torch.Tensor:
        at = x.clone().requires_grad_()
        out = torch.func.functional_call(critic, dict(zip(names, weights, strict=True)), (at,))
        (gradient,) = torch.autograd.grad(out.score.sum(), at, create_graph=True)
        return gradient.square().sum()

    assert torch.autograd.gradcheck(penalty, values, fast_mode=True)


def test_the_lowest_resolution_computes_in_float32_under_autocast() -> None:
    critic, generator = build_critic(SMALL, (1, 16, 16)), build_generator(SMALL, 3, (1, 16, 16))
    kinds: dict[tuple[int, int], set[torch.dtype]] = {}

    def look(module: nn.Module, inputs: object, output: torch.Tensor) -> None:
        kinds.setdefault(tuple(output.shape[2:]), set()).add(output.dtype)

    for network in (critic, generator):
        for module in network.modules():
            if isinstance(module, R3Block):
                module.register_forward_hook(look)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        images = generator(torch.randn(2, 3))
        score, features, *_ = critic(images)
    assert kinds == {(4, 4): {torch.float32}, **{(s, s): {torch.bfloat16} for s in (8, 16)}}
    assert images.dtype == score.dtype == features.dtype == torch.float32


def test_its_images_are_free_and_pictures_of_them_are_clipped() -> None:
    run = BASE.replace(data=TINY["sources", "digits"])
    learner = run.learner.replace(generator=SMALL, critic=SMALL)
    info = run.data.open().info
    built = learner.learner(info, batch_size=8, seed=0)
    assert not built.bounded
    with torch.no_grad():
        images = 30 * built.generator(torch.randn(16, 2))
    assert images.abs().max() > 1
    pixels = to_uint8(images.numpy())
    assert pixels.min() == 0
    assert pixels.max() == 255
    with pytest.raises(BadInput, match="'r3' has an output of its own"):
        learner.replace(output="sigmoid").learner(info, batch_size=8, seed=0)


def test_spectral_norm_finds_zero_weights_and_says_so() -> None:
    critic = build_critic(SMALL, (1, 8, 8))
    with pytest.raises(BadInput, match="starts with zero weights"):
        normalise_layers(critic)
