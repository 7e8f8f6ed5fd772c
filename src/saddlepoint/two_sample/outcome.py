"""What a two-sample test finds, and which samples it takes.

All tests take features (n, d) of real and of generated samples and return a statistic with its
interval and a p-value under the null hypothesis that both were drawn independently from one
distribution. A small p-value says that they differ, a large one that this test at this n saw no
difference; the statistic says how large the difference is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from saddlepoint.errors import BadInput
from saddlepoint.metrics.estimate import Estimate

Array = NDArray[Any]

FEWEST = 4  # samples of each


@dataclass(frozen=True)
class Outcome:
    """What a two-sample test found.

    Attributes:
        statistic: How far the samples are apart, with its interval.
        p_value: Probability, if both samples came from one distribution, of a statistic at least
            as large as the one seen.
    """

    statistic: Estimate
    p_value: float


def check_samples(real: Tensor, fake: Tensor) -> None:
    """Refuse what no test can compare.

    Raises:
        BadInput: Shapes do not fit, values that are not finite, or fewer than four samples.
    """
    shapes = f"real {tuple(real.shape)} and generated {tuple(fake.shape)}"
    if real.dim() != 2 or fake.dim() != 2 or real.shape[1] != fake.shape[1] or not real.shape[1]:
        raise BadInput(
            f"a two-sample test compares features (n, d) of the same d, and these are {shapes}."
        )
    if min(len(real), len(fake)) < FEWEST:
        raise BadInput(
            f"a two-sample test needs at least {FEWEST} samples of each; these are {shapes}."
        )
    for name, x in (("real", real), ("generated", fake)):
        if not bool(torch.isfinite(x).all()):
            raise BadInput(
                f"the features of the {name} samples are not all finite: find out why (a broken "
                "checkpoint or extractor), or leave those samples out."
            )


def rows_of(x: Tensor, index: Array) -> Tensor:
    """The rows of ``x`` at an index, in float64."""
    return x[torch.from_numpy(index).to(x.device)].to(torch.float64)


def at_most(x: Tensor, limit: int, random: np.random.Generator) -> Tensor:
    """``x``, or a random choice of ``limit`` of its rows, in float64, if it has more."""
    return x if len(x) <= limit else rows_of(x, np.sort(random.permutation(len(x))[:limit]))
