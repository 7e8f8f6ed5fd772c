"""Memorisation: whether generated samples are closer to the training set than fresh ones are.

The distance of a sample is that to its nearest training sample. Held-out real samples say how
small it is by nature: where a generator is as good as fresh data, its distances are distributed
like theirs. Two figures compare the two sets of distances, and both follow from ranks alone, so
they are the same in any units and duplicates in the data do no harm:

- the **share** of generated samples no further from the training set than the closest 5 % of the
  held-out ones are. Fresh data have 5 %, a generator that copies with probability c and is else
  like fresh data has c + (1 − c) · 5 %. At 5 % the threshold rests on nine samples where there are
  180 held-out ones (the digits), and copies lie far below it;
- the **z-score** C_T of Meehan, Chaudhuri & Dasgupta over the whole space: the Mann–Whitney
  statistic of the two sets, standard normal for fresh data, well below 0 for copying, well above
  for a generator whose samples lie off the data.

References: Meehan, Chaudhuri & Dasgupta, A Non-Parametric Test to Detect Data-Copying in
Generative Models, 2020.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import optimize, special, stats
from torch import Tensor

from saddlepoint.errors import BadInput
from saddlepoint.metrics.estimate import LEVEL, Estimate, proportion
from saddlepoint.metrics.neighbours import Neighbours, Space, as_features, candidates, nearest

Array = NDArray[np.float64]

QUANTILE = 0.05
COMPONENTS = 128  # principal components of images that are compared first
_PART = 1024  # images projected at once, and those whose components these are
_NUMBERS = 1 << 22  # numbers in the views that are held at once
_CHUNK = 1 << 15  # numbers handled at once where images are subtracted


@dataclass(frozen=True)
class Memorisation:
    """How close generated samples are to the training set.

    Attributes:
        share: Share of generated samples whose distance is at most ``threshold``.
        expected: The same share for fresh real samples: r/(m + 1) if r of m held-out distances are
            at most the threshold.
        p_value: Probability of so large a share or a larger one from fresh real samples.
        threshold: The held-out distance at the quantile.
        z: C_T, the Mann–Whitney statistic as a standard score; negative for copying.
        nearest: For each generated sample the nearest training sample, (n, 1).
        held_out: The same for each held-out sample.
    """

    share: Estimate
    expected: float
    p_value: float
    threshold: float
    z: float
    nearest: Neighbours
    held_out: Neighbours

    @property
    def copying_p_value(self) -> float:
        """Probability of a C_T as far from 0 or further from fresh real samples."""
        return float(2 * stats.norm.sf(abs(self.z)))

    def closest(self, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Generated samples closest to the training set, their nearest ones and the distances."""
        distances = self.nearest.distances[:, 0]
        first = distances.argsort(stable=True)[:count]
        return first, self.nearest.indices[first, 0], distances[first]


def memorisation(
    fake: Tensor, train: Tensor, held_out: Tensor, quantile: float = QUANTILE
) -> Memorisation:
    """Compare the distances to the training set of generated and of held-out samples.

    Args:
        fake: (n, d) features of generated samples.
        train: (t, d) features of the samples that the generator has seen.
        held_out: (m, d) features of real samples that it has not, drawn like those.
        quantile: Share of the held-out samples that count as close.

    Raises:
        BadInput: Values that are not finite, or too few held-out samples for the quantile.
        ValueError: Shapes that do not fit.
    """
    _check(len(held_out), quantile)
    return compare(nearest(fake, train, 1), nearest(held_out, train, 1), quantile)


def memorisation_of_images(
    fake: Tensor,
    train: Tensor,
    held_out: Tensor,
    quantile: float = QUANTILE,
    shift: int = 1,
    flip: bool = True,
) -> Memorisation:
    """The same with ``nearest_images``, which also finds copies that are flipped or shifted.

    Held-out images are flipped and shifted just as generated ones are.

    Args:
        fake: (n, c, h, w) generated images in [−1, 1].
        train: (t, c, h, w) the images that the generator has seen.
        held_out: (m, c, h, w) images that it has not, drawn like those.
        quantile: Share of the held-out images that count as close.
        shift: Largest shift along either axis, in pixels.
        flip: Whether the mirror image is tried too.

    Raises:
        BadInput: Values that are not finite, or too few held-out images for the quantile.
        ValueError: Shapes that do not fit.
    """
    _check(len(held_out), quantile)
    ours = nearest_images(fake, train, shift, flip)
    return compare(ours, nearest_images(held_out, train, shift, flip), quantile)


def compare(fake: Neighbours, held_out: Neighbours, quantile: float = QUANTILE) -> Memorisation:
    """Compare distances to one training set.

    With m held-out distances the threshold is the r-th smallest, r = quantile · (m + 1) rounded,
    at least 1; ties with it count as close on both sides.

    The interval of the share is one for the probability G(τ) that a generated sample is no
    further away than τ, the quantile of the *distribution* of held-out distances. Two held-out
    distances, order statistics, enclose τ but for 2.5 % (binomial, 1.25 % at each end); at each of
    them the share has a Clopper–Pearson end that fails in 1.25 %. Together they cover at least
    95 %, whatever the distributions. With few held-out samples no distance may be surely below τ;
    the lower end is then 0, and the p-value tells more.

    Fresh samples and held-out ones are exchangeable, so the number of fresh ones below the r-th
    smallest held-out distance is beta-binomial (n, r, m + 1 − r), which gives the p-value. With
    ties it takes all held-out samples at the threshold and one more for r, which errs on the safe
    side.
    """
    ours, theirs = fake.distances[:, 0], held_out.distances[:, 0].sort().values
    n, m = len(ours), len(theirs)
    rank = max(1, round(quantile * (m + 1)))
    threshold = theirs[rank - 1]
    count = int((ours <= threshold).sum())
    close = int((theirs <= threshold).sum())
    tied = close > rank or bool((ours == threshold).any())
    r = close + 1 if tied else rank
    more = np.arange(count, n + 1)
    p_value = float(stats.betabinom.pmf(more, n, r, m + 1 - r).sum()) if r <= m else 1.0
    return Memorisation(
        share=_share(ours, theirs, count, quantile),
        expected=close / (m + 1),
        p_value=min(p_value, 1.0),
        threshold=float(threshold),
        z=copying_z(ours, theirs),
        nearest=fake,
        held_out=held_out,
    )


def copying_z(fake: Tensor, held_out: Tensor) -> float:
    """C_T over the whole space: (U − nm/2)/σ, U the pairs in which the generated one is further.

    Ties count one half, and σ² = nm/12 · (N + 1 − Σ(t³ − t)/(N(N − 1))), N = n + m, with t the
    sizes of the groups of ties. 0 if all distances are the same.

    Args:
        fake: (n,) distances of generated samples to their nearest training samples.
        held_out: (m,) those of held-out real samples.
    """
    n, m = len(fake), len(held_out)
    both = torch.cat([fake, held_out]).cpu().numpy()
    above = stats.rankdata(both)[:n].sum() - n * (n + 1) / 2
    deviation = _deviation(fake, held_out)
    return float((above - n * m / 2) / deviation) if deviation else 0.0


def _deviation(fake: Tensor, held_out: Tensor) -> float:
    """σ of ``copying_z``; 0 if all distances are the same."""
    n, m = len(fake), len(held_out)
    ties = torch.unique(torch.cat([fake, held_out]), return_counts=True)[1].double()
    total = n + m
    correction = float((ties**3 - ties).sum()) / (total * (total - 1))
    variance = n * m / 12 * (total + 1 - correction)
    return math.sqrt(variance) if variance > 1e-9 else 0.0


def copying_estimate(fake: Tensor, held_out: Tensor) -> Estimate:
    """C_T with a 95 % interval for its expectation, at these n and m and for this training set.

    C_T = (θ̂ − ½) nm/σ, where θ̂ = U/nm estimates the probability θ that a generated sample is
    further from the training set than a held-out one. The interval is the union of two for θ on
    that scale. One is Student's, on the scale of log odds, with DeLong's variance S₁/n + S₂/m: the
    variances of each generated sample's share of held-out ones below it, and of each held-out
    one's of generated ones above it. It has no width where the two sets do not overlap; so the
    other solves |θ̂ − θ| = 1.96 √V(θ) with the variance that exponential distributions would have,

        V(θ) = θ(1 − θ) (1 + N ((1 − θ)/(2 − θ) + θ/(1 + θ))) / nm,   N = (n + m)/2 − 1.

    Fresh data lie between −1.96 and 1.96 in 95 % of the draws. That band is where a generator as
    good as fresh data is accepted, and no statement about the C_T of this one.

    Args:
        fake: (n,) distances of generated samples to their nearest training samples, n ≥ 2.
        held_out: (m,) those of held-out real samples, m ≥ 2.

    References: DeLong, DeLong & Clarke-Pearson 1988; Newcombe, Confidence intervals for an effect
    size measure based on the Mann–Whitney statistic, part 2, 2006 (his method 5).
    """
    n, m = len(fake), len(held_out)
    z = copying_z(fake, held_out)
    ours, theirs = fake.cpu().numpy(), held_out.cpu().numpy()
    placed = _placements(ours, theirs)
    others = 1 - _placements(theirs, ours)
    theta = float(placed.mean())
    low, high = _newcombe(theta, n, m)
    error = math.sqrt(float(placed.var(ddof=1)) / n + float(others.var(ddof=1)) / m)
    if 0 < theta < 1:
        odds, reach = float(special.logit(theta)), error / (theta * (1 - theta))
        reach *= float(stats.t.ppf((1 + LEVEL) / 2, min(n, m) - 1))
        low = min(low, float(special.expit(odds - reach)))
        high = max(high, float(special.expit(odds + reach)))
    scale = n * m / (_deviation(fake, held_out) or math.sqrt(n * m * (n + m + 1) / 12))
    low, high = min((low - 0.5) * scale, z), max((high - 0.5) * scale, z)
    return Estimate(z, low, high, "Mann–Whitney, DeLong's and Newcombe's variance", m, n)


def _placements(values: Array, others: Array) -> Array:
    """For each value the share of ``others`` below it, ties counting one half."""
    order = np.sort(others)
    below, up_to = (np.searchsorted(order, values, side) for side in ("left", "right"))
    return np.asarray((below + up_to) / (2 * len(order)))


def _newcombe(theta: float, n: int, m: int) -> tuple[float, float]:
    """Both solutions θ of |θ̂ − θ| = 1.96 √V(θ), V as in ``copying_estimate``."""
    quantile, pairs = float(stats.norm.ppf((1 + LEVEL) / 2)), (n + m) / 2 - 1

    def excess(t: float) -> float:
        shape = 1 + pairs * ((1 - t) / (2 - t) + t / (1 + t))
        return abs(theta - t) - quantile * math.sqrt(t * (1 - t) * shape / (n * m))

    # at 0 and 1 the variance vanishes, and a θ̂ there would solve the equation itself
    low = float(optimize.brentq(excess, 0.0, min(theta, 1 - 1e-9))) if theta > 0 else 0.0
    high = float(optimize.brentq(excess, max(theta, 1e-9), 1.0)) if theta < 1 else 1.0
    return low, high


def nearest_images(
    query: Tensor, reference: Tensor, shift: int = 1, flip: bool = True
) -> Neighbours:
    """The reference image nearest to each query image, as it is, mirrored and shifted.

    The distance of two images x and y is the least over all T of

        √ mean (T x − y)², over the window of y that leaves out ``shift`` pixels at each border,

    where T x is the same window of x, or of its mirror image, moved by up to ``shift`` pixels
    along either axis: 2 (2 shift + 1)² views, and no border is made up. It is in the units of the
    pixels: images in [−1, 1] are at most 2 apart.

    The principal components of a window (an orthogonal projection) and the norm of the rest make
    a short vector z with ‖z(x) − z(y)‖ ≤ ‖x − y‖: two rests are at least as far apart as their
    norms. Only pairs whose bound is below the least distance so far are compared in full; the
    result is that of comparing all.

    Args:
        query: (n, c, h, w).
        reference: (m, c, h, w).
        shift: Largest shift in pixels.
        flip: Whether the mirror image is tried too.

    Returns:
        Distances and indices (n, 1).

    Raises:
        BadInput: Values that are not finite, or images not larger than twice the shift.
        ValueError: Shapes that do not fit.
    """
    if (
        query.dim() != 4
        or query.shape[1:] != reference.shape[1:]
        or not len(query) * len(reference)
    ):
        raise ValueError(
            f"images {tuple(query.shape)} and {tuple(reference.shape)} do not compare."
        )
    if shift < 0 or min(query.shape[2:]) <= 2 * shift:
        raise BadInput(
            f"images of {query.shape[2]}×{query.shape[3]} pixels cannot be shifted by {shift}: "
            "choose a smaller shift."
        )
    query, reference = query.detach().float(), reference.detach().float()
    shorten = _Shortener.of(_window(reference, shift))
    short = torch.cat([shorten(_window(part, shift)) for part in reference.split(_PART)])
    views = (2 * shift + 1) ** 2 * (2 if flip else 1)
    step = max(1, _NUMBERS // (views * reference[0].numel()))
    parts = [
        _look(_views(part, shift, flip), reference, shorten, short) for part in query.split(step)
    ]
    squares, indices = (torch.cat(each) for each in zip(*parts, strict=True))
    return Neighbours(squares.sqrt()[:, None], indices[:, None])


class _Shortener(NamedTuple):
    """Windows as short vectors whose distances are never larger than theirs."""

    centre: Tensor
    basis: Tensor

    @classmethod
    def of(cls, windows: Tensor) -> _Shortener:
        """From the principal components of some windows, which any others may be projected on."""
        count = min(len(windows), _PART)
        some = torch.arange(count, device=windows.device) * len(windows) // count
        x = windows[some].flatten(1).double()
        centre = x.mean(0)
        x = x - centre
        leading = torch.linalg.eigh(x @ x.T).eigenvectors[:, -COMPONENTS:]
        return cls(centre, torch.linalg.qr(x.T @ leading).Q)

    def __call__(self, windows: Tensor) -> Tensor:
        """(n, components + 1) in float64: projections, and the norm of the rest."""
        x = windows.flatten(1).double() - self.centre
        low = x @ self.basis
        rest = (x.square().sum(1) - low.square().sum(1)).clamp(min=0).sqrt()
        return as_features(torch.cat([low, rest[:, None]], 1))


def _look(
    views: Tensor, reference: Tensor, shorten: _Shortener, short: Tensor
) -> tuple[Tensor, Tensor]:
    """Least mean squares (n,) and whose they are, for views (n, views, c, h, w) of n images."""
    n, kinds = views.shape[:2]
    numbers, device = views[0, 0].numel(), views.device
    mine = shorten(views.flatten(0, 1))
    everyone = torch.arange(n, device=device)
    whose = candidates(Space.of(mine[::kinds], short), 1)[1][:, 0]
    best = _compare(views, everyone, torch.zeros_like(everyone), reference, whose)
    space = Space.of(mine, short)
    for rows, columns, tile in space.tiles():
        owner = torch.arange(rows.start, rows.stop, device=device) // kinds
        limit = space.perhaps_below((best[owner] * numbers).sqrt())
        limit[best[owner] == 0] = -math.inf
        some = torch.nonzero(tile.amin(1) <= limit[:, 0]).flatten()
        row, column = torch.nonzero(tile[some] <= limit[some], as_tuple=True)
        row, column = some[row] + rows.start, column + columns.start
        i = row // kinds
        squares = _compare(views, i, row % kinds, reference, column)
        least = best.scatter_reduce(0, i, squares, "amin")
        new = (squares == least[i]) & (squares < best[i])
        whose.scatter_reduce_(0, i[new], column[new], "amin", include_self=False)
        best = least
    return best, whose


def _compare(views: Tensor, i: Tensor, view: Tensor, reference: Tensor, j: Tensor) -> Tensor:
    """Mean squares between view ``view`` of image i and the window of reference j, for lists."""
    margin = (reference.shape[2] - views.shape[3]) // 2
    step = max(1, _CHUNK // views[0, 0].numel())
    squares = [torch.empty(0, dtype=torch.float64, device=views.device)]
    for a, v, b in zip(i.split(step), view.split(step), j.split(step), strict=True):
        gap = views[a, v].double().sub_(_window(reference[b], margin))
        squares.append(gap.square_().flatten(1).mean(1))
    return torch.cat(squares)


def _views(images: Tensor, shift: int, flip: bool) -> Tensor:
    """(n, views, c, h − 2 shift, w − 2 shift): images and mirror images, shifted; the first not."""
    high, wide = (side - 2 * shift for side in images.shape[2:])
    kinds = [images, images.flip(3)] if flip else [images]
    moves = range(-shift, shift + 1)
    starts = sorted(((a, b) for a in moves for b in moves), key=lambda at: abs(at[0]) + abs(at[1]))
    views = [
        kind[:, :, shift + a : shift + a + high, shift + b : shift + b + wide]
        for kind in kinds
        for a, b in starts
    ]
    return torch.stack(views, 1)


def _window(images: Tensor, margin: int) -> Tensor:
    return images[:, :, margin : images.shape[2] - margin, margin : images.shape[3] - margin]


def _check(m: int, quantile: float) -> None:
    if not 0 < quantile < 1:
        raise ValueError(f"a quantile lies between 0 and 1, and {quantile} does not.")
    if m * quantile < 1:
        raise BadInput(
            f"{m} held-out samples cannot show where their closest {100 * quantile:g} % lie: give "
            f"at least {math.ceil(1 / quantile)}."
        )


def _share(ours: Tensor, theirs: Tensor, count: int, quantile: float) -> Estimate:
    n, m = len(ours), len(theirs)
    quarter = (1 - LEVEL) / 4
    # τ is at least the i-th smallest unless fewer than i of m are at most τ, and so on.
    before = int(stats.binom.ppf(quarter, m, quantile))
    after = int(stats.binom.ppf(1 - quarter, m, quantile)) + 1
    low, high = 0.0, 1.0
    if before >= 1:
        fewer = int((ours <= theirs[before - 1]).sum())
        low = float(stats.beta.ppf(quarter, fewer, n - fewer + 1)) if fewer else 0.0
    if after <= m:
        more = int((ours <= theirs[after - 1]).sum())
        high = float(stats.beta.ppf(1 - quarter, more + 1, n - more)) if more < n else 1.0
    method = "Clopper–Pearson, threshold by order statistics"
    return replace(proportion(count, n, m, n), low=low, high=high, method=method)
