"""A module's parameters by name, collected only where somebody asks for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from torch import Tensor, nn
from typing_extensions import override


class PresentParameters(Mapping[str, Tensor]):
    """``dict(module.named_parameters())``, made when it is first read.

    Walking over the modules costs as much as a layer of a small network, and most turns have no
    part that looks at the parameters. It belongs to one turn: ``functional_call`` puts others in
    their place for a while, and this shows those that are there at the first look.
    """

    def __init__(self, module: nn.Module) -> None:
        self._module = module

    @cached_property
    def _named(self) -> dict[str, Tensor]:
        return dict(self._module.named_parameters())

    @override
    def __getitem__(self, name: str) -> Tensor:
        return self._named[name]

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._named)

    @override
    def __len__(self) -> int:
        return len(self._named)
