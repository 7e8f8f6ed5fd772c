"""The model families that a run can name (torch-free)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from saddlepoint.description import Description
from saddlepoint.games.description import ObjectiveName
from saddlepoint.networks.description import Dcgan, Mlp, NetworkDescription
from saddlepoint.optimisers import Adam, OptimiserDescription
from saddlepoint.schedules import Coefficient


class Adversarial(Description):
    """A generator against a critic."""

    kind: Literal["adversarial"] = "adversarial"
    latent: int = Field(100, gt=0, description="Length of the latent vector.")
    prior: Literal["normal", "uniform"] = Field(
        "normal", description="Latents are drawn from N(0, 1) or from U(−1, 1)."
    )
    objective: ObjectiveName = Field("non_saturating", description="The game that is played.")
    critic_steps: int = Field(1, gt=0, description="Critic updates before each generator update.")
    generator: NetworkDescription = Dcgan()
    critic: NetworkDescription = Dcgan()
    generator_optimiser: OptimiserDescription = Adam()
    critic_optimiser: OptimiserDescription = Adam()


class Variational(Description):
    """A variational autoencoder: one player, one phase, the evidence lower bound."""

    kind: Literal["variational"] = "variational"
    latent: int = Field(20, gt=0, description="Length of the latent vector.")
    likelihood: Literal["bernoulli", "gaussian"] = Field(
        "gaussian",
        description="bernoulli: each value, rescaled to [0, 1], is a probability (images only); "
        "gaussian: one standard deviation for all values, learned.",
    )
    beta: Coefficient = Field(1.0, description="Weight of the KL term; 1 is the ELBO.")
    encoder: NetworkDescription = Mlp()
    decoder: NetworkDescription = Mlp()
    optimiser: OptimiserDescription = Adam(learning_rate=1e-3, beta1=0.9)


LearnerDescription = Annotated[Adversarial | Variational, Field(discriminator="kind")]
