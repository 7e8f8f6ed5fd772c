"""Networks of descriptions, built where tests want them to stand."""

from __future__ import annotations

from torch import nn

from saddlepoint.networks.critic import Critic
from saddlepoint.networks.network import Backbone, Network, Output, Site


def build_generator(
    description: Network,
    inputs: int,
    shape: tuple[int, ...],
    output: Output = "linear",
    members: int | None = None,
) -> nn.Module:
    return description.as_generator(Site(shape, inputs=inputs, output=output, members=members))


def build_backbone(
    description: Network, shape: tuple[int, ...], members: int | None = None
) -> Backbone:
    return description.as_backbone(Site(shape, members=members))


def build_critic(
    description: Network, shape: tuple[int, ...], members: int | None = None, batch: int = 64
) -> Critic:
    site = Site(shape, members=members, batch=batch)
    return Critic(description.as_backbone(site), site)
