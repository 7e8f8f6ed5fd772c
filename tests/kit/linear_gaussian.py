"""A variational autoencoder of linear maps, whose likelihood and posterior are known exactly.

It is probabilistic PCA: x = W z + b + σ ε, so that x ~ N(b, W Wᵀ + σ² I).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from saddlepoint.data.info import DataInfo
from saddlepoint.learners.variational.description import Variational
from saddlepoint.learners.variational.learner import VariationalLearner
from saddlepoint.networks.mlp import Mlp

VECTORS = DataInfo(name="points", shape=(3,), form="vectors", counts={}, fingerprint="")
LINEAR = Mlp(hidden=())
ORTHOGONAL = torch.tensor([[0.5, 0.4], [1.0, 0.2], [1.0, -0.4]])  # the columns
SKEW = torch.tensor([[0.6, 0.8], [1.2, 0.5], [-0.3, 1.0]])
OFFSET = torch.tensor([0.3, -0.7, 1.1])
NOISE = 0.6


def linear_gaussian(mixing: Tensor) -> tuple[VariationalLearner, MultivariateNormal]:
    """A learner with x = W z + b + σ ε, and the exact distribution of x, N(b, W Wᵀ + σ² I)."""
    description = Variational(latent=2, encoder=LINEAR, decoder=LINEAR)
    learner = description.learner(VECTORS, batch_size=4, seed=0)
    assert isinstance(learner, VariationalLearner)
    with torch.no_grad():
        decoder = learner.autoencoder.decoder.layers[0]
        decoder.weight.copy_(mixing)
        decoder.bias.copy_(OFFSET)
        learner.autoencoder.log_scale.fill_(math.log(NOISE))
    covariance = mixing @ mixing.T + NOISE**2 * torch.eye(3)
    return learner, MultivariateNormal(OFFSET, covariance)


def exact_posterior(mixing: Tensor) -> tuple[Tensor, Tensor]:
    """Covariance S = (I + Wᵀ W / σ²)⁻¹ and the matrix A = S Wᵀ / σ² with mean A (x − b)."""
    covariance = torch.linalg.inv(torch.eye(2) + mixing.T @ mixing / NOISE**2)
    return covariance, covariance @ mixing.T / NOISE**2


def set_encoder(learner: VariationalLearner, gain: Tensor, variance: Tensor) -> None:
    with torch.no_grad():
        layer = learner.autoencoder.posterior
        layer.weight.copy_(torch.cat([gain, torch.zeros(2, 3)]))
        layer.bias.copy_(torch.cat([-gain @ OFFSET, variance.log()]))
