"""Normal samples, quick classifiers of them, and how often a valid test may reject."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor

Array = NDArray[np.float64]


def normal(n: int, d: int, seed: int, mean: float = 0.0, std: float = 1.0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(mean, std, size=(n, d)))


def rejections_allowed(trials: int, level: float = 0.05) -> int:
    """Of a test whose type-I error is the level, 99 % of experiments have at most so many."""
    return int(stats.binom.ppf(0.99, trials, level))


def binomial_bounds(trials: int, level: float) -> tuple[int, int]:
    """How often a test of exactly this level rejects, in 99.9 % of experiments."""
    low, high = (int(stats.binom.ppf(q, trials, level)) for q in (0.0005, 0.9995))
    return low, high


def nearer_mean(train: Array, labels: Array, test: Array) -> Array:
    """A linear classifier: nearer to which mean; blind to everything but means."""
    first, second = (train[labels == k].mean(0) for k in (1, 0))
    return (((test - first) ** 2).sum(1) < ((test - second) ** 2).sum(1)).astype(int)


def three_nearest(train: Array, labels: Array, test: Array) -> Array:
    """The majority of the three nearest, of which the first is oneself if one is there."""
    squares = ((test[:, None] - train) ** 2).sum(2)
    return (labels[np.argsort(squares, 1)[:, :3]].sum(1) > 1).astype(int)
