"""The variational autoencoder (Kingma and Welling 2014)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn
from typing_extensions import override

from saddlepoint.data.batch import Batch
from saddlepoint.data.info import DataInfo
from saddlepoint.errors import BadInput
from saddlepoint.games.moment import Moment
from saddlepoint.learners.latent import LatentLearner
from saddlepoint.learners.learner import DataPhase, evaluating
from saddlepoint.learners.losses import Losses, Term
from saddlepoint.learners.variational.description import Variational
from saddlepoint.learners.variational.likelihoods import likelihood_of
from saddlepoint.networks.mixing import mixing_layers
from saddlepoint.networks.network import Site
from saddlepoint.networks.precision import widened
from saddlepoint.networks.virtual_batch_norm import needs_reference
from saddlepoint.optimisers import Optimiser
from saddlepoint.randomness import Streams
from saddlepoint.schedules import value_at

BITS = "bits_per_dimension"


def kl_to_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, exp(log_variance)) ‖ N(0, 1)) summed over the last axis, in nats.

    ½ Σ (μ² + σ² − log σ² − 1).
    """
    return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(-1)


class Autoencoder(nn.Module):
    """Encoder, decoder and the Gaussian likelihood's one standard deviation: one player."""

    def __init__(
        self, description: Variational, shape: tuple[int, ...], learns_scale: bool
    ) -> None:
        super().__init__()
        site = Site(shape, inputs=description.latent)
        backbone = description.encoder.as_backbone(replace(site, place="learner.encoder"))
        _refuse_what_critics_have("encoder", backbone.module, backbone.discrimination is not None)
        self.encoder = backbone.module
        self.posterior = nn.Linear(backbone.features, 2 * description.latent)
        self.decoder = description.decoder.as_generator(replace(site, place="learner.decoder"))
        _refuse_what_critics_have("decoder", self.decoder)
        # not every likelihood has such a number to learn
        self.log_scale = nn.Parameter(torch.zeros(()), requires_grad=learns_scale)


class VariationalLearner(LatentLearner):
    """One phase: minimise reconstruction + β · KL, which for β = 1 is the negative ELBO.

    ELBO = E_q(z|x) log p(x|z) − KL(q(z|x) ‖ p(z)), in nats per example, with one sample of z by
    reparametrisation. Likelihoods are of the values as the model sees them: images in [−1, 1]
    (Gaussian) or rescaled to [0, 1] (Bernoulli); ``likelihood.meaning`` says in which sense the
    bound is one on the likelihood of the data.
    """

    headline = ("elbo", "reconstruction", "kl")
    averaged = ("autoencoder",)
    held_out: tuple[str, ...] = ("elbo", "reconstruction", "kl")

    def __init__(
        self, description: Variational, data: DataInfo, members: int | None = None
    ) -> None:
        super().__init__()
        self.description = description
        self.likelihood = likelihood_of(description, data)
        self.meaning = self.likelihood.meaning(data)
        if self.meaning.offset is not None:
            self.held_out = (*self.held_out, BITS)
        if members is not None:
            raise BadInput("several seeds in one program are for adversarial learners so far.")
        self.autoencoder = Autoencoder(description, data.shape, self.likelihood.learns_scale)
        self.dimensions = math.prod(data.shape)
        self.mixing = tuple(mixing_layers(self.autoencoder.modules()))
        self.bounded = self.likelihood.bounded
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
        return self.likelihood.log_prob(self.autoencoder.decoder(z), self.autoencoder.log_scale, x)

    @property
    @override
    def units(self) -> Mapping[str, str]:
        bound = f"ELBO, nats per example ({self.meaning.words})"
        units = {
            "elbo": bound,
            "reconstruction": "−E log p(x|z), nats per example",
            "kl": "KL(q(z|x) ‖ p(z)), nats per example",
        }
        if self.meaning.offset is not None:
            units[BITS] = "bits per dimension, at most, of pixels of 256 values"
        return units

    @property
    @override
    def said(self) -> tuple[str, ...]:
        bits = f"no bits per dimension: {self.meaning.words}, as {self.meaning.why}"
        if self.meaning.offset is not None:
            bits = f"{BITS} = −elbo / (D ln 2) + {self.meaning.offset:g}"
        return (f"elbo is the ELBO in nats per example, validation/elbo of held-out ones; {bits}.",)

    def bound(self, x: Tensor, streams: Streams) -> tuple[Tensor, Tensor]:
        """−log p(x|z) for one z of q(z|x), and KL(q(z|x) ‖ p(z)): each (batch,), in nats."""
        x = self.likelihood.prepared(x, streams)
        mean, log_variance = self.posterior(x)
        noise = streams.normal(tuple(mean.shape), "posterior")
        z = mean + noise * (log_variance / 2).exp()
        return -self.log_likelihood(x, z), kl_to_standard_normal(mean, log_variance)

    @override
    def measure(self, batch: Batch, streams: Streams) -> Mapping[str, Tensor]:
        """The bound of each example, and its parts."""
        error, information = self.bound(batch.x, streams)
        return self._diagnostics(error, information)

    def _diagnostics(self, error: Tensor, information: Tensor) -> dict[str, Tensor]:
        elbo = -error - information
        values = {"elbo": elbo, "reconstruction": error, "kl": information}
        if self.meaning.offset is not None:
            values[BITS] = self.meaning.bits_per_dimension(elbo, self.dimensions)
        return values

    def elbo_loss(self, batch: Batch, streams: Streams, moment: Moment) -> Losses:
        """The two terms of the negative bound."""
        beta = value_at(self.description.beta, moment)
        errors, informations = self.bound(batch.x, streams)
        reconstruction, kl = Term(errors), Term(informations, weight=beta)
        watched = self._diagnostics(reconstruction.reduced.detach(), kl.reduced.detach())
        if self.likelihood.learns_scale:
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
        return self.likelihood.mean(output)


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
