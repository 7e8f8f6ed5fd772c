"""Skip-layer excitation: the equation, its start, and which maps of a generator it joins."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from kit.built import build_backbone, build_generator
from saddlepoint.errors import BadInput
from saddlepoint.networks.excitation import SkipExcitation
from saddlepoint.networks.network import Network
from saddlepoint.networks.r3 import R3
from saddlepoint.networks.resnet import BottleneckResNet, ResNet
from saddlepoint.training.device import Policy

BOTTLENECK = BottleneckResNet(width=2, blocks=(0, 1, 1, 1))
KINDS: dict[str, Network] = {
    "resnet": ResNet(width=2, norm="batch"),
    "bottleneck_resnet": BOTTLENECK,
    "r3": R3(widths=(8, 4), group_width=4, blocks=1),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def made(kind: str, side: int, excitation: int) -> nn.Module:
    torch.manual_seed(1)
    return build_generator(KINDS[kind].replace(excitation=excitation), 3, (1, side, side))


def joined(generator: nn.Module) -> list[SkipExcitation]:
    return [each for each in generator.modules() if isinstance(each, SkipExcitation)]


@pytest.mark.parametrize("size", [(4, 4), (5, 5), (5, 7), (3, 4), (2, 2), (8, 9)])
def test_it_is_the_papers_equation(size: tuple[int, int]) -> None:
    layer = SkipExcitation(3, size, 5).double()
    nn.init.normal_(layer.second.weight)
    low = torch.randn(2, 3, *size, dtype=torch.float64)
    high = torch.randn(2, 5, 16, 20, dtype=torch.float64)
    averaged = functional.adaptive_avg_pool2d(low, 4)
    four_by_four = layer.first.weight.view(5, 4, 4, 3).permute(0, 3, 1, 2)
    hidden = functional.leaky_relu(functional.conv2d(averaged, four_by_four), 0.1)
    factors = torch.sigmoid(functional.conv2d(hidden, layer.second.weight[:, :, None, None]))
    assert factors.shape == (2, 5, 1, 1)
    torch.testing.assert_close(layer(low, high), factors * high)


def test_it_starts_as_a_half_behind_hidden_numbers_of_size_one() -> None:
    layer = SkipExcitation(64, (4, 4), 256)
    low, high = torch.randn(64, 64, 4, 4), torch.randn(64, 256, 8, 8)
    assert torch.equal(layer(low, high), high / 2)
    rows = low.permute(0, 2, 3, 1).flatten(1)
    hidden = functional.leaky_relu(layer.first(rows), 0.1)
    assert hidden.square().mean().item() == pytest.approx(1, rel=0.05)


def test_every_weight_has_its_gradient_and_it_bends() -> None:
    layer = SkipExcitation(2, (5, 4), 3).double()
    nn.init.normal_(layer.second.weight)
    low = torch.randn(2, 2, 5, 4, dtype=torch.float64, requires_grad=True)
    high = torch.randn(2, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layer, (low, high))
    assert torch.autograd.gradgradcheck(layer, (low, high))
    layer(low, high).square().sum().backward()
    assert all(bool(p.grad.any()) for p in layer.parameters())


MAPS = {
    ("r3", 64, 4): [(4, 64)],
    ("r3", 64, 3): [(4, 32), (8, 64)],
    ("resnet", 32, 3): [(4, 32)],
    ("resnet", 64, 2): [(4, 16), (8, 32), (16, 64)],
    ("bottleneck_resnet", 32, 3): [(4, 32)],
}


@pytest.mark.parametrize(("kind", "side", "apart"), MAPS, ids=str)
def test_it_joins_maps_that_lie_so_far_apart(kind: str, side: int, apart: int) -> None:
    generator = made(kind, side, apart)
    seen: list[tuple[int, int]] = []
    for each in joined(generator):
        each.register_forward_pre_hook(
            lambda _, given: seen.append((given[0].shape[-1], given[1].shape[-1]))
        )
    assert generator(torch.randn(2, 3)).shape == (2, 1, side, side)
    assert seen == MAPS[kind, side, apart]


@every_kind
def test_all_else_is_the_generator_without_it(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same first weights in the same order, and no module of it where it is off."""
    plain, excited = made(kind, 32, 0), made(kind, 32, 2)
    assert joined(plain) == []
    assert len(joined(excited)) == 2
    z = torch.randn(4, 3)
    with_it = excited(z)
    monkeypatch.setattr(SkipExcitation, "forward", lambda self, low, high: high)
    assert torch.equal(excited(z), plain(z))
    assert not torch.equal(with_it, plain(z))


@every_kind
def test_its_factors_are_of_each_example_alone_and_learn(kind: str) -> None:
    generator = made(kind, 32, 3).eval()
    (layer,) = joined(generator)
    nn.init.normal_(layer.second.weight)
    factors: list[Tensor] = []
    layer.second.register_forward_hook(lambda m, given, out: factors.append(out.detach()))
    z = torch.randn(4, 3)
    generator(z).square().mean().backward()
    generator(z[:2])
    torch.testing.assert_close(factors[1], factors[0][:2])
    assert bool(layer.first.weight.grad.any())
    assert bool(layer.second.weight.grad.any())


def test_maps_stay_channels_last() -> None:
    generator = made("r3", 32, 2)
    Policy(torch.device("cpu"), "float32").place(generator)
    seen: list[bool] = []

    def look(module: nn.Module, given: object, output: Tensor) -> None:
        seen.append(output.is_contiguous(memory_format=torch.channels_last))
        output.register_hook(
            lambda slope: seen.append(slope.is_contiguous(memory_format=torch.channels_last))
        )

    for layer in joined(generator):
        layer.register_forward_hook(look)
    generator(torch.randn(2, 3)).square().sum().backward()
    assert len(seen) == 4
    assert all(seen)


@every_kind
def test_what_lies_too_far_apart_is_refused(kind: str) -> None:
    where = r"--network.excitation 4 joins .* from 4×4 to 32×32 there are 3: give it at most 3"
    with pytest.raises(BadInput, match=where):
        made(kind, 32, 4)


@every_kind
def test_networks_that_look_refuse_it(kind: str) -> None:
    with pytest.raises(BadInput, match=r"--network.excitation is for networks that make examples"):
        build_backbone(KINDS[kind].replace(excitation=1), (1, 32, 32))
