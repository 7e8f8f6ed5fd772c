"""Fréchet distance between Gaussians fitted to features, always real and never below zero.

    FD = ‖μ₁ − μ₂‖² + tr(C₁ + C₂ − 2 (C₁^½ C₂ C₁^½)^½)

The squared 2-Wasserstein distance of two Gaussians (Dowson & Landau 1982), proposed for generated
images by Heusel et al. 2017. Means and covariances are float64 whatever the features are. The
product C₁C₂, whose eigenvalues rounding makes complex, is never formed.

Rows of features are taken to be in random order: blocks and subsets are runs of consecutive rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from saddlepoint.errors import BadInput
from saddlepoint.metrics.estimate import BLOCKS, Estimate, blocks, skewed_jackknife

ROWS = 512  # rows turned into float64 at a time
LEAF = 160  # columns below which halving a symmetric product no longer pays
NOT_FINITE = "Features must be finite: there is NaN, infinity or a huge value in them."
PARTS = (1, 2, 3)  # the extrapolation looks at the whole, at both halves and at the three thirds


@dataclass(frozen=True)
class Moments:
    """Count, mean and scatter of features, which can be added to and taken from.

    Attributes:
        n: Number of samples.
        mean: (d,) float64.
        scatter: Σ (x − mean)(x − mean)ᵀ, (d, d) float64.
    """

    n: int
    mean: Tensor
    scatter: Tensor

    @staticmethod
    def of(features: Tensor) -> Moments:
        """Moments of ``features`` (n, d), n ≥ 0, on their device.

        One pass over the deviations from the mean of the first rows, corrected at the end: a large
        offset that all samples share costs no digits.

        Raises:
            BadInput: Not a matrix, or values that are not finite or too large to square.
        """
        if features.ndim != 2:
            raise BadInput(f"Features must be (samples, dimensions), not {tuple(features.shape)}.")
        n, d = features.shape
        shift = features[:ROWS].double().mean(0) if n else features.new_zeros(d).double()
        total = torch.zeros_like(shift)
        scatter = shift.new_zeros(d, d)
        for low in range(0, n, ROWS):
            rows = features[low : low + ROWS].double() - shift
            total += rows.sum(0)
            _add_upper(scatter, rows)
        off = total / max(n, 1)
        _mirror(scatter)
        scatter.addr_(total, off, alpha=-1)
        if not bool(torch.isfinite(scatter.diagonal()).all()):  # as Sᵢⱼ² ≤ Sᵢᵢ Sⱼⱼ
            raise BadInput(NOT_FINITE)
        return Moments(n, shift + off, scatter)

    @property
    def covariance(self) -> Tensor:
        """Unbiased covariance, scatter / (n − 1), (d, d).

        Raises:
            BadInput: Fewer than two samples.
        """
        if self.n < 2:
            raise BadInput(f"A covariance needs at least 2 samples, and there are {self.n}.")
        return self.scatter / (self.n - 1)

    def plus(self, other: Moments) -> Moments:
        """Moments of both samples together (Chan, Golub & LeVeque 1983)."""
        same_width(self.mean, other.mean)
        n = self.n + other.n
        gap = other.mean - self.mean
        return Moments(
            n,
            self.mean + gap * (other.n / max(n, 1)),
            (self.scatter + other.scatter).addr_(gap, gap, alpha=self.n * other.n / max(n, 1)),
        )

    def minus(self, other: Moments) -> Moments:
        """Moments without ``other``, whose samples must be among these: the inverse of ``plus``.

        Raises:
            ValueError: More samples to take out than there are.
        """
        same_width(self.mean, other.mean)
        n = self.n - other.n
        if n < 0:
            raise ValueError(f"cannot take {other.n} samples out of {self.n}.")
        if n == 0:
            return Moments(0, torch.zeros_like(self.mean), torch.zeros_like(self.scatter))
        gap = self.mean - other.mean
        return Moments(
            n,
            self.mean + gap * (other.n / n),
            (self.scatter - other.scatter).addr_(gap, gap, alpha=-self.n * other.n / n),
        )


def frechet_distance(real: Moments, fake: Moments) -> float:
    """Fréchet distance of the two fitted Gaussians, in squared units of the features.

    With C₁ = LLᵀ, the trace of the root is Σ √λᵢ(LᵀC₂L). L is the Cholesky factor of the larger
    sample's covariance, or if that is singular comes from the eigenvectors of the smaller one's.
    LᵀC₂L is symmetric, and no more than min(n₁, n₂) − 1 of its eigenvalues are above zero; what
    the others seem to be is rounding and is left out. Dimensions that are constant on a side are
    left out as well. Neither can the trace of the root exceed √(tr C₁ tr C₂).

    Identical samples get 0 up to rounding, below 1e-6 of their total variance. The distance is
    biased upwards at finite n (see ``samples_needed``): compare at equal n only.

    Raises:
        BadInput: Different widths, fewer than two samples on a side, or means too large to square.

    Example:
        >>> import torch
        >>> from saddlepoint.metrics.frechet import Moments, frechet_distance
        >>> points = torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
        >>> real, moved = Moments.of(points), Moments.of(points + 1)
        >>> round(frechet_distance(real, moved), 3)  # ‖(1, 1, 1)‖²
        3.0
    """
    same_width(real.mean, fake.mean)
    larger, smaller = (real, fake) if real.n >= fake.n else (fake, real)
    large, small = larger.covariance, smaller.covariance
    sizes = (_positive(large.trace()), _positive(small.trace()))
    gap = float((real.mean - fake.mean).square().sum())
    if min(sizes) == 0:
        return _distance(gap, sizes, None, 0)
    moving = (large.diagonal() > 0) & (small.diagonal() > 0)
    if not bool(moving.all()):
        large, small = large[moving][:, moving], small[moving][:, moving]
    large, small = large / sizes[0], small / sizes[1]
    factor, failed = torch.linalg.cholesky_ex(large)
    if bool(failed == 0):
        other = small
    else:
        spread, axes = torch.linalg.eigh(small)
        kept = slice(max(len(spread) - (smaller.n - 1), 0), None)
        factor, other = axes[:, kept] * spread[kept].clamp(min=0).sqrt(), large
    return _distance(gap, sizes, factor.T @ other @ factor, smaller.n - 1)


def frechet_estimate(real: Tensor, fake: Tensor) -> Estimate:
    """Fréchet distance of features with its interval.

    From block moments: those of all blocks together, less or plus those of one block of the real
    and one of the generated samples at a time, 1 + 2 · 20 distances. Where neither side has more
    samples than dimensions, products of samples (n × n) take the place of covariances (d × d).

    The interval is for the distance's expectation at this n, bias included, and not for its limit:
    that is ``frechet_infinite_estimate``.

    Args:
        real: Features (n, d).
        fake: Features (m, d).

    Raises:
        BadInput: Different widths, values that are not finite, or fewer than 40 samples on a side.
    """
    whole = _reweigh(real, fake, [range(BLOCKS)])
    without, twice = whole.without[:, 0], whole.twice[:, 0]
    estimate = skewed_jackknife(
        float(whole.values[0]),
        without.tolist(),
        len(real),
        len(fake),
        ((twice - without) / 2).tolist(),
    )
    return replace(estimate, low=max(estimate.low, 0.0))


def frechet_infinite_estimate(real: Tensor, fake: Tensor) -> Estimate:
    """Fréchet distance extrapolated to infinitely many samples on both sides, with its interval.

    At finite sizes the distance is too large by a/n + b/m + smaller terms. Here both samples shrink
    together: the distance is taken between all samples, between the two halves (first with first,
    second with second) and between the three thirds, and is averaged within each size. A straight
    line in 1/n + 1/m is fitted to the three averages by least squares; n/m being the same at all
    sizes, its value at 0 has lost a/n and b/m both. Every sample has the same weight.

    The interval is the jackknife of the whole procedure. A block belongs to one subset of each
    size, so that it costs 6 + 2 · 3 · 20 distances.

    The line may end below zero, where no distance is: the estimate is then 0, and its interval is
    moved up with it, which covers no less. The estimate is as good as the line, which needs every
    subset to hold more samples than dimensions: n, m > 3 d. Below that, covariances lose rank, the
    distance bends as 1/√n, and the result is not to be trusted.

    Reference: Chong & Forsyth, Effectively unbiased FID and Inception score, 2020. There only the
    generated sample shrinks, to random subsets, so that b/m is removed and a/n stays.

    Raises:
        BadInput: Different widths, values that are not finite, or fewer than 40 samples on a side.
    """
    subsets = [
        range(round(i * BLOCKS / parts), round((i + 1) * BLOCKS / parts))
        for parts in PARTS
        for i in range(parts)
    ]
    reweighed = _reweigh(real, fake, subsets)
    counts = np.array([[part.stop - part.start for part in blocks(len(s))] for s in (real, fake)])
    sizes = np.array([counts[:, subset].sum(1) for subset in subsets])
    inside = np.array([[b in subset for subset in subsets] for b in range(BLOCKS)])
    changes = [np.outer(inside[b], counts[:, b]) for b in range(BLOCKS)]
    without, twice = (
        np.array([_intercept(1 / (sizes + sign * c), d) for c, d in zip(changes, ds, strict=True)])
        for sign, ds in ((-1, reweighed.without), (1, reweighed.twice))
    )
    value = max(_intercept(1 / sizes, reweighed.values), 0.0)
    estimate = skewed_jackknife(
        value, without.tolist(), len(real), len(fake), ((twice - without) / 2).tolist()
    )
    method = f"{estimate.method}, extrapolated in 1/n and 1/m"
    return replace(estimate, low=max(estimate.low, 0.0), method=method)


def samples_needed(dimensions: int) -> int:
    """Samples a side below which a Fréchet distance is flagged: 10 (d + 5).

    Two samples of n from one Gaussian of covariance C are not at distance 0. To leading order, with
    ν = 1/n₁ + 1/n₂ and λ the eigenvalues of C, the means add ν tr C, and the covariances add
    ½ Σᵢⱼ E|Eᵢⱼ|² / (λᵢ + λⱼ), where E is the difference of two Wishart matrices and
    E|Eᵢⱼ|² = ν λᵢλⱼ (1 + δᵢⱼ). Together

        bias = ν (tr C + ½ Σᵢⱼ λᵢλⱼ / (λᵢ + λⱼ) + ¼ tr C) ≤ ν tr C (d + 5) / 4,

    as λᵢλⱼ / (λᵢ + λⱼ) ≤ (λᵢ + λⱼ) / 4; equality holds where all λ are equal. So with 10 (d + 5)
    samples on each side the bias is at most a twentieth of the total variance tr C; a spectrum that
    decays has less. At n ≤ d covariances are singular and the expansion says nothing.
    """
    return 10 * (dimensions + 5)


def same_width(real: Tensor, fake: Tensor) -> None:
    """Refuse two samples (or means) whose last axes differ.

    Raises:
        BadInput: They do.
    """
    if real.shape[-1] != fake.shape[-1]:
        raise BadInput(
            f"Real features have {real.shape[-1]} dimensions and generated ones {fake.shape[-1]}: "
            "take both from the same network."
        )


class _Reweighed(NamedTuple):
    """Distances of subsets, and of the same subsets without each block and with it twice.

    Attributes:
        values: (subsets,).
        without: (blocks, subsets); where a block is not in the subset, the subset's distance.
        twice: The same with the block counted twice.
    """

    values: np.ndarray
    without: np.ndarray
    twice: np.ndarray


def _reweigh(real: Tensor, fake: Tensor, subsets: Sequence[range]) -> _Reweighed:
    """Distances of subsets, which are runs of blocks, without and with twice each of these."""
    same_width(real, fake)
    thin = max(len(real), len(fake)) <= real.shape[1]
    return _from_rows(real, fake, subsets) if thin else _from_moments(real, fake, subsets)


def _from_moments(real: Tensor, fake: Tensor, subsets: Sequence[range]) -> _Reweighed:
    parts = list(zip(blocks(len(real)), blocks(len(fake)), strict=True))
    none = (Moments.of(real[:0]), Moments.of(fake[:0]))
    whole = [none] * len(subsets)
    for b, (i, j) in enumerate(parts):
        block = (Moments.of(real[i]), Moments.of(fake[j]))
        for k, subset in enumerate(subsets):
            if b in subset:
                whole[k] = (whole[k][0].plus(block[0]), whole[k][1].plus(block[1]))
    values = [frechet_distance(*pair) for pair in whole]
    without, twice = np.tile(values, (2, len(parts), 1))
    for b, (i, j) in enumerate(parts):
        # Made once more rather than kept: twenty blocks of covariances would fill the memory.
        block = (Moments.of(real[i]), Moments.of(fake[j]))
        for k, subset in enumerate(subsets):
            if b in subset:
                x, y = whole[k]
                without[b, k] = frechet_distance(x.minus(block[0]), y.minus(block[1]))
                twice[b, k] = frechet_distance(x.plus(block[0]), y.plus(block[1]))
    return _Reweighed(np.array(values), without, twice)


def _from_rows(real: Tensor, fake: Tensor, subsets: Sequence[range]) -> _Reweighed:
    parts = list(zip(blocks(len(real)), blocks(len(fake)), strict=True))

    def distance(members: list[int]) -> float:
        return _thin_distance(
            torch.cat([real[parts[b][0]] for b in members]),
            torch.cat([fake[parts[b][1]] for b in members]),
        )

    values = [distance(list(subset)) for subset in subsets]
    without, twice = np.tile(values, (2, len(parts), 1))
    for k, subset in enumerate(subsets):
        for b in subset:
            without[b, k] = distance([other for other in subset if other != b])
            twice[b, k] = distance([*subset, b])
    return _Reweighed(np.array(values), without, twice)


def _thin_distance(real: Tensor, fake: Tensor) -> float:
    """The distance from rows: with Cᵢ = AᵢᵀAᵢ, the trace of the root is Σ √λ(GGᵀ), G = A₁A₂ᵀ."""
    smaller, larger = sorted((real.double(), fake.double()), key=len)
    means = (smaller.mean(0), larger.mean(0))
    gap = float((means[0] - means[1]).square().sum())
    few, many = smaller - means[0], larger - means[1]
    sizes = (
        float(few.square().sum()) / (len(few) - 1),
        float(many.square().sum()) / (len(many) - 1),
    )
    if min(sizes) == 0:
        return _distance(gap, sizes, None, 0)
    few = few / math.sqrt(sizes[0] * (len(few) - 1))
    many = many / math.sqrt(sizes[1] * (len(many) - 1))
    root = few @ many.T
    return _distance(gap, sizes, root @ root.T, len(few) - 1)


def _distance(gap: float, sizes: tuple[float, float], product: Tensor | None, rank: int) -> float:
    """‖μ₁ − μ₂‖² + (√t₁ − √t₂)² + 2 √(t₁t₂) (1 − Σ √λ), where each term is zero or more.

    Args:
        gap: ‖μ₁ − μ₂‖².
        sizes: The traces t of both covariances.
        product: LᵀCL of covariances divided by their traces; None if one of them is 0.
        rank: How many of its eigenvalues can be above zero.
    """
    if not math.isfinite(gap + sum(sizes)):
        raise BadInput(NOT_FINITE)
    first, second = math.sqrt(sizes[0]), math.sqrt(sizes[1])
    share = 0.0
    if product is not None and len(product):
        spectrum = torch.linalg.eigvalsh(product)[-rank:].clamp(min=0)
        share = min(float(spectrum.sqrt().sum()), 1.0)
    return gap + (first - second) ** 2 + 2 * first * second * (1 - share)


def _positive(trace: Tensor) -> float:
    """The trace of a covariance, which taking blocks out can leave below zero by rounding."""
    return max(float(trace), 0.0)


def _intercept(inverse: np.ndarray, distances: np.ndarray) -> float:
    """Value at 0 of the least-squares line through the averages of each subset size.

    Args:
        inverse: 1/n and 1/m of each subset, (subsets, 2).
        distances: (subsets,).
    """
    starts = np.cumsum((0, *PARTS[:-1]))
    x = np.add.reduceat(inverse.sum(1), starts) / PARTS
    y = np.add.reduceat(distances, starts) / PARTS
    off = x - x.mean()
    return float(y.mean() - x.mean() * (off @ y) / (off @ off))


def _add_upper(total: Tensor, rows: Tensor) -> None:
    """Add rowsᵀ rows to ``total`` on and above its diagonal: half of the work."""
    d = rows.shape[1]
    if d <= LEAF:
        total.addmm_(rows.T, rows)
        return
    half = d // 2
    total[:half, half:].addmm_(rows[:, :half].T, rows[:, half:])
    _add_upper(total[:half, :half], rows[:, :half])
    _add_upper(total[half:, half:], rows[:, half:])


def _mirror(total: Tensor) -> None:
    """Copy to below the diagonal what ``_add_upper`` left out."""
    d = len(total)
    if d > LEAF:
        half = d // 2
        total[half:, :half] = total[:half, half:].T
        _mirror(total[:half, :half])
        _mirror(total[half:, half:])
