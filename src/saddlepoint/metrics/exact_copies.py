"""Examples that are equal, images in all their 8-bit values."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor


def digests(x: Tensor) -> list[bytes]:
    """One of 16 bytes for each example of ``x`` (n, *shape); images, (n, c, h, w), in 8 bits."""
    if x.ndim == 4:
        x = ((x + 1) * 127.5).round_().clamp_(0, 255).to(torch.uint8)
    rows = x.contiguous().flatten(1).numpy()
    return [hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in rows]


def count_repeated(some: Sequence[bytes]) -> int:
    """How many equal an earlier one."""
    return len(some) - len(set(some))


def count_shared(some: Sequence[bytes], others: Sequence[bytes]) -> int:
    """How many of the first, repetitions included, occur among the others."""
    known = set(others)
    return sum(count for digest, count in Counter(some).items() if digest in known)
