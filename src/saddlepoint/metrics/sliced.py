"""Sliced Wasserstein distance of order 2: optimal transport along random lines.

    SW₂(p, q) = (E_θ W₂²(θ·x, θ·y))^½,   θ uniform on the unit sphere, x ~ p, y ~ q

(Rabin et al. 2011; Bonneel et al. 2015). In one dimension optimal transport pairs equal quantiles:
W₂² = ∫₀¹ (F⁻¹(s) − G⁻¹(s))² ds. The quantile functions of n and of m samples are steps at i/n and
at j/m; between two neighbouring steps of either both are constant, so the integral is a sum of at
most n + m − 1 terms over intervals that are the same for all lines. It is exact for n ≠ m too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from saddlepoint.errors import BadInput
from saddlepoint.metrics.estimate import Estimate, blocks, skewed_jackknife
from saddlepoint.metrics.frechet import NOT_FINITE, same_width

HELD = 2**21  # projected values held at a time
ROWS = 4096  # rows turned into float64 at a time


def directions(dimensions: int, projections: int, seed: int) -> Tensor:
    """Directions uniform on the unit sphere, (projections, dimensions) float64 on the CPU.

    Raises:
        BadInput: No projection is asked for.
    """
    if projections < 1:
        raise BadInput(f"A mean over {projections} projections is not defined: ask for at least 1.")
    normal = np.random.default_rng(seed).standard_normal((projections, dimensions))
    return torch.from_numpy(normal / np.linalg.norm(normal, axis=1, keepdims=True))


def sliced_distance(real: Tensor, fake: Tensor, projections: int = 512, seed: int = 0) -> float:
    """SW₂ of the samples ``real`` (n, d) and ``fake`` (m, d), in units of the features.

    The distance, not its square: the root of the mean of W₂² over ``projections`` lines, which
    depend on ``seed`` alone. Arithmetic is float64. Two samples of one distribution are at a
    distance above zero: compare at equal n only.

    Raises:
        BadInput: Different widths, an empty side, no projections, or values that are not finite or
            too large to square.
    """
    squares = [
        _transport(x.sort(1).values, y.sort(1).values)
        for x, y in _projected(real, fake, projections, seed)
    ]
    return _root(float(torch.cat(squares).mean()))


def sliced_estimate(real: Tensor, fake: Tensor, projections: int = 512, seed: int = 0) -> Estimate:
    """SW₂ of the samples with its interval.

    Samples are projected and sorted once: what is left without a block stays sorted.

    The interval is for the expectation over samples of this size along these lines. How far other
    lines would move the figure is not in it: compare figures of one seed.

    Raises:
        BadInput: As ``sliced_distance``, or fewer than 40 samples on a side.
    """
    owners = [_owners(len(side)).to(side.device) for side in (real, fake)]
    count = len(blocks(len(real)))
    totals = np.zeros(count + 1)
    for x, y in _projected(real, fake, projections, seed):
        sorted_x, sorted_y = x.sort(1), y.sort(1)
        totals[0] += float(_transport(sorted_x.values, sorted_y.values).sum())
        block_x, block_y = owners[0][sorted_x.indices], owners[1][sorted_y.indices]
        for b in range(count):
            totals[b + 1] += float(
                _transport(
                    sorted_x.values.masked_select(block_x != b).view(len(x), -1),
                    sorted_y.values.masked_select(block_y != b).view(len(y), -1),
                ).sum()
            )
    value, *without = [_root(float(total)) for total in totals / projections]
    estimate = skewed_jackknife(value, without, len(real), len(fake))
    return replace(estimate, low=max(estimate.low, 0.0))


def _projected(
    real: Tensor, fake: Tensor, projections: int, seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Both samples along some lines at a time, (lines, n) and (lines, m) float64."""
    same_width(real, fake)
    if not len(real) or not len(fake):
        raise BadInput(
            f"A distance needs samples on both sides, and there are {len(real)} real and "
            f"{len(fake)} generated ones."
        )
    lines = directions(real.shape[1], projections, seed).to(real.device)
    for some in lines.split(max(1, HELD // (len(real) + len(fake)))):
        x, y = (
            torch.cat([some @ rows.double().T for rows in side.split(ROWS)], dim=1)
            for side in (real, fake)
        )
        yield x, y


def _owners(n: int) -> Tensor:
    """The block of each of n samples."""
    owner = torch.empty(n, dtype=torch.uint8)
    for b, part in enumerate(blocks(n)):
        owner[part] = b
    return owner


def _transport(x: Tensor, y: Tensor) -> Tensor:
    """W₂² of sorted values (lines, n) and (lines, m), one for each line."""
    n, m = x.shape[1], y.shape[1]
    # Steps in units of 1/(n m), where they are whole numbers: none is missed or doubled.
    ends = torch.cat([m * torch.arange(1, n + 1), n * torch.arange(1, m + 1)]).unique()
    starts = torch.cat([ends.new_zeros(1), ends[:-1]])
    i, j = (starts // m).to(x.device), (starts // n).to(x.device)
    width = ((ends - starts).double() / (n * m)).to(x.device)
    return (x.index_select(1, i) - y.index_select(1, j)).square() @ width


def _root(square: float) -> float:
    if not math.isfinite(square):
        raise BadInput(NOT_FINITE)
    return math.sqrt(square)
