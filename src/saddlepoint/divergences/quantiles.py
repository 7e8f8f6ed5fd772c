"""Transport on the line by quantile functions, for atoms with weights and for samples.

    W_r^r = ∫₀¹ |F⁻¹(u) − G⁻¹(u)|^r du,   r ≥ 1

Both quantile functions are steps, so that the integral is a sum over the intervals between the
levels at which either of them jumps.
"""

from __future__ import annotations

import torch
from torch import Tensor


def transported(x: Tensor, weight_x: Tensor, y: Tensor, weight_y: Tensor, power: int) -> Tensor:
    """W_r^r of atoms at x (n,) and y (m,), whose weights have the sum 1; passes gradients."""
    x, order_x = x.sort()
    y, order_y = y.sort()
    up_x, up_y = weight_x[order_x].cumsum(0), weight_y[order_y].cumsum(0)
    levels = torch.cat([up_x.new_zeros(1), up_x, up_y]).sort().values
    middles = ((levels[1:] + levels[:-1]) / 2).detach()
    i = torch.searchsorted(up_x.detach(), middles).clamp(max=len(x) - 1)
    j = torch.searchsorted(up_y.detach(), middles).clamp(max=len(y) - 1)
    return (x[i] - y[j]).abs() ** power @ levels.diff()
