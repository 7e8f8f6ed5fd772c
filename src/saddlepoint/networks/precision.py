"""What leaves a network is at least float32, whatever autocast computed inside."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

NOTHING = nullcontext()


def in_full_precision(device: str) -> AbstractContextManager[None]:
    """Autocast off where it is on; small networks would notice a context that changes nothing."""
    if not torch.is_autocast_enabled(device):
        return NOTHING
    return torch.autocast(device, enabled=False)


def widened(values: Tensor) -> Tensor:
    """Half-precision values as float32; float32 and float64 as they are."""
    return values.float() if values.dtype in (torch.bfloat16, torch.float16) else values


def fine(values: Tensor) -> Tensor:
    """``values`` in float32, or as they are if finer."""
    return values.to(torch.promote_types(values.dtype, torch.float32))
