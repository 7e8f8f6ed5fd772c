"""What a player moves where it has more than its network."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn


class Side(nn.ModuleDict):
    """A player's network, with the modules of the auxiliaries that belong to it.

    Args:
        player: The player, whose network is held under this name.
        network: Its network.
        owned: The modules by the names of their auxiliaries.

    Attributes:
        behind: The player: where a run without auxiliaries has the network's tensors, and this one
            starts from it or it from this one, they are the same.
    """

    def __init__(self, player: str, network: nn.Module, owned: Mapping[str, nn.Module]) -> None:
        super().__init__({player: network, **owned})
        self.behind = player
