"""Examples through a function in batches: bounded memory, float32, checked on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from saddlepoint.errors import BadInput
from saddlepoint.features.interface import Progress


def in_batches(
    compute: Callable[[Tensor], Tensor],
    examples: Tensor,
    *,
    shape: tuple[int, ...] | None,
    dimensions: int,
    size: int,
    device: torch.device | None,
    what: str,
    progress: Progress | None,
) -> Tensor:
    """Apply ``compute`` to ``examples``, ``size`` at a time.

    Args:
        compute: From float32 (m, *shape) on ``device``, images channels-last and within [-1, 1],
            to (m, dimensions).
        examples: (n, channels, height, width) or (n, numbers), floating point, on any device.
        shape: What one example must look like; None for images of any size.
        dimensions: Length of a feature vector.
        size: Examples in a batch.
        device: Where to compute; None for where the examples are.
        what: What is being done, for ``progress``.
        progress: Told after each batch.

    Returns:
        float32 (n, dimensions) on the device of ``examples``.

    Raises:
        BadInput: Another shape or type, or a value that is not finite.
    """
    _check(examples, shape)
    n = len(examples)
    features = torch.empty((n, dimensions), dtype=torch.float32, device=examples.device)
    where = examples.device if device is None else device
    with float32_only(where):
        for start in range(0, n, size):
            part = examples[start : start + size].to(where, torch.float32)
            finite = torch.isfinite(part).flatten(1).all(1)
            if not bool(finite.all()):
                raise BadInput(
                    f"sample {start + int(finite.int().argmin())} of {n} holds a value that is not "
                    "a finite number, so its features cannot be computed: look at the samples."
                )
            if part.ndim == 4:
                part = part.clamp(-1, 1).contiguous(memory_format=torch.channels_last)
            features[start : start + size] = compute(part)
            if progress is not None:
                progress(what, min(start + size, n), n)
    return features


@contextmanager
def float32_only(device: torch.device) -> Iterator[None]:
    """No gradients, and float32 products in full, whatever is switched on around.

    Autocast is left, and so is every permission to multiply or convolve float32 in bfloat16 or
    TensorFloat-32; all of it comes back afterwards.
    """
    switches = _switches()
    before = [switch.fp32_precision for switch in switches]
    with torch.no_grad(), torch.autocast(device.type, enabled=False):
        for switch in switches:
            switch.fp32_precision = "ieee"
        try:
            yield
        finally:
            for switch, precision in zip(switches, before, strict=True):
                switch.fp32_precision = precision


def _switches() -> list[Any]:
    """PyTorch's switches of the precision of float32 products, one a backend and operation.

    None before PyTorch 2.9, which does not have them.
    """
    backends: Any = torch.backends
    try:
        return [
            backends.mkldnn.matmul,
            backends.mkldnn.conv,
            backends.cuda.matmul,
            backends.cudnn.conv,
        ]
    except AttributeError:
        return []


def batch_size(floats_an_example: int) -> int:
    """Examples in a batch whose largest map holds about 2²² floats (16 MiB).

    Larger batches leave the processor's caches and are no faster on a CPU.
    """
    return max(1, min(1024, 2**22 // max(1, floats_an_example)))


def _check(examples: Tensor, shape: tuple[int, ...] | None) -> None:
    if not examples.is_floating_point():
        raise BadInput(
            f"features are computed of floating-point examples, images in [-1, 1], and these are "
            f"{str(examples.dtype).removeprefix('torch.')}: divide bytes by 127.5 and subtract 1."
        )
    given = tuple(examples.shape[1:])
    if shape is not None and given != shape:
        raise BadInput(
            f"this feature space is for examples of the shape {shape}, and these have {given}: "
            "open it for these data."
        )
    if shape is None and (len(given) != 3 or given[0] not in (1, 2, 3, 4) or 0 in given):
        raise BadInput(
            f"this feature space is for images (n, channels, height, width) of 1 to 4 channels, "
            f"and these examples have the shape {given}: use pixels for vectors."
        )
