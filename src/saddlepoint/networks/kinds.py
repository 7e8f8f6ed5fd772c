"""The networks that a run can name (torch-free)."""

from __future__ import annotations

from typing import Annotated

from saddlepoint.description import one_of
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.networks.mlp import Mlp
from saddlepoint.networks.network import Network

NETWORKS: list[type[Network]] = [Mlp, Dcgan]
AnyNetwork = Annotated[Network, one_of(NETWORKS)]
