"""Groups that were found without labels, matched with the classes that people named."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Whole = NDArray[np.int64]


def best_matching(groups: Whole, labels: Whole, n_groups: int, n_classes: int) -> Whole:
    """The class of each group (n_groups,), each class at most once; −1 for a group without one.

    It makes the number of examples whose group has their class as large as can be: an assignment
    problem on the table of counts.

    Args:
        groups: Which group each example is in (n,).
        labels: Its class (n,).
        n_groups: Number of groups.
        n_classes: Number of classes.

    Reference: Kuhn, The Hungarian method for the assignment problem, 1955.

    Example:
        >>> import numpy as np
        >>> from saddlepoint.metrics.matching import best_matching
        >>> best_matching(np.array([1, 1, 0, 2]), np.array([0, 0, 1, 0]), 3, 2)
        array([ 1,  0, -1])
    """
    counts = np.zeros((n_groups, n_classes), dtype=np.int64)
    np.add.at(counts, (groups, labels), 1)
    rows, columns = linear_sum_assignment(counts, maximize=True)
    matched = np.full(n_groups, -1, dtype=np.int64)
    matched[rows] = columns
    return matched
