"""What a decoder's output says of an example, or of features: p(x|·)."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from typing_extensions import override

from saddlepoint.data.info import DataInfo
from saddlepoint.learners.variational.likelihood import Likelihood
from saddlepoint.networks.precision import widened
from saddlepoint.randomness import Streams


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


class OfExamples(Observation):
    """A likelihood of the examples themselves, with its one learned scale if it has one."""

    def __init__(self, likelihood: Likelihood, data: DataInfo) -> None:
        super().__init__()
        likelihood.check(data)
        self.likelihood, self.axes = likelihood, len(data.shape)
        self.shape = likelihood.decoded(data.shape)
        self.bounded = likelihood.bounded
        self.meaning = likelihood.meaning(data, dequantised=False)
        self.log_scale = nn.Parameter(torch.zeros(()), requires_grad=likelihood.learns_scale)

    def presented(self, x: Tensor, streams: Streams | None) -> Tensor:
        """The examples of which it is a likelihood: drawn, or without streams as nearly as may be.

        Black or white for grey, where it is asked for pixels of two values.
        """
        if streams is None:
            return self.likelihood.presented(x)
        return self.likelihood.prepared(x, streams, self.axes)

    @override
    def log_prob(self, output: Tensor, x: Tensor) -> Tensor:
        return self.likelihood.log_prob(widened(output), self.log_scale, x, self.axes)

    @override
    def mean(self, output: Tensor) -> Tensor:
        return self.likelihood.mean(output, self.log_scale, self.axes)


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
