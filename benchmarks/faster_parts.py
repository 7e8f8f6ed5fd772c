"""Faster forms of a DCGAN step's parts that were tried: `benchmarks/step_parts.py` times them.

None of them is in the library, for the reasons given in `docs/benchmarks.md`. They compute first
derivatives only.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, pad, pixel_shuffle

STRIDE, PADDING, KERNEL = 2, 1, 4  # of every layer of DCGAN whose sides are even
LARGEST, LEAST_CHANNELS = 8, 128  # side of the larger map, and channels, where a product pays


def unfolded(maps: Tensor) -> Tensor:
    """(batch, c, h, w), channels-last, to (batch · h/2 · w/2, 16 c): what each place sees."""
    rows = pad(maps.permute(0, 2, 3, 1), (0, 0, PADDING, PADDING, PADDING, PADDING))
    n, h, w, c = rows.shape
    a, b, d, _ = rows.stride()
    places = ((h - KERNEL) // STRIDE + 1, (w - KERNEL) // STRIDE + 1)
    windows = rows.as_strided((n, *places, KERNEL, KERNEL, c), (a, STRIDE * b, STRIDE * d, b, d, 1))
    return windows.reshape(-1, KERNEL * KERNEL * c)


def flat(maps: Tensor) -> Tensor:
    """(batch, c, h, w), channels-last, to (batch · h · w, c)."""
    return maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])


def weight_gradient(large: Tensor, small: Tensor) -> Tensor:
    """The gradient (k, c, 4, 4) as one product: maps of c channels meet half as large ones of k."""
    product = flat(small).t() @ unfolded(large)
    return product.view(-1, KERNEL, KERNEL, large.shape[1]).permute(0, 3, 1, 2)


def convolved(large: Tensor, weight: Tensor) -> Tensor:
    """The convolution as one product."""
    n, _, h, w = large.shape
    kernels = weight.permute(0, 2, 3, 1).reshape(len(weight), -1)
    rows = unfolded(large) @ kernels.t()
    return rows.view(n, h // STRIDE, w // STRIDE, -1).permute(0, 3, 1, 2)


class Convolution(torch.autograd.Function):
    """A convolution whose value and weight gradient are products."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return convolved(x, weight)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        to_input, to_weight = ctx.needs_input_grad
        return (
            conv_transpose2d(gradient, weight, None, STRIDE, PADDING) if to_input else None,
            weight_gradient(x, gradient) if to_weight else None,
        )


class TransposedConvolution(torch.autograd.Function):
    """A transposed convolution whose gradients are products."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return conv_transpose2d(x, weight, None, STRIDE, PADDING)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        to_input, to_weight = ctx.needs_input_grad
        return (
            convolved(gradient, weight) if to_input else None,
            weight_gradient(gradient, x) if to_weight else None,
        )


@contextmanager
def deep_layers_as_products(network: nn.Module) -> Iterator[None]:
    """Let the deep small layers of ``network`` compute by products."""
    changed = [m for m in network.modules() if _is_deep(m)]
    for module in changed:
        vars(module)["forward"] = _forward_of(module)
    try:
        yield
    finally:
        for module in changed:
            del vars(module)["forward"]


def _is_deep(module: nn.Module) -> bool:
    return (
        isinstance(module, nn.Conv2d | nn.ConvTranspose2d)
        and module.kernel_size == (KERNEL, KERNEL)
        and min(module.in_channels, module.out_channels) >= LEAST_CHANNELS
        and module.bias is None
    )


def _forward_of(module: nn.Module) -> Any:
    usual = module.forward
    transposed = isinstance(module, nn.ConvTranspose2d)
    function = TransposedConvolution if transposed else Convolution

    def forward(x: Tensor) -> Tensor:
        if max(x.shape[2:]) * (STRIDE if transposed else 1) > LARGEST:
            return usual(x)
        kind = x.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype
        with torch.autocast(kind, enabled=False):
            return function.apply(x.to(dtype), module.weight.to(dtype))

    return forward


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
