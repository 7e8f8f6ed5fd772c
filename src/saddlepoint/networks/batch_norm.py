"""Batch-norm statistics for weights that no training batch has passed through."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn


@torch.no_grad()
def reestimate(module: nn.Module, inputs: Iterable[Tensor | tuple[Tensor, Tensor]]) -> None:
    """Set the running statistics to plain means over ``inputs``: latents, or latents and labels.

    Averaged weights need this: the statistics gathered under other weights do not fit them.
    """
    norms = [m for m in module.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    if not norms:
        return
    was_training = module.training
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # PyTorch's way to ask for a plain mean
    module.train()
    for batch in inputs:
        module(*(batch if isinstance(batch, tuple) else (batch,)))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    module.train(was_training)
