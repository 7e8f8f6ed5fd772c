"""Faster forms of a DCGAN step's parts that were tried: `benchmarks/step_parts.py` times them.

Of these the library has the products in place of deep small convolutions (`networks/strided.py`),
for the reasons given in `docs/benchmarks.md`. The others compute first derivatives only.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pixel_shuffle

from saddlepoint.networks import strided

KERNEL, PADDING = 4, 1  # of every layer of DCGAN whose sides are even


@contextmanager
def deep_layers_as_convolutions() -> Iterator[None]:
    """Let the deep layers of small maps be PyTorch's convolutions, as everywhere else."""
    before = strided.LARGEST
    strided.LARGEST = 0
    try:
        yield
    finally:
        strided.LARGEST = before


def flat(maps: Tensor) -> Tensor:
    """(batch, c, h, w), channels-last, to (batch · h · w, c)."""
    return maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])


def upsampled(maps: Tensor, weight: Tensor) -> Tensor:
    """A transposed convolution (kernel 4, stride 2, padding 1) as a convolution of four images.

    Each of the four parities of the output sees 2 × 2 of the 3 × 3 places around; the four images
    are shuffled into one. Fast where the output has few channels.
    """
    arriving, leaving = weight.shape[:2]
    taps = weight.new_zeros(leaving, 2, 2, arriving, 3, 3)
    seen = (((1, 1), (3, 0)), ((2, 1), (0, 2)))  # parity: (row of the kernel, place)
    for a in range(2):
        for b in range(2):
            for row, y in seen[a]:
                for column, x in seen[b]:
                    taps[:, a, b, :, y, x] = weight[:, :, row, column].t()
    kernels = taps.reshape(4 * leaving, arriving, 3, 3)
    kernels = kernels.contiguous(memory_format=torch.channels_last)
    return pixel_shuffle(conv2d(maps, kernels, None, 1, 1), 2)


def normalised_gradient(
    gradient: Tensor,
    x: Tensor,
    y: Tensor,
    gain: Tensor,
    mean: Tensor,
    deviation: Tensor,
    slope: float = 0.2,
) -> tuple[Tensor, Tensor, Tensor]:
    """Batch norm with leaky ReLU backwards, written out: to the input, the gain and the bias.

    dz = dy · (1 or slope), dx = γ/σ (dz − E dz − x̂ E[dz x̂]) as one affine map of dz and x.

    Args:
        gradient: Of the loss by ``y``.
        x: The norm's input.
        y: The activation's output.
        gain: γ.
        mean: Of the batch, by channel.
        deviation: 1/σ of the batch, by channel.
        slope: Of the activation below zero.
    """
    count = x.numel() // x.shape[1]
    rows, inputs = flat(torch.ops.aten.leaky_relu_backward(gradient, y, slope, True)), flat(x)
    to_bias = rows.sum(0, dtype=torch.float32)
    to_gain = ((rows * inputs).sum(0, dtype=torch.float32) - mean * to_bias) * deviation
    by_gradient = gain * deviation
    by_input = -by_gradient * deviation * to_gain / count
    constant = -by_gradient * to_bias / count - by_input * mean
    first, second, third = (t.to(x.dtype) for t in (by_gradient, by_input, constant))
    to_input = torch.addcmul(torch.addcmul(third, rows, first), inputs, second)
    n, c, h, w = x.shape
    return to_input.view(n, h, w, c).permute(0, 3, 1, 2), to_gain, to_bias
