"""The networks that a run can name (torch-free)."""

from __future__ import annotations

from typing import Annotated

from saddlepoint.description import one_of
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.networks.mlp import Mlp
from saddlepoint.networks.network import Network
from saddlepoint.networks.r3 import R3
from saddlepoint.networks.refiner import Refiner
from saddlepoint.networks.resnet import BottleneckResNet, ResNet

NETWORKS: list[type[Network]] = [Mlp, Dcgan, ResNet, BottleneckResNet, R3, Refiner]
AnyNetwork = Annotated[Network, one_of(NETWORKS)]
