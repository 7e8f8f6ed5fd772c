"""How likely a variational autoencoder finds examples, and which of its latents it uses."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from saddlepoint.errors import BadInput
from saddlepoint.explore.autoencoders import BLOCK, autoencoder_of, examples_for, in_blocks
from saddlepoint.learners.learner import evaluating
from saddlepoint.learners.variational.bound_terms import log_mean_exp
from saddlepoint.metrics.estimate import Estimate, mean_of
from saddlepoint.randomness import Streams
from saddlepoint.training.trained import Trained

Array = NDArray[np.float64]
MOST = 2**22  # numbers of a decoder's output that are held together
ACTIVE = 0.01


@dataclass(frozen=True)
class Likelihoods:
    """What ``importance_weighted`` found.

    Attributes:
        samples: Latents drawn for each example.
        nats: Mean over the examples of the estimates of log p(x), with its interval.
        elbo: The same of the evidence lower bound, from the same draws.
        bits: Bits per dimension; None where they would say nothing.
        words: Of what this is a likelihood: ``probability of pixels`` and the like.
        why: The same in a sentence.
        each: The estimate of each example, (n,).
        effective: Effective number of draws of each example, (Σ w)²/Σ w², (n,): where it is near 1,
            one draw carries the estimate, and log p(x) may be much higher.
    """

    samples: int
    nats: Estimate
    elbo: Estimate
    bits: Estimate | None
    words: str
    why: str
    each: Array
    effective: Array

    def __str__(self) -> str:
        median = float(np.median(self.effective))
        lines = [
            f"log p(x) ≥ {_shown(self.nats)} nats per example ({self.words})",
            f"ELBO       {_shown(self.elbo)}",
            f"{len(self.each):,} examples, {self.samples:,} draws each, of which {median:.3g} "
            "count in the median",
        ]
        if self.bits is not None:
            lines.insert(2, f"bits per dimension ≤ {_shown(self.bits)}")
        return "\n".join(lines)


def importance_weighted(
    model: Trained, x: ArrayLike | Tensor, *, samples: int = 1000, seed: int = 0, member: int = 0
) -> Likelihoods:
    """Estimates of log p(x) of examples that a variational autoencoder did not learn from.

    For each example log (1/k) Σ p(x, zᵢ)/q(zᵢ|x) with k draws of the encoder's distribution. On
    average it lies between the ELBO and log p(x), rises with k and tends to log p(x). What pixels
    need besides (dequantisation, binarisation at random) is drawn once for each example, and the
    result is a likelihood of what was drawn.

    Args:
        model: The trained model.
        x: (n, *shape), images in [−1, 1], as ``Dataset.take`` gives them.
        samples: k.
        seed: Of all draws.
        member: Of a run with several seeds, which one is meant.

    Raises:
        BadInput: The model is no variational autoencoder, or the examples have another shape.

    Paper: Burda et al., Importance Weighted Autoencoders, 2016.

    Example:
        >>> import saddlepoint as sp
        >>> from saddlepoint.explore import importance_weighted
        >>> run = sp.recipes.vae("digits", likelihood="categorical", steps=2, device="cpu")
        >>> _ = sp.train(run, "runs/vae", quiet=True)
        >>> model = sp.load("runs/vae")
        >>> x = run.data.open().take("test", 8, "cpu").x
        >>> found = importance_weighted(model, x, samples=20)
        >>> found.words, found.nats.value > found.elbo.value
        ('probability of pixels', True)
    """
    if samples < 1:
        raise BadInput(f"samples = {samples}: draw at least one latent for each example.")
    learner = autoencoder_of(model, member)
    values = examples_for(learner, x)
    decoded = math.prod(learner.likelihood.decoded(learner.shape))
    chunk = min(samples, max(1, MOST // (BLOCK * decoded)))
    found: list[tuple[Tensor, Tensor, Tensor]] = []
    with torch.no_grad(), evaluating(learner):
        for number, count, part in in_blocks(learner, values):
            streams = Streams(seed, "importance", number, device=part.device)
            prepared = learner.prepared(part, streams)
            parts = []
            for first in range(0, samples, chunk):
                drawn = learner.weights(prepared, streams, min(chunk, samples - first), first)
                parts.append(drawn[0] + drawn[1])
            weights = torch.cat(parts).double()
            shares = weights.softmax(0)
            each = (log_mean_exp(weights, 0), weights.mean(0), 1 / shares.square().sum(0))
            found.append(tuple(value[:count].cpu() for value in each))  # type: ignore[arg-type]
    estimates, elbos, effective = (torch.cat(part).numpy() for part in zip(*found, strict=True))
    n = len(values)
    nats, elbo = (mean_of(each, n_real=n, n_fake=0) for each in (estimates, elbos))
    meaning, bits = learner.meaning, None
    if meaning.offset is not None:
        told = torch.from_numpy(estimates)
        bits = mean_of(meaning.bits_per_dimension(told, learner.dimensions).numpy(), n, 0)
    return Likelihoods(samples, nats, elbo, bits, meaning.words, meaning.why, estimates, effective)


@dataclass(frozen=True)
class ActiveUnits:
    """Which latent dimensions tell examples apart.

    Attributes:
        variances: Variance over examples of each dimension's posterior mean, (latent,).
        threshold: From which on a dimension counts.
    """

    variances: Array
    threshold: float = ACTIVE

    @property
    def count(self) -> int:
        """How many dimensions are active."""
        return int((self.variances > self.threshold).sum())

    def __str__(self) -> str:
        return f"{self.count} of {len(self.variances)} latent dimensions are active"


def active_units(
    model: Trained, x: ArrayLike | Tensor, *, threshold: float = ACTIVE, member: int = 0
) -> ActiveUnits:
    """The latent dimensions j of which Var_x(E[z_j|x]) is above a threshold.

    A dimension that the model does not use has the prior as its posterior for every example, and
    the variance 0. Those in use have variances not far from 1, so that the threshold hardly
    matters.

    Args:
        model: The trained model.
        x: (n, *shape), two or more examples, images in [−1, 1].
        threshold: The least variance.
        member: Of a run with several seeds, which one is meant.

    Raises:
        BadInput: The model is no variational autoencoder, or there are fewer than two examples.

    Paper: Burda et al., Importance Weighted Autoencoders, 2016, section 5.1.
    """
    learner = autoencoder_of(model, member)
    values = examples_for(learner, x)
    if len(values) < 2:
        raise BadInput("a variance over examples needs two or more of them, and this is one.")
    blocks = in_blocks(learner, values)
    means = torch.cat([learner.encode(part)[:count].cpu() for _, count, part in blocks]).double()
    return ActiveUnits(means.var(0).numpy(), threshold)


def _shown(estimate: Estimate) -> str:
    return f"{estimate.value:.4g} [{estimate.low:.4g}, {estimate.high:.4g}]"
