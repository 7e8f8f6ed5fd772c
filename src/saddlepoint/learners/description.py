"""The model families that a run can name (torch-free)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from saddlepoint.description import Part, one_of
from saddlepoint.games.constraints import AnyConstraint
from saddlepoint.games.description import ObjectiveName
from saddlepoint.games.regularisers import AnyRegulariser, HistoricalAveraging
from saddlepoint.networks.description import AnyNetwork, Dcgan, Mlp
from saddlepoint.optimisers import Adam, AnyOptimiser
from saddlepoint.schedules import NonNegative


class Family(Part):
    """A family of models."""


class Adversarial(Family):
    """A generator against a critic."""

    kind: Literal["adversarial"] = "adversarial"
    latent: int = Field(100, gt=0, description="Length of the latent vector.")
    prior: Literal["normal", "uniform"] = Field(
        "normal", description="Latents are drawn from N(0, 1) or from U(−1, 1)."
    )
    standardise: bool = Field(
        False,
        description="Play on vectors of mean 0 and deviation 1; samples are scaled back.",
    )
    objective: ObjectiveName = Field("non_saturating", description="The game that is played.")
    critic_steps: int = Field(1, gt=0, description="Critic updates before each generator update.")
    critic_regularisers: tuple[AnyRegulariser, ...] = Field(
        (), description="Penalties that join the critic's loss."
    )
    generator_regularisers: tuple[HistoricalAveraging, ...] = Field(
        (), description="Penalties that join the generator's loss."
    )
    constraints: tuple[AnyConstraint, ...] = Field(
        (), description="What the critic's weights must satisfy."
    )
    real_target: float = Field(
        1.0, description="One-sided label smoothing: the target of real examples, 0.9 for example."
    )
    instance_noise: NonNegative = Field(
        0.0, description="Standard deviation of the noise on what the critic sees, real and fake."
    )
    generator_cost: Literal["objective", "feature_matching"] = Field(
        "objective",
        description="objective: the game's own; feature_matching: squared distance between the "
        "batch means of the critic's features.",
    )
    pack: int = Field(1, ge=1, description="Examples that the critic sees as one (PacGAN).")
    unrolled_steps: int = Field(
        0, ge=0, description="Critic steps that the generator looks ahead through."
    )
    unrolled_rate: float = Field(1e-3, gt=0, description="Step size of these steps.")
    generator: AnyNetwork = Dcgan()
    critic: AnyNetwork = Dcgan()
    generator_optimiser: AnyOptimiser = Adam()
    critic_optimiser: AnyOptimiser = Adam()


class Variational(Family):
    """A variational autoencoder: one player, one phase, the evidence lower bound."""

    kind: Literal["variational"] = "variational"
    latent: int = Field(20, gt=0, description="Length of the latent vector.")
    likelihood: Literal["bernoulli", "gaussian"] = Field(
        "gaussian",
        description="bernoulli: each value, rescaled to [0, 1], is a probability (images only); "
        "gaussian: one standard deviation for all values, learned.",
    )
    beta: NonNegative = Field(1.0, description="Weight of the KL term; 1 is the ELBO.")
    encoder: AnyNetwork = Mlp()
    decoder: AnyNetwork = Mlp()
    optimiser: AnyOptimiser = Adam(learning_rate=1e-3, beta1=0.9)


FAMILIES: list[type[Family]] = [Adversarial, Variational]
AnyFamily = Annotated[Family, one_of(FAMILIES)]
