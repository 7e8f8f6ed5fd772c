"""Pictures that are nearly the same picture, in clusters.

Pictures are compared by thumbnails of at most 16×16 pixels, grey, of mean 0 and variance 1 each,
so that another brightness, contrast, compression or colour counts little; d² is the mean squared
difference of two of them, which is 2(1 − r) of their correlation r. Two pictures are
near-duplicates if one lies as near to the other as nothing else does:

    d < 0.3 · (mean distance of either to its 10th to 30th neighbours), and
    d < min(0.2, 0.3 · the median of these over all pictures).

Where all are alike, as digits are, neighbours are near but none much nearer than the others. On the
first 2,000 pictures of MNIST-10k, Fashion-MNIST and scikit-learn's digits this finds at most one
pair in a thousand; of the Twitter emoji, half of which are variants of others in skin tone,
a third.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from saddlepoint.planning.glance import Glance
from saddlepoint.planning.observed import Observation, files, percent

_RATIO, _NEAREST = 0.3, 0.2
_BACKGROUND = (10, 30)
_LEAST_CONTRAST = 2.0  # levels of 255: a picture with less has no pattern to compare
_FEWEST = 40  # pictures: of fewer, the 10th neighbour says little
_SHARE = 0.005


def clusters(glance: Glance) -> NDArray[np.int64]:
    """A number for each picture, the same for near-duplicates, (n,)."""
    exact = _exactly_alike(glance.images)
    n = len(exact)
    if n < _FEWEST:
        return exact
    _, rows, which = np.unique(exact, return_index=True, return_inverse=True)
    near = _near_pairs(_patterns(glance.thumbnails[rows]))
    graph = sparse.coo_array((np.ones(len(near)), (near[:, 0], near[:, 1])), (len(rows), len(rows)))
    _, found = csgraph.connected_components(graph, directed=False)
    return np.asarray(found, np.int64)[which]


def one_of_each(glance: Glance) -> NDArray[np.int64]:
    """Rows of the first picture of each cluster, ascending."""
    return np.sort(np.unique(clusters(glance), return_index=True)[1]).astype(np.int64)


def near_duplicates(glance: Glance) -> Observation | None:
    """Pictures that repeat others, exactly or nearly."""
    n = len(glance.images)
    exact, near = _repeating(_exactly_alike(glance.images)), _repeating(clusters(glance))
    more_than_chance = near["pictures"] > max(3, _SHARE * n)
    if not exact["pictures"] and not more_than_chance:
        return None
    if not more_than_chance:
        near = exact
    numbers = clusters(glance) if more_than_chance else _exactly_alike(glance.images)
    largest = Counter(numbers.tolist()).most_common(1)[0][0]
    shown = glance.named([int(row) for row in np.flatnonzero(numbers == largest)])
    what = "equal another one in every pixel"
    if more_than_chance:
        what = f"repeat another one nearly ({exact['pictures']:,} in every pixel)"
    missed = ""
    if not glance.whole:
        chance = percent(n / glance.total)
        missed = f" Of copies that there are, the other one is among these in {chance} of cases."
    return Observation(
        "near-duplicates",
        f"{near['pictures']:,} of {glance.sample} {what}, in {near['groups']:,} group(s) "
        f"of up to {near['largest']:,}{files(shown)}.{missed}",
        "Leave the copies out: they are learnt by heart and flatter the scores.",
        {name: float(value) for name, value in near.items()},
    )


def _repeating(numbers: NDArray[np.int64]) -> dict[str, int]:
    """How many pictures share a cluster, how many such clusters, and the largest's size."""
    counts = [count for count in Counter(numbers.tolist()).values() if count > 1]
    return {"pictures": sum(counts), "groups": len(counts), "largest": max(counts, default=0)}


def _exactly_alike(images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """A number for each picture, the same for those equal in every pixel."""
    numbers: dict[bytes, int] = {}
    return np.array([numbers.setdefault(each.tobytes(), len(numbers)) for each in images], np.int64)


def _patterns(thumbnails: NDArray[np.float32]) -> NDArray[np.float64]:
    """Grey thumbnails of mean 0 and variance 1, (n, pixels)."""
    grey = thumbnails.mean(1).reshape(len(thumbnails), -1).astype(np.float64)
    grey -= grey.mean(1, keepdims=True)
    return np.asarray(grey / np.maximum(grey.std(1, keepdims=True), _LEAST_CONTRAST))


def _near_pairs(patterns: NDArray[np.float64]) -> NDArray[np.int64]:
    """Pairs (pairs, 2) of near-duplicates."""
    n, width = patterns.shape
    if n < _FEWEST:
        return np.empty((0, 2), np.int64)
    squares = (patterns**2).sum(1)
    apart = squares[:, None] + squares - 2 * patterns @ patterns.T
    apart = np.sqrt(np.maximum(apart, 0) / width)
    np.fill_diagonal(apart, np.inf)
    first, last = _BACKGROUND
    nearest = np.sort(np.partition(apart, last, axis=1)[:, :last], axis=1)
    around = nearest[:, first:].mean(1)
    limit = min(_NEAREST, _RATIO * float(np.median(around)))
    within = np.minimum(limit, _RATIO * np.minimum(around[:, None], around))
    left, right = np.nonzero(np.triu(apart < within, 1))
    return np.stack([left, right], 1).astype(np.int64)
