"""The mean of examples as a network receives them, one block of them at a time."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

#: Of files that are decoded when they are needed, so many stand for all of the training split:
#: the error of the mean is at most half of 1 % of the range from black to white.
MOST_DECODED = 10_000
BLOCK = 1024


def mean_at(
    values: NDArray[np.generic], members: NDArray[np.int64], flip: bool = False
) -> NDArray[np.float64]:
    """``mean_of`` the examples of ``values`` at ``members``, gathered a block at a time."""
    starts = range(0, len(members), BLOCK)
    return mean_of((values[members[start : start + BLOCK]] for start in starts), flip)


def mean_of(blocks: Iterable[NDArray[np.generic]], flip: bool = False) -> NDArray[np.float64]:
    """The mean example, whatever the blocks: whole numbers are added up exactly.

    Args:
        blocks: Images (n, H, W, C), uint8 or float32 in [-1, 1]; or vectors (n, D).
        flip: Whether every image may be mirrored: the mean is then that of both ways.

    Returns:
        (C, H, W) in [-1, 1], or (D,).
    """
    total, n, whole = np.zeros(()), 0, False
    for block in blocks:
        whole = block.dtype == np.uint8
        total = total + block.sum(0, dtype=np.float64)  # exact up to 2⁵³ / 255 images
        n += len(block)
    mean = total / n
    if whole:
        mean = mean / 127.5 - 1
    if mean.ndim == 1:
        return mean
    mean = np.ascontiguousarray(mean.transpose(2, 0, 1))
    return (mean + mean[:, :, ::-1]) / 2 if flip else mean
