"""From descriptions to learners."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, final

import torch
from torch.overrides import TorchFunctionMode
from typing_extensions import override

from saddlepoint.data.bounds import check_memory
from saddlepoint.data.description import DataInfo
from saddlepoint.learners.adversarial import AdversarialLearner
from saddlepoint.learners.description import Adversarial, Family, Variational
from saddlepoint.learners.interface import Learner
from saddlepoint.learners.variational import VariationalLearner
from saddlepoint.networks.members import stack_into
from saddlepoint.randomness import derive


def build_learner(
    description: Family,
    data: DataInfo,
    *,
    batch_size: int,
    seed: int | tuple[int, ...],
) -> Learner:
    """A learner with its initial weights, on the CPU.

    The weights depend on ``seed`` alone, not on what was drawn before, and are the same for
    every device. With a tuple of seeds, the learner holds one member a seed, each with the
    weights that it would have alone.

    Raises:
        BadInput: The description does not fit the data, or its weights the memory.
    """
    with _Allocations():
        if not isinstance(seed, tuple):
            return _single(description, data, batch_size, seed)
        learner = _build(description, data, batch_size, len(seed))
        singles = [_single(description, data, batch_size, each) for each in seed]
        stack_into(learner, list(singles))
        return learner


def _single(description: Family, data: DataInfo, batch_size: int, seed: int) -> Learner:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "initial weights"))
        return _build(description, data, batch_size, None)


def _build(description: Family, data: DataInfo, batch_size: int, members: int | None) -> Learner:
    if isinstance(description, Adversarial):
        return AdversarialLearner(description, data, batch_size, members)
    assert isinstance(description, Variational)
    return VariationalLearner(description, data, members)


@final
class _Allocations(TorchFunctionMode):
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
            self._bytes += math.prod(map(int, size)) * dtype.itemsize
            check_memory(
                self._bytes,
                "the weights of the networks need at least",
                "use narrower or fewer layers, shorter latents or fewer seeds",
            )
        return func(*args, **options)


_FACTORIES = (torch.empty, torch.zeros, torch.ones, torch.randn, torch.rand)
