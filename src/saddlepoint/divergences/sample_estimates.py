"""Divergences from samples alone: kernels, distances and, on the line, quantiles.

    MMD² = E k(X, X′) + E k(Y, Y′) − 2 E k(X, Y)

The unbiased estimate leaves out the pairs of a sample with itself (U-statistic): it is negative
about half of the time where p = q. With them (V-statistic) it is MMD² of the two empirical
distributions: never negative, and too large by about 1/n. Intervals come from a jackknife over 20
blocks. Where p = q the U-statistic has no normal limit, and tests need permutations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from saddlepoint.divergences.quantiles import transported
from saddlepoint.errors import BadInput
from saddlepoint.metrics.estimate import Estimate, blocks, skewed_jackknife

Statistic = Literal["unbiased", "v-statistic"]
Kernel = Callable[[Tensor], Tensor]  # of distances

NAMES = {"unbiased": "unbiased (U-statistic)", "v-statistic": "biased (V-statistic)"}


def _block_sums(x: Tensor, y: Tensor, kernel: Kernel) -> NDArray[np.float64]:
    """Sums of the kernel over all pairs of two blocks, (B, B)."""
    starts = [block.start for block in blocks(len(y))]
    rows = []
    for part in blocks(len(x)):
        distances = torch.cdist(x[part], y, compute_mode="donot_use_mm_for_euclid_dist")
        rows.append(np.add.reduceat(kernel(distances).sum(0).cpu().numpy(), starts))
    return np.asarray(rows)


def pair_estimate(
    x: Tensor, y: Tensor, kernel: Kernel, itself: float, statistic: Statistic
) -> Estimate:
    """MMD² of the samples x (n, d) and y (m, d), with its interval.

    Args:
        x: The first sample.
        y: The second.
        kernel: A function of distances.
        itself: Its value at 0.
        statistic: Which of the two estimates.

    Raises:
        BadInput: Another statistic, or fewer than 40 samples on a side.
    """
    if statistic not in NAMES:
        raise BadInput(f"'{statistic}' is no statistic: take 'unbiased' or 'v-statistic'.")
    sums = [_block_sums(*pair, kernel) for pair in ((x, x), (x, y), (y, y))]
    # The whole, then without each block in turn: its row and column go, what they share only once.
    xx, xy, yy = (s.sum() - np.append(0, s.sum(0) + s.sum(1) - s.diagonal()) for s in sums)
    n, m = (len(s) - np.append(0, [b.stop - b.start for b in blocks(len(s))]) for s in (x, y))
    if statistic == "unbiased":
        within = (xx - n * itself) / (n * (n - 1)) + (yy - m * itself) / (m * (m - 1))
    else:
        within = xx / n**2 + yy / m**2
    value, *without = (within - 2 * xy / (n * m)).tolist()
    found = skewed_jackknife(value, without, len(x), len(y))
    return replace(found, method=f"{NAMES[statistic]}, {found.method}")


def quantile_estimate(x: Tensor, y: Tensor, power: int) -> Estimate:
    """W_r of the samples x (n, 1) and y (m, 1), with its interval.

    The distance of the empirical distributions: too large by about n^−½ where p = q, so compare at
    equal n only. The interval is for its expectation at this n.

    Raises:
        BadInput: More than one dimension, or fewer than 40 samples on a side.
    """
    if x.shape[1] != 1:
        raise BadInput(
            f"W{power} of samples is found by quantiles in one dimension, and these have "
            f"{x.shape[1]}: take saddlepoint.transport or mmd."
        )

    def distance(one: Tensor, other: Tensor) -> float:
        even = [torch.full((len(s),), 1 / len(s), dtype=torch.float64) for s in (one, other)]
        return float(transported(one, even[0], other, even[1], power)) ** (1 / power)

    x, y = x[:, 0], y[:, 0]
    without = [
        distance(
            torch.cat([x[: a.start], x[a.stop :]]),
            torch.cat([y[: b.start], y[b.stop :]]),
        )
        for a, b in zip(blocks(len(x)), blocks(len(y)), strict=True)
    ]
    found = skewed_jackknife(distance(x, y), without, len(x), len(y))
    method = f"biased (empirical quantiles), {found.method}"
    return replace(found, low=max(found.low, 0.0), method=method)
