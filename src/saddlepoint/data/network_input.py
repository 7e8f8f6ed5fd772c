"""From stored examples to what a network receives, on the device."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from saddlepoint.data.batch import Batch


def upload(values: NDArray[np.int64] | Tensor, device: torch.device) -> Tensor:
    """Copy a small host array to ``device`` without waiting for the device."""
    tensor = values if isinstance(values, Tensor) else torch.from_numpy(values)
    # On CUDA the source is staged before the call returns; other devices do not promise that.
    return tensor.to(device, non_blocking=device.type == "cuda")


def mirrored(pixels: Tensor, flips: Tensor) -> Tensor:
    """Mirror those of (batch, H, W, ...) left-right for which ``flips`` (batch,) is true."""
    return torch.where(flips.view(-1, *[1] * (pixels.ndim - 1)), pixels.flip(2), pixels)


def network_input(stored: Tensor) -> Tensor:
    """Turn stored examples into network input.

    Args:
        stored: (batch, H, W, C) uint8, or float32 already in [-1, 1]; or (batch, D) float32.

    Returns:
        float32 (batch, C, H, W) in [-1, 1], a channels-last view without a copy; or the
        (batch, D) vectors as they are.
    """
    if stored.dtype == torch.uint8:
        stored = stored.to(torch.float32).div_(127.5).sub_(1.0)
    return stored.permute(0, 3, 1, 2) if stored.ndim == 4 else stored


def as_batch(
    stored: Tensor,
    label: Tensor | None,
    partly_labelled: bool,
    target: Tensor | None = None,
    index: Tensor | None = None,
) -> Batch:
    """Join examples and labels; which are known is said only where some are not (< 0)."""
    labelled = label >= 0 if label is not None and partly_labelled else None
    return Batch(network_input(stored), label, labelled, target, index=index)
