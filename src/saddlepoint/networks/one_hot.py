"""Labels as vectors."""

from __future__ import annotations

import torch
from torch import Tensor


def one_hot(label: Tensor, classes: int) -> Tensor:
    """Labels (n,) as float32 (n, classes), 1 at the label and 0 else.

    PyTorch's own reads the labels on the host, to check them.
    """
    return (label.unsqueeze(-1) == torch.arange(classes, device=label.device)).float()
