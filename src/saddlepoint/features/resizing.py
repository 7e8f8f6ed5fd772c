"""Antialiased resizing of float images, and images of any channels as RGB.

The resize is PyTorch's with ``antialias=True``, which widens the filter by the reduction factor
as Pillow does; the tests hold it to Pillow's own. It runs on the device and in batches. Without
antialiasing a reduced image shows aliases that its original does not have, and the Fréchet
distance moves by more than most methods differ (Parmar, Zhang and Zhu, On Aliased Resizing and
Surprising Subtleties in GAN Evaluation, 2022).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F


def resized(
    images: Tensor, size: tuple[int, int], kernel: Literal["bilinear", "bicubic"]
) -> Tensor:
    """Resize images (n, channels, height, width) to ``size`` (height, width), antialiased.

    Each output pixel is Σᵢ wᵢ xᵢ / Σᵢ wᵢ with wᵢ = k((i + ½ − c) / s), c the pixel's centre in
    the input, s = max(1, input side / output side) and k the triangle (bilinear) or Keys' cubic
    with a = −½ (bicubic), which overshoots by a few per cent at edges.
    """
    if tuple(images.shape[-2:]) == tuple(size):
        return images
    return F.interpolate(images, size, mode=kernel, align_corners=False, antialias=True)


def as_rgb(images: Tensor) -> Tensor:
    """(n, 1 to 4, height, width) in [-1, 1] to (n, 3, height, width).

    Grey is repeated; what is transparent (two channels: grey and alpha; four: RGB and alpha) is
    laid over white.
    """
    channels = images.shape[1]
    if channels in (2, 4):
        share = (images[:, -1:] + 1) / 2
        images = images[:, :-1] * share + (1 - share)
    return images if images.shape[1] == 3 else images.expand(-1, 3, -1, -1)


def to_uint8(images: Tensor) -> Tensor:
    """Floats in [-1, 1] to bytes, clipped and rounded: the inverse of ``x / 127.5 - 1``."""
    return (images.clamp(-1, 1) * 127.5 + 127.5).round().to(torch.uint8)


def within(size: tuple[int, int], longest: int, least: int = 1) -> tuple[int, int]:
    """``size`` scaled so that its longer side is at most ``longest``, no side below ``least``."""
    scale = min(1.0, longest / max(size))
    height, width = (max(min(side, least), round(side * scale)) for side in size)
    return height, width
