"""Strided convolutions as products: PyTorch's numbers, and their derivatives."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d

from saddlepoint.networks import strided
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.networks.network import Site
from saddlepoint.networks.strided import StridedConv2d, StridedConvTranspose2d, StridedPointwise

#: Side of the kernel, padding, height and width of the larger map.
SHAPES = [(4, 1, 8, 6), (3, 1, 7, 5), (5, 2, 8, 6), (5, 2, 7, 8)]


def random(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()


@pytest.mark.parametrize(("side", "padding", "h", "w"), SHAPES)
def test_a_product_is_the_convolution_with_all_its_derivatives(side, padding, h, w):
    x, weight = random(3, 2, h, w), random(4, 2, side, side)

    def product(x: Tensor, weight: Tensor) -> Tensor:
        return strided._Convolution.apply(x, weight, padding)

    torch.testing.assert_close(product(x, weight), conv2d(x, weight, None, 2, padding))
    assert torch.autograd.gradcheck(product, (x, weight))
    assert torch.autograd.gradgradcheck(product, (x, weight))


@pytest.mark.parametrize(("side", "padding", "h", "w"), SHAPES)
def test_a_transposed_one_has_all_its_derivatives(side, padding, h, w):
    halves = ((h + 1) // 2, (w + 1) // 2)
    more = tuple(
        large - (2 * (small - 1) + side - 2 * padding)
        for large, small in zip((h, w), halves, strict=True)
    )
    x, weight = random(3, 4, *halves), random(4, 2, side, side)

    def product(x: Tensor, weight: Tensor) -> Tensor:
        return strided._TransposedConvolution.apply(x, weight, padding, more)

    expected = conv_transpose2d(x, weight, None, 2, padding, more)
    assert expected.shape[2:] == (h, w)
    torch.testing.assert_close(product(x, weight), expected)
    assert torch.autograd.gradcheck(product, (x, weight))
    assert torch.autograd.gradgradcheck(product, (x, weight))


def layers() -> list[tuple[nn.Module, nn.Module, Tensor]]:
    """A layer of ours, PyTorch's of the same weights, and maps for both."""
    torch.manual_seed(0)
    down = StridedConv2d(128, 160, 4, 2, 1, bias=False)
    up = StridedConvTranspose2d(160, 128, 4, 2, 1, bias=False)
    pairs = []
    for ours, theirs, maps in (
        (down, nn.Conv2d(128, 160, 4, 2, 1, bias=False), torch.randn(8, 128, 8, 8)),
        (up, nn.ConvTranspose2d(160, 128, 4, 2, 1, bias=False), torch.randn(8, 160, 4, 4)),
    ):
        theirs.load_state_dict(ours.state_dict())
        maps = maps.to(memory_format=torch.channels_last)
        pairs.append((ours, theirs, maps))
    return pairs


@pytest.mark.parametrize("which", [0, 1], ids=["down", "up"])
def test_in_bfloat16_a_deep_layer_is_as_near_the_exact_result_as_pytorchs(which, monkeypatch):
    ours, theirs, maps = layers()[which]
    used = []
    for name in ("_Convolution", "_TransposedConvolution"):
        real = getattr(strided, name).apply
        monkeypatch.setattr(
            getattr(strided, name), "apply", lambda *a, real=real: used.append(1) or real(*a)
        )
    exact = copy.deepcopy(theirs).double()
    start = maps.double().requires_grad_()
    outer = torch.randn(exact(start).shape, generator=torch.Generator().manual_seed(1)).double()
    (exact(start) * outer).sum().backward()
    right = [exact(start).detach(), start.grad, exact.weight.grad]
    errors = []
    for layer in (ours, theirs):
        given = maps.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16):
            out = layer(given)
        assert out.is_contiguous(memory_format=torch.channels_last)
        out.backward(outer.to(out.dtype).contiguous(memory_format=torch.channels_last))
        assert given.grad.is_contiguous(memory_format=torch.channels_last)
        values = [out.detach(), given.grad, layer.weight.grad]
        pairs = zip(values, right, strict=True)
        errors.append([float((v.double() - r).norm() / r.norm()) for v, r in pairs])
    assert used == [1]
    for mine, its in zip(*errors, strict=True):
        assert mine < 1.2 * its + 1e-4 < 0.02


@pytest.mark.parametrize("which", [0, 1], ids=["down", "up"])
def test_elsewhere_the_layer_is_pytorchs(which, monkeypatch):
    ours, theirs, maps = layers()[which]

    def refuse(*_: object) -> None:
        raise AssertionError("a product where a convolution is faster")

    for name in ("_Convolution", "_TransposedConvolution"):
        monkeypatch.setattr(getattr(strided, name), "apply", refuse)
    assert torch.equal(ours(maps), theirs(maps))
    with torch.autocast("cpu", torch.bfloat16):
        larger = torch.randn(2, maps.shape[1], 16, 16)
        assert torch.equal(ours(larger), theirs(larger))


@pytest.mark.parametrize("kernel", [4, 5])
def test_a_dcgan_uses_them_where_it_is_deep(kernel, monkeypatch):
    calls = []
    real = strided._pays
    monkeypatch.setattr(strided, "_pays", lambda *a: calls.append(real(*a)) or calls[-1])
    site = Site((3, 32, 32), inputs=100, batch=4)
    network = Dcgan(width=128, kernel=kernel)
    generator, backbone = network.generator(site), network.backbone(site).module
    with torch.autocast("cpu", torch.bfloat16):
        images = generator(torch.randn(4, 100))
        backbone(images)
    assert images.shape == (4, 3, 32, 32)
    assert calls == [True, False, False, False, False, True]


@pytest.mark.parametrize(("h", "w"), [(16, 16), (13, 20)])
def test_a_pointwise_one_is_the_strided_convolution_with_all_its_derivatives(h, w):
    layer = StridedPointwise(6, 12, 1, 2).double()
    usual = nn.Conv2d(6, 12, 1, 2).double()
    usual.load_state_dict(layer.state_dict())
    x = random(2, 6, h, w)

    def derivatives(of: nn.Conv2d) -> list[Tensor]:
        out = of(x)
        first = torch.autograd.grad(out.square().sum(), (x, of.weight, of.bias), create_graph=True)
        return [out, *first, *torch.autograd.grad(first[0].square().sum(), (x, of.weight))]

    for ours, theirs in zip(derivatives(layer), derivatives(usual), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_a_pointwise_one_survives_channels_last_maps():
    """PyTorch's own ends the process here, on a processor without AVX-512."""
    layer = StridedPointwise(6, 12, 1, 2).to(memory_format=torch.channels_last)
    for _ in range(300):
        maps = torch.randn(8, 6, 16, 16).to(memory_format=torch.channels_last).requires_grad_()
        layer(maps).square().sum().backward()
    assert layer.weight.grad.isfinite().all()
