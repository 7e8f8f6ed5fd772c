"""What a decoder's output says of an example: p(x|z), and in which sense it is a likelihood."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from typing_extensions import override

from saddlepoint.data.info import DataInfo
from saddlepoint.errors import BadInput
from saddlepoint.learners.variational.description import Variational
from saddlepoint.randomness import Streams

LEVELS = 256  # values of a pixel


@dataclass(frozen=True)
class Meaning:
    """In which sense a bound on log p(x) is one on the likelihood of the data.

    Attributes:
        words: ``density of dequantised pixels``, ``density``, or ``not a density``.
        why: The same in a sentence.
        offset: What is added to −ELBO/(D ln 2) for bits per dimension; None where these would say
            nothing.
    """

    words: str
    why: str
    offset: float | None = None

    def bits_per_dimension(self, elbo: Tensor, dimensions: int) -> Tensor:
        """−ELBO/(D ln 2) + offset, of an ELBO in nats per example of D numbers."""
        assert self.offset is not None
        return -elbo / (dimensions * math.log(2)) + self.offset


class Likelihood(ABC):
    """p(x|z), where x are examples as the model sees them, images in [−1, 1].

    Attributes:
        bounded: Whether the means of p(x|z) lie in [−1, 1].
        learns_scale: Whether it has one standard deviation, which is learned.
    """

    bounded: bool
    learns_scale: bool

    @abstractmethod
    def meaning(self, data: DataInfo) -> Meaning:
        """In which sense it is a likelihood of these data."""

    def prepared(self, x: Tensor, streams: Streams) -> Tensor:
        """The examples of which p(x|z) is a likelihood."""
        return x

    @abstractmethod
    def log_prob(self, output: Tensor, log_scale: Tensor, x: Tensor) -> Tensor:
        """Log p(x|z) in nats, (batch,), from the decoder's output for z."""

    @abstractmethod
    def mean(self, output: Tensor) -> Tensor:
        """The mean of p(x|z) on the scale of the data."""


class Bernoulli(Likelihood):
    """Each value, rescaled to [0, 1], is the probability of a binary pixel."""

    bounded, learns_scale = True, False

    def __init__(self, data: DataInfo) -> None:
        if not data.images:
            raise BadInput(
                "the Bernoulli likelihood needs images, and these data are vectors: use "
                "likelihood 'gaussian'."
            )

    @override
    def meaning(self, data: DataInfo) -> Meaning:
        return Meaning(
            "not a density",
            "grey values are no outcomes of a Bernoulli distribution; of pixels that are all black "
            "or white it is the log-probability",
        )

    @override
    def log_prob(self, output: Tensor, log_scale: Tensor, x: Tensor) -> Tensor:
        return bernoulli_log_likelihood(output, (x + 1) / 2)

    @override
    def mean(self, output: Tensor) -> Tensor:
        return 2 * output.sigmoid() - 1


class Gaussian(Likelihood):
    """A normal distribution with one learned standard deviation for all values.

    With ``dequantise`` each pixel v of 0, …, 255 becomes y = (v + u)/256, u uniform in [0, 1), and
    2 y − 1 on the scale of the model: images in [−1, 1], x = v/127.5 − 1, become
    x' = (255 x + 2 u − 1)/256. The density of x' then bounds the probability of the pixels
    themselves, by Jensen's inequality:

        log P(v) ≥ E_u log p(x') + D log(2/256),

    so that bits per dimension are −ELBO/(D ln 2) + log₂(256/2).

    Reference: Theis et al., A Note on the Evaluation of Generative Models, 2016, section 3.1.
    """

    bounded, learns_scale = False, True

    def __init__(self, data: DataInfo, dequantise: bool) -> None:
        if dequantise and not data.images:
            raise BadInput(
                "dequantise spreads the 256 values of pixels, and these data are vectors: leave "
                "--learner.dequantise false."
            )
        self.dequantise = dequantise

    @override
    def meaning(self, data: DataInfo) -> Meaning:
        if not data.images:
            return Meaning("density", "it depends on the units of the data")
        if self.dequantise:
            return Meaning(
                "density of dequantised pixels",
                "it bounds the log-probability of pixels of 256 values",
                math.log2(LEVELS / 2),
            )
        return Meaning(
            "not a density",
            "pixels have 256 values, at which a density may be as high as it likes; "
            "--learner.dequantise true makes it one",
        )

    @override
    def prepared(self, x: Tensor, streams: Streams) -> Tensor:
        if not self.dequantise:
            return x
        noise = streams.uniform(tuple(x.shape), "dequantisation")
        return (x * (LEVELS - 1) + 2 * noise - 1) / LEVELS

    @override
    def log_prob(self, output: Tensor, log_scale: Tensor, x: Tensor) -> Tensor:
        return gaussian_log_likelihood(output, log_scale, x)

    @override
    def mean(self, output: Tensor) -> Tensor:
        return output * (LEVELS / (LEVELS - 1)) if self.dequantise else output


def likelihood_of(description: Variational, data: DataInfo) -> Likelihood:
    """The part that a description names.

    Raises:
        BadInput: It does not suit these data, or an option is not for it.
    """
    if description.likelihood == "gaussian":
        return Gaussian(data, description.dequantise)
    if description.dequantise:
        raise BadInput(
            "dequantise is for the Gaussian likelihood: choose likelihood 'gaussian', or leave "
            "--learner.dequantise false."
        )
    return Bernoulli(data)


def bernoulli_log_likelihood(logits: Tensor, target: Tensor) -> Tensor:
    """Σ t log σ(l) + (1 − t) log(1 − σ(l)) over all axes but the first; target in [0, 1]."""
    return -binary_cross_entropy_with_logits(logits, target, reduction="none").flatten(1).sum(1)


def gaussian_log_likelihood(mean: Tensor, log_scale: Tensor, target: Tensor) -> Tensor:
    """Log density of N(mean, exp(log_scale)²) at ``target``, summed over all axes but the first.

    −‖x − μ‖² / (2σ²) − D (log σ + log(2π)/2), with one σ (a scalar) for all D numbers.
    """
    distances = (target - mean).square().flatten(1).sum(1)
    dimensions = target[0].numel()
    level = dimensions * (log_scale + 0.5 * math.log(2 * math.pi))
    return -0.5 * distances * torch.exp(-2 * log_scale) - level
