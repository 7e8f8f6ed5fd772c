"""The variational autoencoder (Kingma and Welling 2014)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from typing_extensions import override

from saddlepoint.data.batch import Batch
from saddlepoint.data.info import DataInfo
from saddlepoint.errors import BadInput
from saddlepoint.games.moment import Moment
from saddlepoint.learners.latent import LatentLearner
from saddlepoint.learners.learner import DataPhase, evaluating
from saddlepoint.learners.losses import Losses, Term
from saddlepoint.learners.variational.description import Variational
from saddlepoint.networks.mixing import mixing_layers
from saddlepoint.networks.network import Site
from saddlepoint.networks.precision import widened
from saddlepoint.networks.virtual_batch_norm import needs_reference
from saddlepoint.optimisers import Optimiser
from saddlepoint.randomness import Streams
from saddlepoint.schedules import value_at


def kl_to_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, exp(log_variance)) ‖ N(0, 1)) summed over the last axis, in nats.

    ½ Σ (μ² + σ² − log σ² − 1).
    """
    return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(-1)


def bernoulli_log_likelihood(logits: Tensor, target: Tensor) -> Tensor:
    """Σ t log σ(l) + (1 − t) log(1 − σ(l)) over all axes but the first; target in [0, 1]."""
    return -binary_cross_entropy_with_logits(logits, target, reduction="none").flatten(1).sum(1)


def gaussian_log_likelihood(mean: Tensor, log_scale: Tensor, target: Tensor) -> Tensor:
    """Log density of N(mean, exp(log_scale)²) at ``target``, summed over all axes but the first."""
    scaled = (target - mean) * torch.exp(-log_scale)
    each = -0.5 * (scaled.square() + math.log(2 * math.pi)) - log_scale
    return each.flatten(1).sum(1)


class Autoencoder(nn.Module):
    """Encoder, decoder and the Gaussian likelihood's one standard deviation: one player."""

    def __init__(self, description: Variational, shape: tuple[int, ...]) -> None:
        super().__init__()
        site = Site(shape, inputs=description.latent)
        backbone = description.encoder.as_backbone(replace(site, place="learner.encoder"))
        _refuse_what_critics_have("encoder", backbone.module, backbone.discrimination is not None)
        self.encoder = backbone.module
        self.posterior = nn.Linear(backbone.features, 2 * description.latent)
        self.decoder = description.decoder.as_generator(replace(site, place="learner.decoder"))
        _refuse_what_critics_have("decoder", self.decoder)
        # the Bernoulli likelihood has no such number to learn
        self.log_scale = nn.Parameter(
            torch.zeros(()), requires_grad=description.likelihood == "gaussian"
        )


class VariationalLearner(LatentLearner):
    """One phase: minimise reconstruction + β · KL, which for β = 1 is the negative ELBO.

    ELBO = E_q(z|x) log p(x|z) − KL(q(z|x) ‖ p(z)), in nats per example, with one sample of z by
    reparametrisation. Likelihoods are of the values as the model sees them: images in [−1, 1]
    (Gaussian) or rescaled to [0, 1] (Bernoulli).
    """

    headline = ("elbo", "reconstruction", "kl")
    averaged = ("autoencoder",)

    def __init__(
        self, description: Variational, data: DataInfo, members: int | None = None
    ) -> None:
        super().__init__()
        self.description = description
        if description.likelihood == "bernoulli" and not data.images:
            raise BadInput(
                "the Bernoulli likelihood needs images, and these data are vectors: use "
                "likelihood 'gaussian'."
            )
        if members is not None:
            raise BadInput("several seeds in one program are for adversarial learners so far.")
        self.autoencoder = Autoencoder(description, data.shape)
        self.mixing = tuple(mixing_layers(self.autoencoder.modules()))
        self.bounded = description.likelihood == "bernoulli"
        self.phases = (DataPhase("elbo", ("autoencoder",), self.elbo_loss),)

    @property
    @override
    def players(self) -> Mapping[str, nn.Module]:
        return {"autoencoder": self.autoencoder}

    @property
    @override
    def optimisers(self) -> Mapping[str, Optimiser]:
        return {"autoencoder": self.description.optimiser}

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance (batch, latent) of q(z|x), in float32."""
        statistics = widened(self.autoencoder.posterior(self.autoencoder.encoder(x)))
        mean, log_variance = statistics.chunk(2, dim=1)
        return mean, log_variance

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """Log p(x|z) in nats, (batch,)."""
        output = self.autoencoder.decoder(z)
        if self.description.likelihood == "bernoulli":
            return bernoulli_log_likelihood(output, (x + 1) / 2)
        return gaussian_log_likelihood(output, self.autoencoder.log_scale, x)

    def elbo_loss(self, batch: Batch, streams: Streams, moment: Moment) -> Losses:
        """The two terms of the negative bound."""
        beta = value_at(self.description.beta, moment.progress)
        mean, log_variance = self.posterior(batch.x)
        noise = streams.normal(tuple(mean.shape), "posterior")
        z = mean + noise * (log_variance / 2).exp()
        reconstruction = Term(-self.log_likelihood(batch.x, z))
        kl = Term(kl_to_standard_normal(mean, log_variance), weight=beta)
        error, information = reconstruction.reduced.detach(), kl.reduced.detach()
        watched = {"elbo": -error - information, "reconstruction": error, "kl": information}
        if self.description.likelihood == "gaussian":
            watched["noise_std"] = self.autoencoder.log_scale.detach().exp()
        return Losses({"reconstruction": reconstruction, "kl": kl}, watched)

    @property
    @override
    def columns(self) -> tuple[str, ...]:
        return tuple(f"z{index}" for index in range(self.description.latent))

    @property
    @override
    def decoder(self) -> nn.Module:
        return self.autoencoder.decoder

    @torch.no_grad()
    def encode(self, x: Tensor) -> Tensor:
        """The posterior means (n, latent) of the examples (n, *shape)."""
        with evaluating(self.autoencoder):
            return self.posterior(x)[0]

    @override
    def decode_block(self, z: Tensor, label: Tensor | None) -> Tensor:
        """The mean of p(x|z), on the scale of the data, as is usual for pictures."""
        decoder = self.autoencoder.decoder
        output = decoder(z) if label is None else decoder(z, label)
        return 2 * output.sigmoid() - 1 if self.description.likelihood == "bernoulli" else output


def _refuse_what_critics_have(option: str, network: nn.Module, discriminates: bool = False) -> None:
    """Refuse layers that only a critic's batches give a meaning.

    Raises:
        BadInput: There is one.
    """
    if needs_reference(network):
        raise BadInput(
            "virtual batch norm normalises by a reference batch, which only adversarial "
            f"learners keep: set --learner.{option}.norm to batch or none."
        )
    layers = [n for n in mixing_layers(network.modules()) if n.startswith("minibatch")]
    if layers or discriminates:
        raise BadInput(
            f"{(layers or ['minibatch discrimination'])[0]} is for critics, and an autoencoder has "
            f"none: set --learner.{option}.minibatch none."
        )
