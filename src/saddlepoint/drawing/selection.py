"""Which of many are shown."""

from __future__ import annotations

import numpy as np


def evenly_spaced(count: int, limit: int) -> list[int]:
    """Pick at most ``limit`` of ``count`` indices, evenly, the first and the last among them."""
    if count <= limit:
        return list(range(count))
    if limit < 2:
        return [count - 1][:limit]
    return [int(index) for index in np.rint(np.linspace(0, count - 1, limit))]
