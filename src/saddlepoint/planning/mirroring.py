"""Whether mirrored pictures look like the originals: an exact test.

If mirroring changes no picture's probability, then a function that changes its sign when its
picture is mirrored is as often positive as negative over fresh pictures. One is learnt on half of
the pictures: from the thumbnails' components, symmetric ones s and antisymmetric ones a under
mirroring, a logistic regression without intercept on a and on the products s·a. Held-out pictures
are then told from their mirror images in k of m cases, and k is binomial with 1/2 where mirroring
changes nothing (a sign test): the p-value is exact. The halves change places, and the smaller
p-value counts twice (Bonferroni). No picture meets its own mirror image in the other half, nor that
of a near-duplicate, of which one each is used.

It sees what 16×16 pixels show: letters, digits, watches worn left; a line of small text it
does not.

Reference: Lopez-Paz & Oquab, Revisiting Classifier Two-Sample Tests, ICLR 2017, in its paired form.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from saddlepoint.metrics.estimate import proportion
from saddlepoint.planning.glance import Glance
from saddlepoint.planning.near_duplicates import one_of_each
from saddlepoint.planning.observed import Observation, percent
from saddlepoint.randomness import numpy_generator

Array = NDArray[np.float64]

_FEWEST = 60  # pictures
_ANTISYMMETRIC, _SYMMETRIC, _MULTIPLIED = 48, 8, 12
_LEVEL = 0.01
#: Told from its mirror image so often, a picture has a side; below, the difference is slight.
_PLAIN = 0.6


@dataclass(frozen=True)
class Mirrored:
    """How often pictures are told from their mirror images.

    Attributes:
        share: Of the pictures that are not their own mirror image.
        high: The upper end of its 95 % interval.
        n: How many of these there are.
        p_value: Probability, if mirroring changed nothing, of so large a share.
    """

    share: float
    high: float
    n: int
    p_value: float

    @property
    def asymmetric(self) -> bool:
        """Whether mirrored pictures would teach what the data do not hold."""
        return self.p_value < _LEVEL and self.share >= _PLAIN

    @property
    def symmetric(self) -> bool:
        """Whether mirroring does no harm, as far as can be told; not merely too few pictures."""
        return not self.asymmetric and self.high < _PLAIN + 0.02


def mirror_test(glance: Glance) -> Mirrored | None:
    """The test; None where there are too few pictures, or all are their own mirror images."""
    rows = one_of_each(glance)
    rows = numpy_generator(0, "mirror test").permutation(rows)
    thumbnails = glance.thumbnails[rows].astype(np.float64)
    moved = np.abs(thumbnails - thumbnails[..., ::-1]).max((1, 2, 3)) > 1
    thumbnails = thumbnails[moved]
    n = len(thumbnails)
    if n < _FEWEST:
        return None
    first, second = thumbnails[: n // 2], thumbnails[n // 2 :]
    right = [_told_apart(first, second), _told_apart(second, first)]
    sides = (n - n // 2, n // 2)
    p_values = [
        float(stats.binomtest(k, m, 0.5, alternative="greater").pvalue)
        for k, m in zip(right, sides, strict=True)
    ]
    told = proportion(sum(right), n, n, n)
    return Mirrored(told.value, told.high, n, min(1.0, 2 * min(p_values)))


def mirroring(glance: Glance) -> Observation | None:
    """Whether training images may be mirrored."""
    found = mirror_test(glance)
    if found is None:
        return None
    told = (
        f"told from their mirror images in {percent(found.share)} of {found.n:,} cases "
        f"(chance 50 %, p = {found.p_value:.2g})"
    )
    figures = {"share": found.share, "p": found.p_value, "asymmetric": float(found.asymmetric)}
    figures["symmetric"] = float(found.symmetric)
    if found.asymmetric:
        return Observation(
            "left and right",
            f"Left and right differ: pictures are {told}.",
            "Leave --mirror off, or samples will be mirrored too.",
            figures,
        )
    if not found.symmetric:
        return None
    slight = found.p_value < _LEVEL
    how = "differ slightly" if slight else "look alike"
    return Observation(
        "left and right",
        f"Left and right {how}: pictures are {told}.",
        "--mirror doubles the training images, unless they hold text.",
        figures,
    )


def _told_apart(train: Array, test: Array) -> int:
    """How many of ``test`` a function learnt on ``train`` tells from their mirror images."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    train_even, train_odd = _parts(train)
    test_even, test_odd = _parts(test)
    centre = train_even.mean(0)
    even_axes = _axes(train_even - centre, _SYMMETRIC, len(train))
    odd_axes = _axes(train_odd, _ANTISYMMETRIC, len(train))

    def seen(even: Array, odd: Array) -> Array:
        s, a = (even - centre) @ even_axes, odd @ odd_axes
        products = s[:, :, None] * a[:, None, :_MULTIPLIED]
        return np.concatenate([a, products.reshape(len(a), -1)], 1)

    x = np.clip(seen(train_even, train_odd), -3, 3)
    labels = np.repeat([1, 0], len(x))
    with threadpool_limits(1):
        model = LogisticRegression(C=1 / x.shape[1], fit_intercept=False, max_iter=500)
        model.fit(np.concatenate([x, -x]), labels)
    scores = model.decision_function(np.clip(seen(test_even, test_odd), -3, 3))
    return int((scores > 0).sum())


def _parts(thumbnails: Array) -> tuple[Array, Array]:
    """What mirroring leaves and what it turns round, each (n, pixels), of contrast 1."""
    flat = thumbnails.reshape(len(thumbnails), -1)
    flat = flat / np.maximum(flat.std(1, keepdims=True), 1.0)
    shaped = flat.reshape(thumbnails.shape)
    half = thumbnails.shape[-1] // 2
    even = (shaped + shaped[..., ::-1]) / 2
    odd = (shaped - shaped[..., ::-1]) / 2
    return even.reshape(len(flat), -1), odd[..., :half].reshape(len(flat), -1)


def _axes(x: Array, most: int, n: int) -> Array:
    """The first principal axes about 0, scaled to unit variance, (d, k); one for ten pictures."""
    _, sizes, right = np.linalg.svd(x, full_matrices=False)
    kept = min(most, max(1, n // 10), int((sizes > 1e-6 * max(sizes[0], 1e-9)).sum()))
    return np.asarray(right[:kept].T / np.maximum(sizes[:kept], 1e-9) * np.sqrt(n))
