"""Kernel distance: squared maximum mean discrepancy with the cubic kernel, without bias.

    k(x, y) = (x·y / d + 1)³
    MMD² = E k(x, x′) + E k(y, y′) − 2 E k(x, y),   x, x′ ~ p and y, y′ ~ q independent

The kernel of Bińkowski et al. 2018 (Demystifying MMD GANs), the estimator without bias of Gretton
et al. 2012: a sample is never paired with itself, so that the estimate of a distance of zero is
negative about half of the time.

Precision. The kernel is not shift invariant, and for features that are all positive the three means
are large and nearly equal: cubes of float32 products lose the digits in which they differ. With μ
and ν the two samples' means, u = x − μ and v = y − ν,

    x·y/d + 1 = t + g,   t = α(u) + β(v),   g = u·v/d,
    α(u) = (1 + μ·ν/d) / 2 + ν·u/d,   β(v) = (1 + μ·ν/d) / 2 + μ·v/d,
    (t + g)³ = t³ + 3 t² g + g² (3 t + g).

The sums of the first two terms over pairs factor into sums over samples; only the last term needs
every pair, and it hardly needs digits: g is a product of deviations from the samples' own means,
about 1/√d of their squares, and the term holds what second and third moments add to the distance.
So u and v of many dimensions are multiplied in bfloat16 where PyTorch can do that with sums in
float32 (``products``), and in float32 elsewhere. This is as if each deviation had been rounded to
eight binary digits, which moves the distance by less than a hundredth of its interval (tested
against float64). Float64 features are multiplied as they are. Sums of tiles are added up in
float64. Features are first divided by a power of two near their largest magnitude, so that nothing
overflows on the way.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from saddlepoint.errors import BadInput
from saddlepoint.metrics.estimate import Estimate, blocks, skewed_jackknife
from saddlepoint.metrics.frechet import NOT_FINITE, same_width

TILE = 1024  # side of the squares in which the Gram matrix exists
LEAF = 128  # side below which a symmetric square is made whole
MANY = 256  # dimensions from which on products may be bfloat16's


class Subsets(NamedTuple):
    """Kernel distances of random subsets.

    Attributes:
        mean: Their mean.
        std: Their standard deviation, dividing by their number. Subsets share samples: this is not
            the standard error of the mean.
    """

    mean: float
    std: float


def kernel_distance(real: Tensor, fake: Tensor) -> float:
    """MMD² from all pairs of ``real`` (n, d) and ``fake`` (m, d); may be negative.

    Makes (n² + m²) / 2 + n m kernel values, of which 1024 × 1024 exist at a time.

    Raises:
        BadInput: Different widths, fewer than two samples on a side, or values that are not finite
            or whose sixth powers are not.

    Example:
        >>> import torch
        >>> from saddlepoint.metrics.kernel import kernel_distance
        >>> real, fresh = torch.randn(2, 400, 3, generator=torch.Generator().manual_seed(0))
        >>> abs(kernel_distance(real, fresh)) < 0.1
        True
        >>> kernel_distance(real, fresh + 1) > 5
        True
    """
    x, y, scale = _centred(real, fake)
    sums = _sums(x.weighted(None), y.weighted(None))
    return _checked(scale * sums.distance(len(real), len(fake)))


def kernel_estimate(real: Tensor, fake: Tensor) -> Estimate:
    """MMD² from all pairs, with its interval.

    The kernel is summed over each pair of blocks once; the value without a block is the rest of
    these 3 · 20 · 20 sums, so that the interval costs next to nothing. Influences of blocks are
    those on MMD² of distributions in which a block is absent or twice as frequent, where a sample
    is paired with itself too: one sample far off adds nothing to the value, which leaves that pair
    out, but says that there may be more like it.

    Cubes have long tails, and intervals miss nearly always because they lie too low. For what data
    they covered how often, see ``skewed_jackknife`` and docs/evaluation.md.

    Raises:
        BadInput: As ``kernel_distance``, or fewer than 40 samples on a side.
    """
    x, y, scale = _centred(real, fake)
    counts = [[part.stop - part.start for part in blocks(len(s))] for s in (real, fake)]
    owners = [torch.arange(len(c)).repeat_interleave(torch.tensor(c)) for c in counts]
    member = [functional.one_hot(owner, len(counts[0])) for owner in owners]
    x, y = x.weighted(member[0]), y.weighted(member[1])
    sums = _sums(x, y)
    n, m = len(real), len(fake)
    value = _checked(scale * sums.distance(n, m))
    replicates = [
        scale * sums.without(b).distance(n - counts[0][b], m - counts[1][b])
        for b in range(len(counts[0]))
    ]
    itself = [(s.weight.double().T @ s.with_itself()).cpu().numpy() for s in (x, y)]
    full = sums.with_diagonals(*itself)
    influences = [
        scale * (full.weighted(b, 2.0, counts) - full.weighted(b, 0.0, counts)) / 2
        for b in range(len(counts[0]))
    ]
    return skewed_jackknife(value, replicates, n, m, influences)


def kernel_distance_subsets(
    real: Tensor, fake: Tensor, subsets: int = 100, size: int = 1000, seed: int = 0
) -> Subsets:
    """Mean of MMD² over pairs of random subsets, as published figures are usually made.

    Each pair is ``size`` real and ``size`` generated samples without replacement. The mean has the
    same expectation as ``kernel_distance`` and a larger variance: use it for comparison with
    others' figures only. Subsets come from NumPy's frozen generator MT19937, in the order in which
    torch-fidelity draws them, so that an equal seed gives its figure up to rounding.

    Where all pairs are hardly more than those within the subsets, each is made once and subsets are
    sums over them: gathering subsets costs about a quarter of their products.

    Reference: Bińkowski et al., Demystifying MMD GANs, 2018.

    Raises:
        BadInput: As ``kernel_distance``, or ``size`` below 2 or above the number of samples.
    """
    n, m = len(real), len(fake)
    if not 2 <= size <= min(n, m):
        raise BadInput(
            f"Subsets of {size} need at least 2 and at most all samples, and there are {n} real "
            f"and {m} generated ones: choose another size."
        )
    if subsets < 1:
        raise BadInput(f"The mean over {subsets} subsets is not defined: ask for at least one.")
    x, y, scale = _centred(real, fake)
    random = np.random.RandomState(seed)
    drawn = [
        [torch.from_numpy(random.choice(len(u), size, replace=False)) for u in (real, fake)]
        for _ in range(subsets)
    ]
    if (n + m) ** 2 * (real.shape[1] + subsets) <= 5 * subsets * size**2 * real.shape[1]:
        member = [torch.zeros(len(u), subsets) for u in (real, fake)]
        for k, pair in enumerate(drawn):
            member[0][pair[0], k] = 1
            member[1][pair[1], k] = 1
        sums = _sums(x.weighted(member[0]), y.weighted(member[1]))
        values = [sums.of(k).distance(size, size) for k in range(subsets)]
    else:
        values = [
            _sums(x.rows(i).weighted(None), y.rows(j).weighted(None)).distance(size, size)
            for i, j in drawn
        ]
    return Subsets(_checked(scale * float(np.mean(values))), scale * float(np.std(values)))


class _Sums(NamedTuple):
    """Sums of kernel values over pairs of groups, a sample's pair with itself left out.

    Attributes:
        xx: Real with real, (groups, groups) float64.
        xy: Real with generated.
        yy: Generated with generated.
    """

    xx: np.ndarray
    xy: np.ndarray
    yy: np.ndarray

    def distance(self, n: int, m: int) -> float:
        """MMD² of everything in these sums, n real and m generated samples."""
        within = self.xx.sum() / (n * (n - 1)) + self.yy.sum() / (m * (m - 1))
        return float(within - 2 * self.xy.sum() / (n * m))

    def with_diagonals(self, x: np.ndarray, y: np.ndarray) -> _Sums:
        """The sums with each sample's pair with itself, (groups,) of each side, put in."""
        return _Sums(self.xx + np.diag(x), self.xy, self.yy + np.diag(y))

    def weighted(self, group: int, weight: float, counts: list[list[int]]) -> float:
        """MMD² of the distributions in which one group of each side has another weight.

        The sums must hold the samples' pairs with themselves: MMD² of all pairs is unbiased for
        this, should samples be drawn from there anew.
        """
        w = np.ones(len(self.xx))
        w[group] = weight
        n, m = (float(w @ sizes) for sizes in counts)
        within = w @ self.xx @ w / n**2 + w @ self.yy @ w / m**2
        return float(within - 2 * (w @ self.xy @ w) / (n * m))

    def without(self, group: int) -> _Sums:
        """The sums with a group of each side deleted."""
        return _Sums(*(np.delete(np.delete(s, group, 0), group, 1) for s in self))

    def of(self, group: int) -> _Sums:
        """The sums within one group of each side alone."""
        return _Sums(*(s[group, group] for s in self))


class _Side(NamedTuple):
    """One sample, ready for sums of (α(u) + β(v) + u·v)³.

    Attributes:
        u: Scaled deviations from the sample's mean, over √d, (n, d).
        alpha: Its share of what all pairs with the sample that it faces have in common, (n,)
            float64.
        square: |u|², (n,) float64.
        weight: How much of each sample each group has, (n, groups) in the dtype of ``u``.
    """

    u: Tensor
    alpha: Tensor
    square: Tensor
    weight: Tensor

    def rows(self, index: Tensor | slice) -> _Side:
        """The samples at an index."""
        return _Side(*(field[index] for field in self))

    def halves(self) -> tuple[_Side, _Side]:
        """First and second half."""
        half = len(self.u) // 2
        return self.rows(slice(None, half)), self.rows(slice(half, None))


class _Sample(NamedTuple):
    """A sample's deviations from its mean μ, with what pairs need to know of both means.

    Attributes:
        u: Scaled deviations (n, d), over √d.
        share: (1 + |μ|²/d) / 2 + μ·u/d, the share α of pairs within the sample, (n,) float64.
        other: (1 + μ·ν/d) / 2 + ν·u/d, that of pairs with the other sample, of mean ν.
        square: |u|², (n,) float64.
        weight: As in ``_Side``.
    """

    u: Tensor
    share: Tensor
    other: Tensor
    square: Tensor
    weight: Tensor

    def weighted(self, weight: Tensor | None) -> _Sample:
        """The same with other groups; None for one group of all."""
        if weight is None:
            weight = self.u.new_ones(len(self.u), 1)
        return self._replace(weight=weight.to(self.u))

    def rows(self, index: Tensor) -> _Sample:
        """The samples at an index; the means stay, as any centres will do."""
        return _Sample(*(field[index] for field in self))

    def with_itself(self) -> Tensor:
        """The kernel of each sample and itself, (n,) float64."""
        return (2 * self.share + self.square) ** 3

    def within(self) -> _Side:
        """A factor of pairs within the sample."""
        return _Side(self.u, self.share, self.square, self.weight)

    def between(self) -> _Side:
        """A factor of pairs with the other sample."""
        return _Side(self.u, self.other, self.square, self.weight)


def _centred(real: Tensor, fake: Tensor) -> tuple[_Sample, _Sample, float]:
    """Both samples less their means, over √d and a power s of two; and s⁶.

    The expansion holds for any centres, so that means may be rounded. s is at least half of the
    largest magnitude and 1; a power of two costs no digit.
    """
    same_width(real, fake)
    if min(len(real), len(fake)) < 2:
        raise BadInput(
            f"A kernel distance needs 2 samples on each side, and there are {len(real)} and "
            f"{len(fake)}."
        )
    fine = torch.float64 if torch.float64 in (real.dtype, fake.dtype) else torch.float32
    samples = [side.to(fine) for side in (real, fake)]
    d = real.shape[1]
    largest = _checked(max(float(max(-low, high)) for low, high in map(torch.aminmax, samples)))
    exponent = max(0, math.frexp(largest)[1] - 1)
    if 6 * exponent > 1000:
        raise BadInput(f"Features of magnitude {largest:.1e} are too large for a cubic kernel.")
    size = 2.0**exponent
    scaled = [features / size for features in samples]
    means = [features.mean(0) for features in scaled]
    both = torch.stack(means).double() / math.sqrt(d)
    common = (size**-2 + both @ both.T) / 2
    sides = []
    for side, (features, mean) in enumerate(zip(scaled, means, strict=True)):
        u = features.sub_(mean).div_(math.sqrt(d))
        alpha = common[side] + torch.cat([part.double() @ both.T for part in u.split(TILE)])
        square = torch.linalg.vector_norm(u, dim=1).double().square()
        sides.append(_Sample(u, alpha[:, side], alpha[:, 1 - side], square, square[:, None]))
    return sides[0], sides[1], size**6


def _sums(x: _Sample, y: _Sample) -> _Sums:
    """Sums of the kernel over pairs of groups of two samples."""
    ours, theirs = x.between(), y.between()
    between = _smooth(_factors(ours), _factors(theirs)) + _rough(ours, theirs)
    return _Sums(_within(x.within()), between.cpu().numpy(), _within(y.within()))


def _within(x: _Side) -> np.ndarray:
    """Sums of the kernel over pairs of different samples of one sample."""
    factors = _factors(x)
    total = _smooth(factors, factors) - _smooth_diagonal(x) + _rough_within(x)
    return total.cpu().numpy()


class _Factors(NamedTuple):
    """Σ w αᵏ for k = 0 … 3, (4, groups), and Σ w αᵏ u for k = 0, 1, 2, (3, groups, d); float64."""

    scalars: Tensor
    vectors: Tensor


def _factors(x: _Side) -> _Factors:
    powers = torch.stack([x.alpha**k for k in range(4)])[:, None] * x.weight.T
    vectors = powers[:3].to(x.u).flatten(0, 1) @ x.u
    return _Factors(powers.sum(2), vectors.double().unflatten(0, (3, -1)))


def _smooth(x: _Factors, y: _Factors) -> Tensor:
    """Sums of t³ + 3 t² g over all pairs, each pair of a sample with itself included."""
    total = torch.zeros_like(x.vectors[0] @ y.vectors[0].T)
    for k in range(4):
        total += math.comb(3, k) * torch.outer(x.scalars[3 - k], y.scalars[k])
    for k in range(3):
        total += 3 * math.comb(2, k) * (x.vectors[2 - k] @ y.vectors[k].T)
    return total


def _smooth_diagonal(x: _Side) -> Tensor:
    """What a sample's pair with itself adds to ``_smooth``."""
    t = 2 * x.alpha
    weight = x.weight.double()
    return weight.T @ ((t**3 + 3 * t**2 * x.square)[:, None] * weight)


def _rough(x: _Side, y: _Side) -> Tensor:
    """Sums of g² (3 t + g) over all pairs of two samples."""
    if max(len(x.u), len(y.u)) > TILE:
        if len(x.u) >= len(y.u):
            first, second = x.halves()
            return _rough(first, y) + _rough(second, y)
        first, second = y.halves()
        return _rough(x, first) + _rough(x, second)
    return _weigh(x, y, products(x.u, y.u))


def _rough_within(x: _Side) -> Tensor:
    """Sums of g² (3 t + g) over all pairs of different samples of one sample."""
    if len(x.u) <= LEAF:
        return _weigh(x, x, products(x.u, x.u).fill_diagonal_(0))
    first, second = x.halves()
    across = _rough(first, second)
    return _rough_within(first) + across + across.T + _rough_within(second)


def products(u: Tensor, v: Tensor) -> Tensor:
    """Products u vᵀ: float32 of many dimensions multiplied in bfloat16, added up in float32.

    Where the processor has no units for it, PyTorch goes on in float32; so do other devices, and
    PyTorch before 2.9, which cannot be asked for it in this operation alone.
    """
    switch = getattr(torch.backends.mkldnn, "matmul", None)
    if switch is None or u.device.type != "cpu" or u.dtype != torch.float32 or u.shape[1] < MANY:
        return u @ v.T
    before = switch.fp32_precision
    switch.fp32_precision = "bf16"
    try:
        return u @ v.T
    finally:
        switch.fp32_precision = before


def _weigh(x: _Side, y: _Side, g: Tensor) -> Tensor:
    values = (g + (3 * x.alpha).to(g)[:, None]).add_((3 * y.alpha).to(g)).mul_(g).mul_(g)
    return x.weight.double().T @ (values @ y.weight).double()


def _checked(value: float) -> float:
    if not math.isfinite(value):
        raise BadInput(NOT_FINITE)
    return value
