"""The terms of bounds on log p(x): divergences from the prior, and importance weights."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def kl_by_dimension(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, exp(log_variance)) ‖ N(0, 1)) of each number, in nats."""
    return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1)


def kl_to_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, exp(log_variance)) ‖ N(0, 1)) summed over the last axis, in nats.

    ½ Σ (μ² + σ² − log σ² − 1).
    """
    return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(-1)


def with_free_bits(by_dimension: Tensor, free: float) -> Tensor:
    """KL terms (..., batch) whose mean over the batch is Σⱼ max(λ, mean of KLⱼ).

    A dimension whose mean is below λ counts as λ for every example, and gets no gradient: the model
    may use so much of it for nothing, and loses nothing by using it.

    Args:
        by_dimension: KL of each latent dimension, (..., batch, latent), in nats.
        free: λ, in nats.

    Paper: Kingma et al., Improved Variational Inference with Inverse Autoregressive Flow, 2016.
    """
    counts = by_dimension.mean(-2, keepdim=True) > free
    return torch.where(counts, by_dimension, free).sum(-1)


def log_prior_ratio(z: Tensor, noise: Tensor, log_variance: Tensor) -> Tensor:
    """Log p(z) − log q(z|x) of z = μ + σ ε, in nats, without the last axis.

    ½ Σ (ε² + log σ² − z²): the constants are the same in both.
    """
    return 0.5 * (noise.square() + log_variance - z.square()).sum(-1)


def log_mean_exp(log_weights: Tensor, axis: int) -> Tensor:
    """Log of the mean of exp(log_weights) along an axis.

    Of the weights w = p(x, z)/q(z|x) of k draws of z it is an estimate of log p(x) that on average
    is too low, the less so the more draws.

    Paper: Burda et al., Importance Weighted Autoencoders, 2016, equation 8.
    """
    return log_weights.logsumexp(axis) - math.log(log_weights.shape[axis])
