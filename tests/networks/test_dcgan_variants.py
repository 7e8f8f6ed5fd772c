"""DCGAN without its rules: pooling instead of strides, norms at the ends."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from kit.built import build_backbone, build_critic, build_generator
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.networks.residual import MeanPool, Repeat

POOLED = Dcgan(width=2, resampling="pooled")


def count(module: nn.Module, kind: type[nn.Module]) -> int:
    return sum(isinstance(each, kind) for each in module.modules())


@pytest.mark.parametrize("kernel", [4, 5])
@pytest.mark.parametrize("size", [(8, 8), (9, 14), (28, 28)])
def test_pooling_walks_the_same_sizes_without_a_stride(kernel: int, size: tuple[int, int]):
    shape = (3, *size)
    pooled = POOLED.replace(kernel=kernel)
    images = build_generator(pooled, 5, shape, "tanh")(torch.randn(2, 5))
    assert images.shape == (2, *shape)
    networks = build_generator(pooled, 5, shape, "tanh"), build_critic(pooled, shape)
    for network in networks:
        convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
        assert {m.stride for m in convolutions} == {(1, 1)}
        assert {m.kernel_size for m in convolutions} == {(3, 3) if kernel == 4 else (5, 5)}
        assert not count(network, nn.ConvTranspose2d)
    halvings = count(build_critic(Dcgan(width=2), shape), nn.Conv2d)
    assert count(networks[0], Repeat) == count(networks[1], MeanPool) == halvings
    strided = build_backbone(Dcgan(width=2, kernel=kernel), shape)
    assert build_backbone(pooled, shape).features == strided.features


def test_norms_at_the_ends_are_one_more_in_each_network():
    for build in (
        lambda network: build_generator(network, 5, (3, 16, 16), "tanh"),
        lambda network: build_critic(network, (3, 16, 16)),
    ):
        usual, more = (build(Dcgan(width=2, norm_ends=ends)) for ends in (False, True))
        assert count(more, nn.BatchNorm2d) == count(usual, nn.BatchNorm2d) + 1
    generator = build_generator(Dcgan(width=2, norm_ends=True), 5, (3, 16, 16), "tanh")
    *_, norm, end = [m for m in generator.modules() if not list(m.children())]
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.num_features == 3
    assert isinstance(end, nn.Tanh)
    # whatever the last convolution gives, a batch leaves it with mean 0 and deviation about 1
    values = norm(torch.randn(32, 3, 16, 16) * 7 + 3)
    assert values.mean().abs() < 0.1


def test_norms_at_the_ends_need_a_norm():
    with pytest.raises(ValueError, match="norm-ends puts the norm at the ends, too"):
        Dcgan(norm="none", norm_ends=True)
