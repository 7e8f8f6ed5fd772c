"""The description of a variational autoencoder (torch-free on import)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator
from typing_extensions import override

from saddlepoint.data.info import DataInfo
from saddlepoint.errors import BadInput
from saddlepoint.learners.family import Family
from saddlepoint.learners.variational.likelihoods import AnyLikelihood, Gaussian
from saddlepoint.networks.kinds import AnyNetwork
from saddlepoint.networks.mlp import Mlp
from saddlepoint.optimisers import Adam, AnyOptimiser
from saddlepoint.schedules import NonNegative

if TYPE_CHECKING:
    from saddlepoint.learners.learner import Learner


class Variational(Family):
    """A variational autoencoder: one player, one phase, the evidence lower bound."""

    stacks_members: ClassVar[bool] = True

    kind: Literal["variational"] = "variational"
    latent: int = Field(20, gt=0, description="Length of the latent vector.")
    likelihood: AnyLikelihood = Field(
        Gaussian(), description="What the decoder says of an example, p(x|z)."
    )
    dequantise: bool = Field(
        False,
        description="gaussian, images: spread each pixel's value over its grey level by uniform "
        "noise, so that the likelihood is a density and bits per dimension can be said.",
    )
    beta: NonNegative = Field(
        1.0,
        description="Weight of the KL term; 1 is the ELBO, a schedule from 0 to 1 warms it up.",
    )
    free_bits: float = Field(
        0.0,
        ge=0,
        description="Nats of each latent dimension that cost nothing: the KL term is the sum over "
        "dimensions of max(these, the batch's mean KL) (Kingma et al. 2016).",
    )
    samples: int = Field(
        1,
        gt=0,
        description="Latents drawn for each example; of two or more the importance-weighted bound "
        "is maximised, log of their mean weight (Burda et al. 2016).",
    )
    flow: Literal["none", "autoregressive", "spline"] = Field(
        "none",
        description="What bends the encoder's normal distribution, given its features: nothing, "
        'or transformations of zuko (pip install "saddlepoint[flows]"), affine (IAF) or splines. '
        "The KL term is then that of the latents drawn.",
    )
    flow_layers: int = Field(2, gt=0, description="Transformations of a flow.")
    missing: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Hide so large a share of the training examples' values, the same ones of an "
        "example at every visit: the bound is that of the others, and the encoder is told which "
        "they are.",
    )
    encoder: AnyNetwork = Mlp()
    decoder: AnyNetwork = Mlp()
    optimiser: AnyOptimiser = Adam(learning_rate=1e-3, beta1=0.9)

    @model_validator(mode="after")
    def _weights_are_not_weighed(self) -> Self:
        if self.samples > 1 and (self.beta != 1 or self.free_bits):
            name, usual = ("beta", 1) if self.beta != 1 else ("free-bits", 0)
            raise ValueError(
                f"{name} changes the KL term, and the importance-weighted bound of several samples "
                f"has none: leave it at {usual}, or samples at 1."
            )
        return self

    @model_validator(mode="after")
    def _flows_are_flows(self) -> Self:
        if self.flow == "none" and self.changed("flow_layers"):
            raise ValueError("flow-layers are of a flow: choose one, or leave flow-layers at 2.")
        if self.flow != "none" and self.free_bits:
            raise ValueError(
                "free-bits need the KL of each latent dimension, and a flow has none: leave "
                "free-bits at 0, or flow at none."
            )
        return self

    @override
    def stacks(self) -> bool:
        """Not with a flow, which holds the weights of one."""
        return super().stacks() and self.flow == "none"

    def check(self, data: DataInfo) -> None:
        """Refuse data that the likelihood does not suit, and options that are not for it.

        Raises:
            BadInput: There are such.
        """
        if self.dequantise and not self.likelihood.dequantises:
            raise BadInput(
                "dequantise is for the Gaussian likelihood: choose likelihood 'gaussian', or leave "
                "--learner.dequantise false."
            )
        if self.dequantise and not data.images:
            raise BadInput(
                "dequantise spreads the 256 values of pixels, and these data are vectors: leave "
                "--learner.dequantise false."
            )
        self.likelihood.check(data)

    @override
    def build(self, data: DataInfo, batch_size: int, members: int | None) -> Learner:
        from saddlepoint.learners.variational.learner import VariationalLearner

        return VariationalLearner(self, data, members)
