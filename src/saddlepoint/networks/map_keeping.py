"""What passes on the way through a backbone, kept in the pass that scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from torch import Tensor, nn

from saddlepoint.networks.network import FeatureMap, Size


class MapKeeper:
    """Keeps feature maps of a pass, by their size.

    It watches layers by hooks, since a map lies behind whatever stands around the backbone (labels
    beside the input, a reference batch), and costs no further pass. A copy of the network has a
    keeper of its own.

    Args:
        maps: Those that it keeps.
    """

    def __init__(self, maps: Sequence[FeatureMap]) -> None:
        self._now: dict[Size, Tensor] | None = None
        for each in maps:
            each.layer.register_forward_hook(partial(self._keep, each.size))

    @contextmanager
    def keeping(self) -> Iterator[dict[Size, Tensor]]:
        """What is kept of the pass inside; nothing is kept of others, nor longer than it."""
        kept: dict[Size, Tensor] = {}
        self._now = kept
        try:
            yield kept
        finally:
            self._now = None

    def _keep(self, size: Size, layer: nn.Module, inputs: object, output: Tensor) -> None:
        if self._now is not None:
            self._now[size] = output
