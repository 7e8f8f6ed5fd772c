"""What a critic's first batch does to its weights, once in a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from saddlepoint.games.constraints import Constraint


class FirstBatch(nn.Module):
    """Lets those constraints that do so set the weights by the first batch.

    Whether it was there is in the checkpoint; the device is asked until it says yes, and then no
    more.
    """

    seen: Tensor

    def __init__(self, constraints: Sequence[Constraint]) -> None:
        super().__init__()
        self._constraints = [each for each in constraints if each.starts]
        self._over = not self._constraints
        if self._constraints:
            self.register_buffer("seen", torch.zeros((), dtype=torch.bool))
            self.register_load_state_dict_post_hook(_ask_again)

    def start(self, network: nn.Module, see: Callable[[], object]) -> None:
        """Start the network by the batch that ``see`` passes through it, if it is the first."""
        if self._over or bool(self.seen):
            self._over = True
            return
        for constraint in self._constraints:
            constraint.start(network, see)
        self.seen.fill_(True)
        self._over = True


def _ask_again(batch: nn.Module, _: object) -> None:
    assert isinstance(batch, FirstBatch)
    batch._over = False
