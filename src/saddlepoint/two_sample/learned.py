"""A classifier as a test: whether something that learns can tell two samples apart."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy import linalg, stats
from torch import Tensor

from saddlepoint.metrics.estimate import proportion
from saddlepoint.two_sample.outcome import Array, Outcome, check_samples, rows_of

# From training features (n, d), their classes (n,) in {0, 1} and test features (m, d) to the
# classes (m,) of the test features.
Classifier = Callable[[Array, Array, Array], Array]

CLIP = 9.0  # squared standard scores above 3² count as 3²: no single outlier decides
AXES = 256  # principal axes whose variances the classifier sees, at most


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
) -> Outcome:
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
    check_samples(real, fake)
    random = np.random.default_rng(seed)
    count = min(len(real), len(fake), limit)
    half = count // 2
    chosen = [rows_of(x, random.permutation(len(x))[:count]) for x in (real, fake)]
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
    return Outcome(proportion(right, 2 * m, count, count), min(p_value, 1.0))


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
