"""How large a generator's support is, by the birthday paradox.

If samples come from a distribution with probabilities pᵢ on separate points, two of them are the
same with probability q = Σᵢ pᵢ², and n samples hold n(n − 1)/2 · q pairs of equals in expectation.
So pairs that are near-duplicates tell 1/q = 1/Σᵢ pᵢ²: the **effective support**, the number of
points of a uniform distribution with as many duplicates. It is the number of points where all are
equally likely and less otherwise; rare points hardly count.

Arora & Zhang look for the batch size s at which duplicates become likely, s ≈ √(2 ln 2/q), and
compare pictures by eye. Here all pairs of one sample count, and what passes for a duplicate is
settled on real data: a threshold at which real samples seldom do.

Reference: Arora, Risteski & Zhang, Do GANs learn the distribution? Some theory and empirics, 2018.
"""

from __future__ import annotations

import math

import torch
from scipy import stats
from torch import Tensor

from saddlepoint.errors import BadInput
from saddlepoint.metrics.estimate import LEVEL, Estimate, proportion
from saddlepoint.metrics.neighbours import SPARE, Neighbours, Space, as_features, pairs_of

RATE = 1e-6
_RATES = (RATE, 1e-5, 1e-4, 1e-3, 1e-2)


def duplicate_threshold(real: Tensor, rate: float = RATE) -> float:
    """The largest distance at which at most a share ``rate`` of all pairs of real samples lies.

    With this threshold real data have an effective support of about 1/rate: it is the largest
    support that can be told from that of the data. Where the data have fewer than 1/rate pairs,
    none may be a duplicate, and the control can only say "more than". For a control, estimate the
    support of *other* real samples with this threshold.

    Args:
        real: (n, d) features of held-out real samples.
        rate: Share of the n(n − 1)/2 pairs.

    Raises:
        BadInput: More pairs than that are exact copies, or values that are not finite.
        ValueError: Fewer than two samples, or a rate outside [0, 1).
    """
    if len(real) < 2 or not 0 <= rate < 1:
        raise ValueError(f"no threshold for {len(real)} samples and a rate of {rate}.")
    pairs = len(real) * (len(real) - 1) // 2
    allowed = math.floor(rate * pairs)
    next_one = float(closest_pairs(real, allowed + 1).distances[-1])
    if next_one == 0:
        raise BadInput(
            f"more than {allowed} of the {pairs} pairs of real samples are exact copies, so none "
            "of their distances marks a duplicate: remove copies from the data or raise the rate."
        )
    return math.nextafter(next_one, 0.0)


def first_threshold(real: Tensor) -> tuple[float, float] | None:
    """The threshold at the smallest rate of 1e-6, 1e-5, ..., 1e-2 that allows one, and that rate.

    None if more than one in a hundred pairs of the real samples are exact copies.
    """
    for rate in _RATES:
        try:
            return duplicate_threshold(real, rate), rate
        except BadInput:  # the data themselves hold that many copies
            continue
    return None


def unknown_support(n: int) -> Estimate:
    """The support of ``n`` samples where no distance tells duplicates from other pairs."""
    return Estimate(math.nan, math.nan, math.nan, "real examples repeat each other too often", 0, n)


def support_estimate(fake: Tensor, threshold: float) -> Estimate:
    """The effective support 1/Σp², from the pairs of samples no further apart than ``threshold``.

    With C such pairs among n samples the value is n(n − 1)/(2 C), infinite without any. Pairs that
    share a sample are independent if all points are equally likely; C is then nearly a Poisson
    number, and Garwood's exact interval for its expectation μ gives that of the support. Otherwise
    the variance of C, a U-statistic, is μ + aμ² with a = 4 (n − 2)/(n(n − 1)) · (Σp³/(Σp²)² − 1),
    that of a negative binomial number, whose interval is found likewise. From the ordered couples
    D of pairs without a common sample, a is estimated by

        a = (V − C)/C², not below 0,    V = C² − D · n(n − 1)/((n − 2)(n − 3)),

    where V has the expectation Var C. Few duplicates cannot show a: a single point of probability
    p may give most of the n(n − 1)/2 · p² pairs and yet be drawn but once. So the upper end of μ
    is at least n(n − 1)/2 · p² with the upper Clopper–Pearson end p of the most frequent point;
    without duplicates the support is at least (n/5.6)², whatever the probabilities.

    Args:
        fake: (n, d) features of at least four generated samples, drawn independently.
        threshold: Largest distance of duplicates, in the same features.

    Raises:
        BadInput: Values that are not finite.
        ValueError: Fewer than four samples, or a negative threshold.
    """
    n = len(fake)
    if n < 4 or threshold < 0:
        raise ValueError(f"no support from {n} samples with a threshold of {threshold}.")
    degrees = count_within(fake, threshold)
    pairs = n * (n - 1) / 2
    count = float(degrees.sum()) / 2
    couples = float((degrees * (degrees - 1)).sum())  # ordered pairs of pairs with one in common
    apart = count**2 - count - couples
    variance = count**2 - apart * n * (n - 1) / ((n - 2) * (n - 3))
    excess = max(variance - count, 0.0) / count**2 if count else 0.0
    low, high = _expected(count, excess)
    most_frequent = proportion(int(degrees.max()) + 1, n, 0, n)
    high = max(high, pairs * most_frequent.high**2)
    return Estimate(
        pairs / count if count else math.inf,
        max(pairs / high, 1.0),
        pairs / low if low else math.inf,
        "Poisson number of pairs" if not excess else "negative binomial number of pairs",
        0,
        n,
    )


def _expected(count: float, excess: float) -> tuple[float, float]:
    """95 % interval for the mean μ of a number of variance μ + excess · μ², from one draw.

    Both tails are solved exactly, P(N ≥ count) = 2.5 % at the lower and P(N ≤ count) = 2.5 % at the
    upper end, N Poisson without excess. With it, N is negative binomial, and as the excess is an
    estimate that is small just where the count is, the ends go as far as those of φ times a Poisson
    number, φ = 1 + excess · count.
    """
    tail = (1 - LEVEL) / 2
    scale = 1 + excess * count
    low = scale * float(stats.gamma.ppf(tail, count / scale)) if count else 0.0
    high = scale * float(stats.gamma.ppf(1 - tail, count / scale + 1))
    if not excess:
        return low, high
    size = 1 / excess
    least = float(stats.beta.ppf(1 - tail, size, count))
    most = float(stats.beta.ppf(tail, size, count + 1))
    return min(low, size * (1 - least) / least), max(high, size * (1 - most) / most)


def count_within(x: Tensor, radius: float) -> Tensor:
    """For each row, how many others lie at most ``radius`` away: (n,) in float64.

    Raises:
        BadInput: A value that is not finite.
    """
    # Collapsed generators repeat samples exactly, and equal rows need only be compared once.
    x, home, weights = torch.unique(as_features(x), dim=0, return_inverse=True, return_counts=True)
    weights = weights.double()
    counts = weights - 1
    limit = torch.tensor([math.nextafter(radius, math.inf)], dtype=torch.float64, device=x.device)
    space = Space.suited(x, x, limit)
    for rows, columns, tile in space.tiles():
        near = tile < space.surely_below(limit, rows, columns)
        unsure = (tile <= space.perhaps_below(limit)) ^ near
        for i, j, low in pairs_of(unsure, tile, rows, columns):
            near[i - rows.start, j - columns.start] = space.below(i, j, low, limit)[:, 0]
        if rows == columns:
            near.fill_diagonal_(False)
        close = near.double()
        counts[rows] += close @ weights[columns]
        if rows != columns:
            counts[columns] += close.T @ weights[rows]
    return counts[home]


def closest_pairs(x: Tensor, count: int) -> Neighbours:
    """The ``count`` closest pairs of rows, to look at: distances (count,) and rows (count, 2).

    Raises:
        BadInput: A value that is not finite.
        ValueError: There are not so many pairs.
    """
    x = as_features(x)
    if not 1 <= count <= len(x) * (len(x) - 1) // 2:
        raise ValueError(f"{len(x)} rows do not have {count} pairs.")
    closest, settled = _closest(Space.of(x, x), count)
    return closest if settled else _closest(Space.of(x, x, torch.float64), count)[0]


def _closest(space: Space, count: int) -> tuple[Neighbours, bool]:
    """The pairs of the smallest bounds, by distance, and whether no other can be closer."""
    keep, n = count + SPARE, len(space.x)
    bounds = torch.empty(0, dtype=space.dtype, device=space.x.device)
    pairs = torch.empty(0, 2, dtype=torch.int64, device=space.x.device)
    for rows, columns, tile in space.tiles():
        if rows == columns:
            tile.masked_fill_(torch.ones_like(tile, dtype=torch.bool).tril_(), math.inf)
        low, at = tile.flatten().topk(min(keep, tile.numel()), largest=False)
        low, at = low[low < math.inf], at[low < math.inf]
        place = (at // tile.shape[1] + rows.start, at % tile.shape[1] + columns.start)
        bounds, pairs = torch.cat([bounds, low]), torch.cat([pairs, torch.stack(place, 1)])
        bounds, chosen = bounds.topk(min(keep, len(bounds)), largest=False)
        pairs = pairs[chosen]
    squares, order = space.squares(pairs[:, 0], pairs[:, 1]).sort(stable=True)
    last = float(squares[count - 1])
    settled = len(pairs) == n * (n - 1) // 2 or last <= float(bounds[-1]) or last == 0
    distances = space.distances(pairs[:, 0], pairs[:, 1])[order]
    return Neighbours(distances[:count], pairs[order[:count]]), settled
