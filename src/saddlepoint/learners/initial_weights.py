"""Initial weights: a function of the seed alone, within the memory that there is."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar, final

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from typing_extensions import override

from saddlepoint.data.bounds import check_memory
from saddlepoint.networks.member_linear import stack_into
from saddlepoint.randomness import derive

Module = TypeVar("Module", bound=nn.Module)


def seeded(build: Callable[[], Module], seed: int) -> Module:
    """What ``build`` makes with the initial weights of ``seed``."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "initial weights"))
        return build()


def stacked(together: Module, build: Callable[[], Module], seeds: tuple[int, ...]) -> Module:
    """``together`` with the weights that ``build`` has for each of the seeds, one member a seed."""
    stack_into(together, [seeded(build, seed) for seed in seeds])
    return together


@final
class Allocations(TorchFunctionMode):
    """Adds up the tensors that are made, and refuses before the memory is exceeded.

    A system that promises more memory than it has would end the process instead.
    """

    def __init__(self) -> None:
        super().__init__()
        self._bytes = 0

    @override
    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        options = kwargs or {}
        if func in _FACTORIES:
            size = options.get("size", args[0] if args and not isinstance(args[0], int) else args)
            dtype = options.get("dtype") or torch.get_default_dtype()
            # a type of Python's, as zuko's masks have, is of 8 bytes at most
            self._bytes += math.prod(map(int, size)) * getattr(dtype, "itemsize", 8)
            check_memory(
                self._bytes,
                "the weights of the networks need at least",
                "use narrower or fewer layers, shorter latents or fewer seeds",
            )
        return func(*args, **options)


_FACTORIES = (torch.empty, torch.zeros, torch.ones, torch.randn, torch.rand)
