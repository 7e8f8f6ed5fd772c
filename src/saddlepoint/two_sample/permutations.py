"""Permutation tests: how unusual a statistic is among all ways of dealing out the sides.

Under the null every assignment of the pooled samples to the sides is equally likely, given the
samples. With B assignments drawn at random,

    p = (1 + #{permuted ≥ observed}) / (1 + B),

for which P(p ≤ α) ≤ α at every n and B, since the observed assignment is one of 1 + B that cannot
be told apart. Without the two ones p would be 0 with probability 1/(1 + B) and the test would
reject too often: at B = 20 and α = 0.05 nearly twice as often as it says.

Reference: Phipson & Smyth, Permutation P-values should never be zero, 2010.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from saddlepoint.errors import BadInput
from saddlepoint.two_sample.outcome import Array

FEWEST_PERMUTATIONS = 19
_TOGETHER = 256  # permutations that exist at a time


def check_permutations(permutations: int) -> None:
    """Refuse so few that p-values could not reach 0.05.

    Raises:
        BadInput: Fewer than 19.
    """
    if permutations < FEWEST_PERMUTATIONS:
        raise BadInput(
            f"a permutation test needs at least {FEWEST_PERMUTATIONS} permutations, so that "
            f"p-values can reach 0.05; not permutations={permutations}."
        )


def permuted_sides(
    n: int, m: int, permutations: int, random: np.random.Generator
) -> Iterator[Array]:
    """Random assignments (P, n + m) of the pooled samples, 1 for the n of the first side."""
    for start in range(0, permutations, _TOGETHER):
        count = min(_TOGETHER, permutations - start)
        yield random.permuted(np.repeat([1.0, 0.0], [n, m])[None].repeat(count, 0), axis=1)


def permuted_values(
    statistic: Callable[[Array], Array],
    n: int,
    m: int,
    permutations: int,
    random: np.random.Generator,
) -> Array:
    """The statistic (P,) of assignments (P, n + m), for as many as asked, some at a time."""
    return np.concatenate([statistic(s) for s in permuted_sides(n, m, permutations, random)])


def p_value(observed: float, permuted: Array, tolerance: float = 0.0) -> float:
    """(1 + #{permuted ≥ observed − tolerance}) / (1 + B); the tolerance is that of rounding.

    Equal statistics differ by rounding, and must count as reached.
    """
    reached = int((permuted >= observed - tolerance).sum())
    return (1 + reached) / (1 + len(permuted))
