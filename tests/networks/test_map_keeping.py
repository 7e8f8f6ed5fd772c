"""Feature maps on the way to a critic's features: which there are, and what is kept of a pass."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from kit.parts import LISTS, TINY
from saddlepoint.networks.critic import Critic
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.networks.network import Backbone, Network, Site

NETWORKS = [TINY["networks", part.word()] for part in LISTS["networks"]]
OF_IMAGES = [each for each in NETWORKS if "vectors" not in each.takes]
SHAPE = (1, 27, 34)
HALVES = {(14, 17), (7, 9), (4, 5), (2, 3), (1, 2)}


def backbone(network: Network, **site: Any) -> Backbone:
    return network.as_backbone(Site(SHAPE, **site))


def critic(network: Network, batch: int = 4) -> Critic:
    given = backbone(network, batch=batch)
    made = Critic(given, Site(SHAPE, batch=batch))
    made.keep(given.maps)
    return made


@pytest.mark.parametrize("network", OF_IMAGES, ids=lambda network: network.kind)
def test_maps_are_of_the_sizes_and_the_channels_that_are_announced(network: Network) -> None:
    there = backbone(network)
    assert there.maps
    assert {each.size for each in there.maps} <= HALVES
    assert [each.size for each in there.maps] == sorted({e.size for e in there.maps}, reverse=True)
    kept = critic(network).eval()(torch.randn(2, *SHAPE)).maps
    assert {size: tuple(maps.shape) for size, maps in kept.items()} == {
        each.size: (2, each.channels, *each.size) for each in there.maps
    }


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.kind)
def test_networks_of_several_members_have_none(network: Network) -> None:
    if network.stacks_members:
        assert backbone(network, members=2).maps == ()


@pytest.mark.parametrize("norm", ["none", "layer", "virtual"])
def test_a_kept_map_is_what_the_features_come_from(norm: Any) -> None:
    made = critic(Dcgan(width=3, norm=norm)).double().eval()
    x = torch.randn(4, *SHAPE).double()
    layers, by_hand = made.backbone, x
    if norm == "virtual":
        reference = torch.randn(4, *SHAPE).double()
        made.offer(reference)
        layers, by_hand = made.backbone.network, torch.cat([reference, x])
    said = made(x)
    found = {}
    for layer in layers:
        by_hand = layer(by_hand)
        if by_hand.dim() == 4:  # the last of each size
            found[tuple(by_hand.shape[2:])] = by_hand[-4:]
    torch.testing.assert_close(by_hand[-4:], said.features)
    assert said.maps.keys() == found.keys()
    for size, maps in said.maps.items():
        torch.testing.assert_close(maps, found[size])


def test_each_of_two_batches_has_its_maps() -> None:
    made = critic(Dcgan(width=3, norm="none")).double()
    one, other = torch.randn(2, *SHAPE).double(), torch.randn(3, *SHAPE).double()
    parts = made(torch.cat([one, other])).split([2, 3], 0)
    for part, x in zip(parts, (one, other), strict=True):
        alone = made(x).maps
        assert alone
        assert part.maps.keys() == alone.keys()
        for size, maps in alone.items():
            torch.testing.assert_close(part.maps[size], maps)


def test_nothing_is_kept_unasked_and_a_copy_keeps_its_own() -> None:
    network = Dcgan(width=3, norm="none")
    x = torch.randn(2, *SHAPE)
    assert Critic(backbone(network), Site(SHAPE))(x).maps == {}
    made = critic(network)
    before = made(x).maps
    other = copy.deepcopy(made)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(2)
    again, copied = made(x).maps, other(x).maps
    assert all(torch.equal(again[size], before[size]) for size in before)
    assert not any(torch.equal(copied[size], before[size]) for size in before)
    assert "maps" not in " ".join(made.state_dict())
