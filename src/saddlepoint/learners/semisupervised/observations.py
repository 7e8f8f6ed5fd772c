"""What a decoder's output says of an example, or of features: p(x|·)."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from typing_extensions import override

from saddlepoint.data.info import DataInfo
from saddlepoint.errors import BadInput
from saddlepoint.learners.variational.likelihoods import (
    bernoulli_log_likelihood,
    gaussian_log_likelihood,
)
from saddlepoint.networks.precision import widened


class Observation(nn.Module, ABC):
    """A likelihood p(x|output), with what it learns beside the decoder.

    Attributes:
        shape: Of the decoder's output.
        bounded: Whether its means lie in [−1, 1].
    """

    shape: tuple[int, ...]
    bounded: bool

    @abstractmethod
    def log_prob(self, output: Tensor, x: Tensor) -> Tensor:
        """Log p(x|output) in nats, (n,), of n outputs and as many examples."""

    @abstractmethod
    def mean(self, output: Tensor) -> Tensor:
        """The mean of p(x|output), on the scale of the data."""


class Pixels(Observation):
    """Each value, rescaled from [−1, 1] to [0, 1], is the probability of a binary pixel."""

    bounded = True

    def __init__(self, data: DataInfo) -> None:
        super().__init__()
        if not data.images:
            raise BadInput(
                "the Bernoulli likelihood needs images, and these data are vectors: use "
                "--learner.likelihood gaussian."
            )
        self.shape = data.shape

    @override
    def log_prob(self, output: Tensor, x: Tensor) -> Tensor:
        return bernoulli_log_likelihood(widened(output), (x + 1) / 2)

    @override
    def mean(self, output: Tensor) -> Tensor:
        return 2 * output.sigmoid() - 1


class Numbers(Observation):
    """A normal distribution with one learned standard deviation for all values."""

    bounded = False

    def __init__(self, data: DataInfo) -> None:
        super().__init__()
        self.shape = data.shape
        self.log_scale = nn.Parameter(torch.zeros(()))

    @override
    def log_prob(self, output: Tensor, x: Tensor) -> Tensor:
        return gaussian_log_likelihood(widened(output), self.log_scale, x)

    @override
    def mean(self, output: Tensor) -> Tensor:
        return output


class Features(Observation):
    """Normal features, each with a mean and a log variance of the decoder's; some do not count.

    log p = Σ over living j of −½ [(xⱼ − μⱼ)²/σⱼ² + log σⱼ² + log 2π].

    Attributes:
        alive: Booleans (features,): which count. A buffer that its owner fills.
    """

    bounded = False
    alive: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.shape = (2 * features,)
        self.register_buffer("alive", torch.zeros(features, dtype=torch.bool))

    @override
    def log_prob(self, output: Tensor, x: Tensor) -> Tensor:
        mean, log_variance = widened(output).chunk(2, -1)
        terms = (x - mean).square() * (-log_variance).exp() + log_variance + math.log(2 * math.pi)
        return -0.5 * torch.where(self.alive, terms, 0.0).sum(-1)

    @override
    def mean(self, output: Tensor) -> Tensor:
        return output.chunk(2, -1)[0]

    def drawn(self, output: Tensor, noise: Tensor) -> Tensor:
        """Features by standard normal ``noise``; those that do not count are the noise itself."""
        mean, log_variance = output.chunk(2, -1)
        return torch.where(self.alive, mean + noise * (log_variance / 2).exp(), noise)


def observation_of(likelihood: str, data: DataInfo) -> Observation:
    """The likelihood of that name on these data.

    Raises:
        BadInput: It does not suit them.
    """
    return Pixels(data) if likelihood == "bernoulli" else Numbers(data)
