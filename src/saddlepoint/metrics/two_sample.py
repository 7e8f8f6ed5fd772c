"""Two-sample tests: whether real and generated samples may come from one distribution.

Both tests take features (n, d) of real and of generated samples and return a statistic with its
interval and a p-value under the null hypothesis that both were drawn independently from one
distribution. A small p-value says that they differ, a large one that this test at this n saw no
difference; the statistic says how large the difference is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import linalg, stats
from torch import Tensor

from saddlepoint.errors import BadInput
from saddlepoint.metrics.estimate import BLOCKS, LEVEL, Estimate, blocks, jackknife, proportion

Array = NDArray[Any]
# From training features (n, d), their classes (n,) in {0, 1} and test features (m, d) to the
# classes (m,) of the test features.
Classifier = Callable[[Array, Array, Array], Array]

CLIP = 9.0  # squared standard scores above 3² count as 3²: no single outlier decides
AXES = 256  # principal axes whose variances the classifier sees, at most


@dataclass(frozen=True)
class TwoSampleTest:
    """What a two-sample test found.

    Attributes:
        statistic: How far the samples are apart, with its interval.
        p_value: Probability, if both samples came from one distribution, of a statistic at least
            as large as the one seen.
    """

    statistic: Estimate
    p_value: float


def logistic(train: Array, labels: Array, test: Array) -> Array:
    """Logistic regression on means and variances, the default classifier of `classifier_test`.

    The regressors are the standardised coordinates z, their squares, and the squares of z along
    its principal axes (scaled to unit variance; at most ``AXES``, and one for every four training
    samples). All come from the training half and no label is used for them. Squares are clipped
    at three standard deviations and centred. The squared norm of the weights is penalised with
    the number of regressors as its factor, so that the log odds have a prior variance of about 1
    whatever d is; without that, d near n overfits and the power is gone.

    Why this one: linear regressors alone are blind to a generator that has the right mean and too
    little spread, which is the commonest failure; the squares see it. The principal axes see
    wrong correlations. Nearest neighbours see everything in few dimensions and lose their power
    in many: a mean shift of 0.7 σ in 500 dimensions gives them an accuracy near .53 where this
    gives .56 (2,000 training samples a class).
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    train, test = _standardised(train, test)
    axes = _principal_axes(train)

    def regressors(z: Array) -> Array:
        squares = np.concatenate([z, z @ axes], 1) ** 2
        return np.concatenate([z, (np.minimum(squares, CLIP) - 1) / math.sqrt(2)], 1)

    seen = regressors(train)
    with threadpool_limits(1):  # on a loaded machine, threads slow these small steps tenfold
        model = LogisticRegression(C=1 / seen.shape[1], max_iter=1000).fit(seen, labels)
    return np.asarray(model.predict(regressors(test)))


def neighbours(train: Array, labels: Array, test: Array) -> Array:
    """Majority of the √n nearest training samples, an odd number of them, in standardised features.

    Sees any difference in few dimensions; see `logistic` for many.
    """
    from sklearn.neighbors import KNeighborsClassifier

    train, test = _standardised(train, test)
    count = min(math.isqrt(len(train)) | 1, len(train))
    return np.asarray(KNeighborsClassifier(count).fit(train, labels).predict(test))


def classifier_test(
    real: Tensor,
    fake: Tensor,
    seed: int = 0,
    classifier: Classifier = logistic,
    limit: int = 5000,
) -> TwoSampleTest:
    """Classifier two-sample test (Lopez-Paz & Oquab 2017).

    As many samples of each class are drawn as both have, at most ``limit``, and each class is
    split into halves. A classifier learns to tell the classes apart on one half; the statistic is
    its accuracy on the other, 1/2 if nothing can be told. The interval (Clopper–Pearson) is that
    of this trained classifier's accuracy; training halves of other samples give other classifiers.

    The p-value is exact under the null for every classifier and n. The paper takes the accuracy
    for N(1/2, 1/(4 n_test)), the limit of n_test fair coins. Here the test half has exactly m
    samples of each class: given the classifier and the test features, every assignment of the
    classes is equally likely, so if k samples are called real, the number of those that are real
    is hypergeometric, and the accuracy grows with it. That tail is Fisher's exact test. It goes
    to the binomial one for large m; for small m the binomial one is too small, because with k
    fixed the number of right answers moves in steps of two. The p-value is valid if the samples
    are independent of each other and of the feature extractor: with extractors trained on the
    real samples themselves it is not.

    Args:
        real: Features (n, d) of real samples.
        fake: Features (m, d) of generated samples.
        seed: Decides the samples drawn and the split.
        classifier: What learns; `logistic` or `neighbours`, or one's own.
        limit: Most samples used of each.

    Raises:
        BadInput: Shapes do not fit, values that are not finite, or fewer than four samples.

    Reference: Lopez-Paz & Oquab, Revisiting Classifier Two-Sample Tests, ICLR 2017.
    """
    _check(real, fake)
    random = np.random.default_rng(seed)
    count = min(len(real), len(fake), limit)
    half = count // 2
    chosen = [_rows(x, random.permutation(len(x))[:count]) for x in (real, fake)]
    train, test = (
        np.concatenate([x[part].cpu().numpy() for x in chosen])
        for part in (slice(0, half), slice(half, None))
    )
    m = count - half
    is_real = np.repeat([1, 0], m)
    called = np.asarray(classifier(train, np.repeat([1, 0], half), test))
    right = int((called == is_real).sum())
    both = int(((called == 1) & (is_real == 1)).sum())
    p_value = float(stats.hypergeom.sf(both - 1, 2 * m, m, int((called == 1).sum())))
    return TwoSampleTest(proportion(right, 2 * m, count, count), min(p_value, 1.0))


def mmd_test(
    real: Tensor,
    fake: Tensor,
    permutations: int = 500,
    seed: int = 0,
    bandwidth: float | None = None,
    limit: int = 2000,
) -> TwoSampleTest:
    """Kernel two-sample test with a Gaussian kernel (Gretton et al. 2012).

    The statistic is the unbiased estimate of the squared maximum mean discrepancy

        MMD² = E k(x, x′) + E k(y, y′) − 2 E k(x, y),   k(a, b) = exp(−‖a − b‖² / (2σ²)),

    which is 0 in expectation under the null and may be negative. σ is the median distance of all
    pairs of the pooled sample; it does not change when samples change sides, so permuting is
    exact. If more than half of the pairs coincide, it is the root mean squared distance.

    p = (1 + #{permuted ≥ observed}) / (1 + permutations), which under the null is at most α with
    probability at most α, at every n (Phipson & Smyth 2010). All permutations are a few matrix
    products with one Gram matrix of at most (2 ``limit``)² float64 numbers, 128 MB by default.

    The interval is ± t √(v + v₀), σ held fixed: v from the delete-block jackknife, v₀ the variance
    of the permuted values. The jackknife alone covers about 90 % for weak differences, where the
    estimate is half degenerate and v is small whenever the value is; v₀ makes up for it. Under the
    null the jackknife overstates the variance by itself, and the interval is nearly twice as wide
    as it need be: there the p-value is the thing to look at.

    Args:
        real: Features (n, d) of real samples.
        fake: Features (m, d) of generated samples.
        permutations: How many, at least 19; the smallest p-value is 1 / (1 + permutations).
        seed: Decides permutations and the samples drawn.
        bandwidth: σ, in the units of the features; None for the median.
        limit: Most samples used of each; of more, a random choice is.

    Raises:
        BadInput: Shapes do not fit, values that are not finite, fewer than four samples, fewer
            than 19 permutations, or a bandwidth that is not positive.

    Reference: Gretton et al., A Kernel Two-Sample Test, JMLR 2012.
    """
    _check(real, fake)
    if permutations < 19 or (bandwidth is not None and not 0 < bandwidth < math.inf):
        raise BadInput(
            "a kernel test needs a positive bandwidth and at least 19 permutations, so that "
            f"p-values can reach 0.05; not bandwidth={bandwidth}, permutations={permutations}."
        )
    random = np.random.default_rng(seed)
    real, fake = (
        x if len(x) <= limit else _rows(x, np.sort(random.permutation(len(x))[:limit]))
        for x in (real, fake)
    )
    n, m = len(real), len(fake)
    gram = _gram(torch.cat([real, fake]).to(torch.float64), bandwidth)
    observed, replicates = _jackknifed(gram, n, m)
    parts = []
    for start in range(0, permutations, 256):
        count = min(256, permutations - start)
        sides = random.permuted(np.repeat([1.0, 0.0], [n, m])[None].repeat(count, 0), axis=1)
        columns = torch.from_numpy(sides.T.copy()).to(gram.device)
        parts.append(_mmd_of_sides(gram, columns, n, m).cpu().numpy())
    permuted = np.concatenate(parts)
    # equal statistics differ by rounding, and must count as reached
    reached = int((permuted >= observed - 1e-10).sum())
    jackknifed = jackknife(observed, replicates, n, m)
    quantile = float(stats.t.ppf((1 + LEVEL) / 2, len(replicates) - 1))
    half = math.hypot(jackknifed.high - observed, quantile * float(permuted.std()))
    method = f"{jackknifed.method}, and permutations"
    statistic = Estimate(observed, observed - half, observed + half, method, n, m)
    return TwoSampleTest(statistic, (1 + reached) / (1 + permutations))


def _standardised(train: Array, test: Array) -> tuple[Array, Array]:
    """Zero mean and unit variance on the training half; a constant coordinate becomes 0."""
    mean, deviation = train.mean(0), train.std(0)
    largest = np.maximum(np.abs(mean), np.abs(train).max(0))
    constant = deviation <= 1e-12 * largest
    scale = np.where(constant, 0.0, 1 / np.where(constant, 1.0, deviation))
    return (train - mean) * scale, (test - mean) * scale


def _principal_axes(z: Array) -> Array:
    """Principal axes (d, k) of standardised ``z`` (n, d), scaled so that z @ axes has variance 1.

    k is at most ``AXES``, d and n / 4: the variance along more axes than that says little about
    other samples.
    """
    n, d = z.shape
    count = min(AXES, d, max(n // 4, 1))
    gram = z.T @ z if d <= n else z @ z.T
    last = len(gram) - 1
    squares, axes = linalg.eigh(gram / n, subset_by_index=[max(last - count + 1, 0), last])
    kept = squares > max(1e-9 * squares[-1], 0)
    squares, axes = squares[kept], axes[:, kept]
    if d > n:
        axes = z.T @ axes / np.sqrt(n * squares)
    return axes / np.sqrt(squares)


def _gram(z: Tensor, bandwidth: float | None) -> Tensor:
    """The kernel of all pairs of rows of ``z`` (N, d), its diagonal set to 0."""
    scale = float(z.abs().max()) or 1.0  # squares of huge features would overflow,
    z = z / scale
    z = z - z.mean(0)  # and far from the origin squared distances lose their digits
    squares = z.square().sum(1)
    distance = (squares[:, None] + squares - 2 * (z @ z.T)).clamp_(min=0)
    distance.fill_diagonal_(0)
    variance = (bandwidth / scale) ** 2 if bandwidth is not None else _median(distance)
    return distance.mul_(-0.5 / variance).exp_().fill_diagonal_(0)


def _median(distance: Tensor) -> float:
    """Median of the squared distances (N, N) of different rows."""
    n = len(distance)
    pairs = n * (n - 1) // 2
    # the N zeros of the diagonal come first, then every pair twice
    median = float(distance.flatten().kthvalue(n + 2 * ((pairs + 1) // 2)).values)
    if median > 1e-13 * float(distance.max()):
        return median
    return float(distance.sum()) / (2 * pairs) or 1.0


def _mmd(xx: Any, yy: Any, xy: Any, n: Any, m: Any) -> Any:
    """Unbiased MMD² from the sums of the kernel over ordered pairs of each kind."""
    return xx / (n * (n - 1)) + yy / (m * (m - 1)) - 2 * xy / (n * m)


def _mmd_of_sides(gram: Tensor, sides: Tensor, n: int, m: int) -> Tensor:
    """MMD² (P,) for each column of ``sides`` (N, P), which is 1 for the n rows of the first side.

    With sums r of the Gram matrix's rows, S_xy = sᵀr − sᵀKs and S_yy = Σr − 2 sᵀr + sᵀKs.
    """
    rows = gram.sum(1)
    xx = (sides * (gram @ sides)).sum(0)
    x = rows @ sides
    return _mmd(xx, rows.sum() - 2 * x + xx, x - xx, n, m)


def _jackknifed(gram: Tensor, n: int, m: int) -> tuple[float, list[float]]:
    """MMD², and without block b of both samples, from the sums of the Gram matrix over blocks."""
    count = min(BLOCKS, n // 2, m // 2)
    parts = [blocks(n, count), blocks(m, count)]
    member = torch.zeros(n + m, 2, count, dtype=gram.dtype, device=gram.device)
    sizes = np.zeros((2, count))
    for side, offset in ((0, 0), (1, n)):
        for b, part in enumerate(parts[side]):
            member[offset + part.start : offset + part.stop, side, b] = 1
            sizes[side, b] = part.stop - part.start
    flat = member.flatten(1)
    sums = (flat.T @ (gram @ flat)).reshape(2, count, 2, count).cpu().numpy()

    def without(kept: Array) -> float:
        part = np.einsum("sbtc,b,c->st", sums, kept, kept)
        left = sizes @ kept
        return float(_mmd(part[0, 0], part[1, 1], part[0, 1], left[0], left[1]))

    everything = np.ones(count)
    return without(everything), [without(everything - each) for each in np.eye(count)]


def _rows(x: Tensor, index: Array) -> Tensor:
    return x[torch.from_numpy(index).to(x.device)].to(torch.float64)


def _check(real: Tensor, fake: Tensor) -> None:
    shapes = f"real {tuple(real.shape)} and generated {tuple(fake.shape)}"
    if real.dim() != 2 or fake.dim() != 2 or real.shape[1] != fake.shape[1] or not real.shape[1]:
        raise BadInput(
            f"a two-sample test compares features (n, d) of the same d, and these are {shapes}."
        )
    if min(len(real), len(fake)) < 4:
        raise BadInput(f"a two-sample test needs at least 4 samples of each; these are {shapes}.")
    for name, x in (("real", real), ("generated", fake)):
        if not bool(torch.isfinite(x).all()):
            raise BadInput(
                f"the features of the {name} samples are not all finite: find out why (a broken "
                "checkpoint or extractor), or leave those samples out."
            )
