"""Convolutions with a stride: matrix products where these are faster, plain ones where safer.

On processors that compute in bfloat16 the weight gradient of a deep layer of small maps takes
several times as long as the same product of matrices (`benchmarks/step_parts.py`). There the
layers below compute values and weight gradients of convolutions, and all gradients of transposed
ones, by products; elsewhere they are PyTorch's. Derivatives of every order are right.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, pad
from typing_extensions import override

STRIDE = 2
LARGEST, LEAST_CHANNELS = 8, 128  # side of the larger map, and channels, where a product pays


class StridedConv2d(nn.Conv2d):
    """``nn.Conv2d`` with a stride of 2 and a square kernel, whose padding halves maps."""

    @override
    def forward(self, input: Tensor) -> Tensor:
        """The smaller maps."""
        if not _pays(self, input, max(input.shape[2:])):
            return super().forward(input)
        with torch.autocast("cpu", enabled=False):
            out: Tensor = _Convolution.apply(
                input.bfloat16(), self.weight.bfloat16(), self.padding[0]
            )
        return out


class StridedConvTranspose2d(nn.ConvTranspose2d):
    """``nn.ConvTranspose2d`` with a stride of 2 and a square kernel: the other way round."""

    @override
    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        """The larger maps."""
        if output_size is not None or not _pays(self, input, STRIDE * max(input.shape[2:])):
            return super().forward(input, output_size)
        more = self.output_padding
        with torch.autocast("cpu", enabled=False):
            out: Tensor = _TransposedConvolution.apply(
                input.bfloat16(), self.weight.bfloat16(), self.padding[0], (more[0], more[1])
            )
        return out


class StridedPointwise(nn.Conv2d):
    """``nn.Conv2d`` with a kernel of 1 and a stride: the plain one of every so many places.

    The strided one's weight gradient writes past its memory on processors without AVX-512 where
    maps are channels-last (oneDNN's ``jit_1x1:avx2``, torch 2.13), and ends the process.
    """

    @override
    def forward(self, input: Tensor) -> Tensor:
        """The smaller maps."""
        down, right = self.stride
        rows = input.permute(0, 2, 3, 1)[:, ::down, ::right]  # a channels-last gradient as well
        return conv2d(rows.permute(0, 3, 1, 2), self.weight, self.bias)


def _pays(module: nn.Conv2d | nn.ConvTranspose2d, maps: Tensor, side: int) -> bool:
    """Whether products are faster in this layer for these maps, the larger of such a ``side``."""
    return (
        side <= LARGEST
        and min(module.in_channels, module.out_channels) >= LEAST_CHANNELS
        and module.bias is None
        and module.kernel_size[0] == module.kernel_size[1]
        and maps.device.type == "cpu"
        and torch.is_autocast_enabled("cpu")
        and torch.get_autocast_dtype("cpu") == torch.bfloat16
    )


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, padding: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.padding = padding
        return convolved(x, weight, padding)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        (gradient,) = gradients
        x, weight = ctx.saved_tensors
        to_input, to_weight, _ = ctx.needs_input_grad
        side, padding = weight.shape[2], ctx.padding
        more = tuple(
            large - (STRIDE * (small - 1) + side - 2 * padding)
            for large, small in zip(x.shape[2:], gradient.shape[2:], strict=True)
        )
        return (
            conv_transpose2d(gradient, weight, None, STRIDE, padding, more) if to_input else None,
            weight_gradient(x, gradient, side, padding) if to_weight else None,
            None,
        )


class _TransposedConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, padding: int, more: tuple[int, int]) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.padding = padding
        return conv_transpose2d(x, weight, None, STRIDE, padding, more)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        (gradient,) = gradients
        x, weight = ctx.saved_tensors
        to_input, to_weight, _, _ = ctx.needs_input_grad
        side, padding = weight.shape[2], ctx.padding
        return (
            convolved(gradient, weight, padding) if to_input else None,
            weight_gradient(gradient, x, side, padding) if to_weight else None,
            None,
            None,
        )


def unfolded(maps: Tensor, side: int, padding: int) -> Tensor:
    """(batch, c, h, w) to (batch · h/2 · w/2, side² c): what each place of the half sees."""
    rows = pad(maps.permute(0, 2, 3, 1), (0, 0, padding, padding, padding, padding)).contiguous()
    n, h, w, c = rows.shape
    a, b, d, _ = rows.stride()
    places = ((h - side) // STRIDE + 1, (w - side) // STRIDE + 1)
    windows = rows.as_strided((n, *places, side, side, c), (a, STRIDE * b, STRIDE * d, b, d, 1))
    return windows.reshape(-1, side * side * c)


def convolved(large: Tensor, weight: Tensor, padding: int) -> Tensor:
    """The convolution of ``large`` by a weight (k, c, side, side), as one product."""
    side = weight.shape[2]
    kernels = weight.permute(0, 2, 3, 1).reshape(len(weight), -1)
    rows = unfolded(large, side, padding) @ kernels.t()
    h, w = ((length + 2 * padding - side) // STRIDE + 1 for length in large.shape[2:])
    return rows.view(len(large), h, w, -1).permute(0, 3, 1, 2)


def weight_gradient(large: Tensor, small: Tensor, side: int, padding: int) -> Tensor:
    """The gradient (k, c, side, side): large maps of c channels meet small ones of k."""
    flat = small.permute(0, 2, 3, 1).reshape(-1, small.shape[1])
    product = flat.t() @ unfolded(large, side, padding)
    return product.view(-1, side, side, large.shape[1]).permute(0, 3, 1, 2)
