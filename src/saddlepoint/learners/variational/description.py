"""The description of a variational autoencoder (torch-free on import)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field
from typing_extensions import override

from saddlepoint.data.info import DataInfo
from saddlepoint.learners.family import Family
from saddlepoint.networks.kinds import AnyNetwork
from saddlepoint.networks.mlp import Mlp
from saddlepoint.optimisers import Adam, AnyOptimiser
from saddlepoint.schedules import NonNegative

if TYPE_CHECKING:
    from saddlepoint.learners.learner import Learner


class Variational(Family):
    """A variational autoencoder: one player, one phase, the evidence lower bound."""

    kind: Literal["variational"] = "variational"
    latent: int = Field(20, gt=0, description="Length of the latent vector.")
    likelihood: Literal["bernoulli", "gaussian"] = Field(
        "gaussian",
        description="bernoulli: each value, rescaled to [0, 1], is a probability (images only); "
        "gaussian: one standard deviation for all values, learned.",
    )
    dequantise: bool = Field(
        False,
        description="gaussian, images: spread each pixel's value over its grey level by uniform "
        "noise, so that the likelihood is a density and bits per dimension can be said.",
    )
    beta: NonNegative = Field(1.0, description="Weight of the KL term; 1 is the ELBO.")
    encoder: AnyNetwork = Mlp()
    decoder: AnyNetwork = Mlp()
    optimiser: AnyOptimiser = Adam(learning_rate=1e-3, beta1=0.9)

    @override
    def build(self, data: DataInfo, batch_size: int, members: int | None) -> Learner:
        from saddlepoint.learners.variational.learner import VariationalLearner

        return VariationalLearner(self, data, members)
