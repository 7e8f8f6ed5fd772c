"""Keeping only so many examples: a fixed random choice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from saddlepoint.data.bounds import check_memory
from saddlepoint.errors import BadInput
from saddlepoint.randomness import numpy_generator


def chosen(n: int, limit: int | None, seed: int) -> NDArray[np.int64] | None:
    """Which of ``n`` examples are kept, ascending; None if all are.

    A function of n, the limit and the split's seed; a smaller limit keeps a part of what a
    larger one keeps.

    Raises:
        BadInput: There are more than can be shuffled in memory.
    """
    if limit is None or limit >= n:
        return None
    _check_order_fits(n)
    return _drawn(n, limit, seed)


def _check_order_fits(n: int) -> None:
    check_memory(8 * n, f"choosing among {n:,} examples needs", "hand over fewer")


def _drawn(n: int, limit: int, seed: int) -> NDArray[np.int64]:
    order = numpy_generator(seed, "limit").permutation(n)
    return np.sort(order[:limit]).astype(np.int64)


def chosen_apart(
    n: int, limit: int | None, seed: int, official_test: int
) -> tuple[NDArray[np.int64], int] | None:
    """As ``chosen``, where the last ``official_test`` of the examples are a test set of their own.

    Returns:
        The examples kept and how many of them belong to the test set, in proportion.

    Raises:
        BadInput: The limit is too small to keep one of each.
    """
    if limit is None or limit >= n:
        return None
    if not official_test:
        _check_order_fits(n)
        return _drawn(n, limit, seed), 0
    tests = shares(limit, (n - official_test, official_test))[1]
    if not 0 < tests < limit:
        raise BadInput(
            f"limit = {limit:,} leaves {tests:,} of {official_test:,} examples of the official "
            "test set and the rest for training, and both need some: raise it."
        )
    train = numpy_generator(seed, "limit").permutation(n - official_test)[: limit - tests]
    test = numpy_generator(seed, "limit", "test").permutation(official_test)[:tests]
    test = n - official_test + test
    return np.concatenate([np.sort(train), np.sort(test)]).astype(np.int64), tests


def shares(limit: int, counts: tuple[int, ...]) -> tuple[int, ...]:
    """Divide ``limit`` in proportion to ``counts``, to the nearest whole numbers of that sum."""
    total = sum(counts)
    parts = [limit * count // total for count in counts]
    # What rounding down left over goes to those that lost most.
    lost = sorted(range(len(counts)), key=lambda i: (-(limit * counts[i] % total), i))
    for i in lost[: limit - sum(parts)]:
        parts[i] += 1
    return tuple(parts)


def limit_note(kept: int, n: int, seed: int, *, tests: int = 0, official_test: int = 0) -> str:
    """What was kept, in a sentence."""
    apart = f"; of the official test set {tests:,} of {official_test:,}" if official_test else ""
    return f"{kept:,} of {n:,} examples were kept: a fixed random choice, seed {seed}{apart}."
