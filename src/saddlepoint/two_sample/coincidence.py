"""Nearest neighbours as a test: how often a sample and its neighbours come from one side."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from saddlepoint.errors import BadInput
from saddlepoint.metrics.estimate import Estimate
from saddlepoint.metrics.neighbours import nearest
from saddlepoint.two_sample.outcome import Array, Outcome, at_most, check_samples
from saddlepoint.two_sample.permutations import check_permutations, p_value, permuted_values


def nearest_neighbour_test(
    real: Tensor,
    fake: Tensor,
    permutations: int = 500,
    seed: int = 0,
    neighbours: int = 5,
    limit: int = 5000,
) -> Outcome:
    """Share of nearest neighbours in the pooled sample that come from the sample's own side.

        T = 1 / (N k) · Σ over samples i and their k nearest j: [i and j are of one side]

    Over all assignments of the sides its mean is (n(n − 1) + m(m − 1)) / (N(N − 1)), near 1/2 for
    n = m; it tends to 1 where the samples lie apart. Neighbours do not change when samples change
    sides, so permuting is exact. Which of several equally near samples is the neighbour is
    chance: the pooled sample is shuffled first, since their order must not know the sides.

    No interval is known for it; the outcome's is the whole range.

    Args:
        real: Features (n, d) of real samples.
        fake: Features (m, d) of generated samples.
        permutations: How many, at least 19.
        seed: Decides permutations, the samples drawn, and which of equally near samples count.
        neighbours: k, less than the number of all samples.
        limit: Most samples used of each; of more, a random choice is.

    Raises:
        BadInput: Shapes do not fit, values that are not finite, fewer than four samples, fewer
            than 19 permutations, or more neighbours than there are others.

    Reference: Schilling, Multivariate two-sample tests based on nearest neighbors, JASA 1986;
    Henze, A multivariate two-sample test based on the number of nearest neighbor type
    coincidences, Annals of Statistics 1988.
    """
    check_samples(real, fake)
    check_permutations(permutations)
    random = np.random.default_rng(seed)
    real, fake = at_most(real, limit, random), at_most(fake, limit, random)
    n, m = len(real), len(fake)
    if not 1 <= neighbours < n + m - 1:
        raise BadInput(
            f"a sample among {n + m} has {n + m - 1} others, and if all of them were its "
            f"neighbours nothing could be told; not neighbours={neighbours}."
        )
    order = random.permutation(n + m)
    common = torch.promote_types(real.dtype, fake.dtype)
    pooled = torch.cat([real.to(common), fake.to(common)])
    pooled = pooled[torch.from_numpy(order).to(pooled.device)]
    # by neighbour's rank, so that each of its columns is looked up in one piece
    columns = nearest(pooled, pooled, neighbours, exclude_self=True).indices.T.cpu().numpy()

    def statistic(sides: Array) -> Array:
        same = sum((sides[:, column] == sides).sum(1) for column in columns)
        return np.asarray(same / columns.size)

    observed = float(statistic((order < n).astype(float)[None])[0])
    permuted = permuted_values(statistic, n, m, permutations, random)
    estimate = Estimate(observed, 0.0, 1.0, "the whole range: no interval is known", n, m)
    return Outcome(estimate, p_value(observed, permuted))
