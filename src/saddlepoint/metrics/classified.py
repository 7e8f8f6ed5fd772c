"""Scores of generated samples that a classifier has looked at.

None of them looks at a single real sample, beyond the shares of its classes: a generator that
returns one perfect example of every class has the best scores. They say something about a
generator only beside a figure that compares samples with real ones, and beside the same scores of
real data.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import optimize, special, stats
from torch import Tensor

from saddlepoint.errors import BadInput
from saddlepoint.metrics.estimate import BLOCKS, LEVEL, Estimate, blocks, jackknife
from saddlepoint.metrics.modes import RADIUS

Array = NDArray[np.float64]

DRAWS = 1000  # of class counts, for the mean and the variance of the divergence at its floor


@dataclass(frozen=True)
class ModeCoverage:
    """How generated samples spread over the classes.

    Attributes:
        found: Classes with at least one sample; estimates the number that is expected in n samples.
        kl: KL(q̂‖reference) in nats, q̂ the samples' shares; estimates its expectation at n, which
            for a perfect sampler is not 0 but about `kl_floor`. Infinite if a class is generated
            that the reference does not have.
        total: Classes that the reference has.
    """

    found: Estimate
    kl: Estimate
    total: int


def inception_type_score(probabilities: Tensor) -> Estimate:
    """exp(E KL(p(y|x) ‖ p(y))), the Inception score's formula for any classifier.

    It runs from 1 (all predictions are alike) to the number of classes (every prediction is
    certain, and all classes are equally frequent). p(y) is the mean over all samples: not, as in
    the published figures, over ten splits whose scores are averaged. The estimate is biased
    downwards, because the entropy of an estimated p(y) is: the log score lies

        Σ_y Var p(y|x) / (2 n p(y))

    too low on average, (classes − 1) / (2n) for certain predictions; with ten splits, ten times
    as much. Quote n, and do not compare with published Inception scores: the classifier differs.

    The interval is a delete-block jackknife. The score is a smooth function of means, for which
    the jackknife is valid; near the upper end the derivative vanishes, and there it overstates
    the variance. Both ends are kept within the score's bounds.

    Args:
        probabilities: p(y|x), a row (classes,) for each of n generated samples, in random order.

    Raises:
        BadInput: Not rows of probabilities, or fewer than four of them.

    Reference: Salimans et al., Improved Techniques for Training GANs, 2016, section 4.
    """
    _check_probabilities(probabilities)
    n, classes = probabilities.shape
    if n < 4:
        raise BadInput(f"a score of class probabilities needs at least 4 samples, and not {n}.")
    parts = blocks(n, min(BLOCKS, n // 2))
    sums, negentropies, sizes = np.zeros((len(parts), classes)), np.zeros(len(parts)), []
    for b, part in enumerate(parts):
        p = probabilities[part].to(torch.float64)
        p = p / p.sum(1, keepdim=True)
        sums[b] = p.sum(0).cpu().numpy()
        negentropies[b] = float(torch.special.xlogy(p, p).sum())
        sizes.append(len(p))

    def score(total: Array, negentropy: float, count: int) -> float:
        marginal = total / count
        return math.exp(negentropy / count - float(special.xlogy(marginal, marginal).sum()))

    total, negentropy = sums.sum(0), float(negentropies.sum())
    without = [
        score(total - s, negentropy - h, n - size)
        for s, h, size in zip(sums, negentropies, sizes, strict=True)
    ]
    # equal predictions give 1 less a rounding error
    value = min(max(score(total, negentropy, n), 1.0), float(classes))
    estimate = jackknife(value, without, 0, n)
    low, high = max(estimate.low, 1.0), min(estimate.high, float(classes))
    return replace(estimate, low=min(low, value), high=max(high, value))


def mode_coverage(
    labels_or_probabilities: Tensor,
    classes: int,
    reference: Tensor | None = None,
    seed: int = 0,
) -> ModeCoverage:
    """Modes found and KL(q̂‖reference) of the classes of n generated samples.

    The divergence is the field's "reverse KL" (as in `metrics.modes`): samples' shares first. Both
    scores depend on n: a perfect sampler has about ``kl_floor(classes, n)``, 0.0193 ± 0.0009 for
    26,000 samples of 1,000 classes, and finds ``expected_modes`` of them. The reference counts as
    known: real data's shares have their own sampling error, of which the interval does not know.

    No interval comes from the jackknife. For a sampler whose shares are the reference's, the
    divergence is quadratic in the shares' errors; 2n times it tends to χ² with classes − 1
    degrees of freedom, the jackknife has twice the right variance for that and the wrong shape.
    And no class that was not seen can be missed more by leaving samples out.

    Instead, the divergence is modelled as b + a·χ'², noncentral with ν degrees of freedom. At
    noncentrality 0 it has the mean and variance found in ``DRAWS`` multinomial draws of n samples
    from the smoothest shares that fit: the reference's shape among classes seen, and among
    unseen ones, which get the Good–Turing mass (singletons + 1) / (n + 1). Its variance grows by
    c/n times the rise in the mean, where c is the variance of log(q/smooth) over its mean under q,
    2 close to the floor. With that, a = c/(4n), and the ends are the expectations at which the
    value seen is at the 97.5 % and at the 2.5 % point. Simulated (10 and 1,000 classes, from 1 to
    2,600 samples a class, even, tilted, collapsed and heavy-tailed samplers) it covers in 92 % or
    more; with classes missing it is too wide, because classes might be rare rather than missing.

    For the number found, the interval is ± (1.96 σ + min(σ², 1)/2), the second term because the
    number is whole, with σ² the variance of that of a multinomial sample. Unseen classes share
    (singletons + 1) / (n + 1) for the upper end and singletons / n for the lower one: finding k
    classes, each of them often, says that n samples find at least k, but not that the next n find
    no more. Nor are they sure to find all: the upper end stays below the number that there are,
    k + u (1 − exp(−m/u)) for u unseen classes, with m the upper end of the singletons' Poisson
    interval. For the classes seen σ² is the larger one of two: with their shares as seen, and with
    those between them and the smoothest. The first knows that a class seen once was nearly missed,
    whatever the reference says of it; the second, where classes are many and counts are small, that
    not every class seen once is rare. Simulated with up to half of the classes rare (0.3 to 5
    expected samples each, of 10 to 1,000 classes) it covers in 90 % or more. It is about an
    expectation: [9.1, 10] beside 10 found says that other n samples may well miss one.

    Args:
        labels_or_probabilities: Classes (n,) as integers from 0, or p(y|x) (n, classes), of which
            the largest counts.
        classes: How many classes there are.
        reference: Shares (classes,) that the samples ought to have, uniform if None. Integers are
            taken for counts in real data, and their sum for its size.
        seed: Decides the draws.

    Raises:
        BadInput: Labels or the reference do not fit the number of classes; no samples.

    References: Lin et al., PacGAN, 2018 (the protocol); Good, The Population Frequencies of Species
    and the Estimation of Population Parameters, 1953 (unseen mass).
    """
    counts = _counts(labels_or_probabilities, classes)
    shares, n_real = _shares(reference, classes)
    n, present = int(counts.sum()), shares > 0
    total = int(present.sum())
    value = float(_divergence(counts[None], shares)[0])
    target, spread = _smoothest(counts, shares)
    random = np.random.default_rng(seed)
    if (counts[~present] > 0).any():
        kl = Estimate(math.inf, math.inf, math.inf, "a class that the reference lacks", n_real, n)
        weight = 1.0
    else:
        alive = target > 0  # numpy's last class takes what rounding leaves
        draws = random.multinomial(n, target[alive] / target[alive].sum(), size=DRAWS)
        divergences = _divergence(draws.astype(np.float64), shares[alive])
        floor, variance = float(divergences.mean()), float(divergences.var())
        apart, _ = _log_ratio(spread, target)
        weight = math.sqrt(min(max(value - floor, 0.0) / apart, 1.0)) if apart > 0 else 0.0
        mean, square = _log_ratio(target + weight * (spread - target), target)
        growth = square / mean if mean > 1e-12 else 2.0
        low, high = _ends(value, floor, variance, growth, n)
        method = "noncentral χ² about simulated floor"
        kl = Estimate(value, low, high, method, n_real, n)
    seen = int((counts[present] > 0).sum())
    above = _reach_of_found(target, spread, weight, n)
    below = _reach_of_found(*_smoothest(counts, shares, spare=0), weight, n)
    low = max(seen - below, 0.0)
    high = min(seen + above, _most_found(seen, total, int((counts == 1).sum())))
    method = "multinomial, unseen classes by Good–Turing"
    return ModeCoverage(Estimate(seen, low, high, method, n_real, n), kl, total)


def coverage_of_modes(
    points: Tensor, centres: np.ndarray, std: float, seed: int = 0
) -> ModeCoverage:
    """``mode_coverage`` of a mixture's modes, by those points that lie within three deviations.

    Args:
        points: (n, 2).
        centres: (K, 2).
        std: Standard deviation of each mode.
        seed: Decides the draws.
    """
    nearest = torch.cdist(points.double(), torch.from_numpy(centres).double()).min(1)
    good = nearest.values < RADIUS * std
    if not good.any():
        nothing = Estimate(0.0, 0.0, 0.0, "no sample near a mode", 0, len(points))
        unknown = Estimate(math.inf, math.inf, math.inf, nothing.method, 0, len(points))
        return ModeCoverage(nothing, unknown, len(centres))
    return mode_coverage(nearest.indices[good], len(centres), seed=seed)


def kl_floor(classes: int, n: int) -> float:
    """(classes − 1) / (2n): the expected KL(q̂‖q) of n samples from q itself, to first order.

    2n·KL tends to χ² with classes − 1 degrees of freedom, so its standard deviation is
    √((classes − 1) / 2) / n. The next term is (Σ 1/qᵧ − 1) / (12 n²).
    """
    return (classes - 1) / (2 * n)


def expected_modes(shares: Array, n: int) -> float:
    """Σ_y (1 − (1 − q_y)ⁿ): how many classes n samples from ``shares`` q (classes,) find."""
    with np.errstate(divide="ignore"):
        return float(-np.expm1(n * np.log1p(-np.asarray(shares, dtype=np.float64))).sum())


def _divergence(counts: Array, shares: Array) -> Array:
    """KL (draws,) of the shares of each row of ``counts`` (draws, classes) from ``shares``."""
    q = counts / counts.sum(1, keepdims=True)
    # rounding may leave −1e-17 where the shares agree
    return np.maximum(special.rel_entr(q, shares).sum(1), 0.0)


def _smoothest(counts: Array, shares: Array, spare: int = 1) -> tuple[Array, Array]:
    """The smoothest shares that fit the counts, and those seen with as much mass unseen.

    Unseen classes get the mass of the samples that are alone in their class, and of ``spare`` more.
    """
    n, seen = counts.sum(), counts > 0
    unseen = float(shares[~seen].sum())
    mass = min(((counts == 1).sum() + spare) / (n + spare), 0.999) if unseen > 0 else 0.0
    rest = mass * shares / unseen if unseen > 0 else np.zeros_like(shares)
    inside = float(shares[seen].sum())
    smooth = shares / inside if inside > 0 else counts / n
    return np.where(seen, (1 - mass) * smooth, rest), np.where(seen, (1 - mass) * counts / n, rest)


def _log_ratio(q: Array, target: Array) -> tuple[float, float]:
    """Mean and variance of log(q/target) under q."""
    ratio = np.log(np.divide(q, target, out=np.ones_like(q), where=(q > 0) & (target > 0)))
    mean = float((q * ratio).sum())
    return mean, float((q * (ratio - mean) ** 2).sum())


def _ends(
    value: float, floor: float, variance: float, growth: float, n: int
) -> tuple[float, float]:
    """Ends of the interval for the expected divergence, by inverting b + a·χ'²_ν(λ)."""
    if variance <= 0:  # there is only one class
        return value, value
    scale = growth / (4 * n)
    freedom = variance / (2 * scale**2)
    start = floor - scale * freedom
    x = (value - start) / scale

    def end(level: float) -> float:
        def excess(noncentrality: float) -> float:
            return float(special.chndtr(x, freedom, noncentrality)) - level

        if x <= 0 or excess(0.0) <= 0:  # the value lies below that point even at the floor
            return value - (start + scale * float(stats.chi2.ppf(level, freedom))) + floor
        top = 1.0
        while excess(top) > 0:
            top *= 2
        return floor + scale * float(optimize.brentq(excess, 0.0, top, xtol=1e-9 * top))

    tail = (1 - LEVEL) / 2
    # nothing is below the floor, which DRAWS draws know up to their standard error
    above = floor + 3 * math.sqrt(variance / DRAWS)
    return max(min(end(1 - tail), value), 0.0), max(end(tail), value, above)


def _reach_of_found(target: Array, spread: Array, weight: float, n: int) -> float:
    """Half of the interval of the number found, from shares as seen or nearer to the target."""
    mixed = target + weight * (spread - target)
    variance = max(_variance_of_found(mixed, n), _variance_of_found(spread, n))
    quantile = float(stats.norm.ppf((1 + LEVEL) / 2))
    return quantile * math.sqrt(variance) + min(variance, 1.0) / 2


def _most_found(seen: int, total: int, singletons: int) -> float:
    """The number of classes expected at most, where ``total`` − ``seen`` were not found.

    Unseen classes share m expected samples, of which Good and Turing's estimate is the number of
    ``singletons``; the upper end of its Poisson interval is taken for m. They add most if they are
    equally frequent: u (1 − exp(−m/u)), which is below u: a class that n samples lack is not sure
    to be found by the next n.
    """
    unseen = total - seen
    if not unseen:
        return float(total)
    mass = float(stats.gamma.ppf((1 + LEVEL) / 2, singletons + 1))
    return seen - unseen * math.expm1(-mass / unseen)


def _variance_of_found(q: Array, n: int) -> float:
    """Variance of the number of classes found in n samples of shares ``q``.

    Σ eᵧ(1 − eᵧ) − (Σ n qᵧ eᵧ)²/n with eᵧ = (1 − qᵧ)ⁿ: independent Poisson counts, given their sum.
    """
    empty = np.where(q < 1, np.exp(n * np.log1p(-np.minimum(q, 1 - 1e-16))), 0.0)
    variance = (empty * (1 - empty)).sum() - (n * q * empty).sum() ** 2 / n
    return max(float(variance), 0.0)


def _counts(labels_or_probabilities: Tensor, classes: int) -> Array:
    x = labels_or_probabilities
    if x.dim() == 2:
        _check_probabilities(x)
        if x.shape[1] != classes:
            raise BadInput(f"these are probabilities of {x.shape[1]} classes, and not {classes}.")
        x = x.argmax(1)
    elif x.dim() != 1 or x.is_floating_point() or x.is_complex():
        raise BadInput(
            "mode coverage takes classes (n,) as integers or probabilities (n, classes), and not "
            f"{str(x.dtype).removeprefix('torch.')} numbers of shape {tuple(x.shape)}."
        )
    if not len(x):
        raise BadInput("mode coverage needs at least one sample.")
    x = x.to(torch.int64)
    if int(x.min()) < 0 or int(x.max()) >= classes:
        raise BadInput(
            f"the labels run from {int(x.min())} to {int(x.max())}, and {classes} classes have "
            f"the labels 0 to {classes - 1}."
        )
    return torch.bincount(x, minlength=classes).to(torch.float64).cpu().numpy()


def _shares(reference: Tensor | None, classes: int) -> tuple[Array, int]:
    if reference is None:
        return np.full(classes, 1 / classes), 0
    weights = reference.to(torch.float64).cpu().numpy()
    bad = weights.shape != (classes,) or not np.isfinite(weights).all() or (weights < 0).any()
    if bad or weights.sum() <= 0:
        raise BadInput(
            f"the reference must be {classes} shares or counts, none negative and not all 0; this "
            f"has the shape {weights.shape}."
        )
    n_real = 0 if reference.is_floating_point() else int(weights.sum())
    return weights / weights.sum(), n_real


def _check_probabilities(p: Tensor) -> None:
    good = p.dim() == 2 and p.shape[1] > 0 and p.is_floating_point() and bool((p >= 0).all())
    if not good or bool(((p.sum(1, dtype=torch.float64) - 1).abs() > 1e-2).any()):
        raise BadInput(
            "class probabilities are a row (classes,) for each sample, none negative, that sums to "
            f"1; these have the shape {tuple(p.shape)}. Logits need a softmax first."
        )
