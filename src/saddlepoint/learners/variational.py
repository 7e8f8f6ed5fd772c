"""The variational autoencoder (Kingma and Welling 2014)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from typing_extensions import override

from saddlepoint.data.batch import Batch
from saddlepoint.data.description import DataInfo
from saddlepoint.errors import BadInput
from saddlepoint.learners.description import Variational
from saddlepoint.learners.interface import (
    RECALIBRATION_SAMPLES,
    Learner,
    Losses,
    Phase,
    Term,
    evaluating,
    latent_blocks,
)
from saddlepoint.networks.batch_norm import reestimate
from saddlepoint.networks.build import build_backbone, build_generator
from saddlepoint.networks.precision import widened
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
        self.encoder, features = build_backbone(description.encoder, shape)
        self.posterior = nn.Linear(features, 2 * description.latent)
        self.decoder = build_generator(description.decoder, description.latent, shape, "linear")
        # the Bernoulli likelihood has no such number to learn
        self.log_scale = nn.Parameter(
            torch.zeros(()), requires_grad=description.likelihood == "gaussian"
        )


class VariationalLearner(Learner):
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
        for option, network in (("encoder", description.encoder), ("decoder", description.decoder)):
            if network.norm == "virtual":
                raise BadInput(
                    "virtual batch norm normalises by a reference batch, which only adversarial "
                    f"learners keep: set --learner.{option}.norm to batch or none."
                )
            if network.minibatch != "none":
                raise BadInput(
                    f"minibatch '{network.minibatch}' is for critics, and an autoencoder has none: "
                    f"set --learner.{option}.minibatch none."
                )
        if members is not None:
            raise BadInput("several seeds in one program are for adversarial learners so far.")
        self.autoencoder = Autoencoder(description, data.shape)

    @property
    @override
    def players(self) -> Mapping[str, nn.Module]:
        return {"autoencoder": self.autoencoder}

    @property
    @override
    def optimisers(self) -> Mapping[str, Optimiser]:
        return {"autoencoder": self.description.optimiser}

    @override
    def phases(self, progress: float, number: int = 0) -> Sequence[Phase]:
        beta = value_at(self.description.beta, progress)

        def loss(batch: Batch | None, streams: Streams) -> Losses:
            assert batch is not None
            return self._loss(batch, streams, beta)

        return (Phase("elbo", ("autoencoder",), loss),)

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

    def _loss(self, batch: Batch, streams: Streams, beta: float) -> Losses:
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

    @override
    @torch.no_grad()
    def sample(self, n: int, seed: int, condition: Tensor | None = None, first: int = 0) -> Tensor:
        """The decoder's mean at latents from the prior, as is usual for pictures."""
        decoder = self.autoencoder.decoder
        with evaluating(decoder):
            return torch.cat([self._mean(z)[:kept] for z, kept in self._blocks(n, seed, first)])

    def _mean(self, z: Tensor) -> Tensor:
        """The mean of p(x|z), on the scale of the data."""
        output = self.autoencoder.decoder(z)
        return 2 * output.sigmoid() - 1 if self.description.likelihood == "bernoulli" else output

    @override
    def recalibrate(self, seed: int) -> None:
        blocks = self._blocks(RECALIBRATION_SAMPLES, seed)
        reestimate(self.autoencoder.decoder, (z for z, _ in blocks))

    def _blocks(self, n: int, seed: int, first: int = 0) -> list[tuple[Tensor, int]]:
        device = next(self.autoencoder.parameters()).device
        blocks = latent_blocks(n, self.description.latent, seed, first)
        return [(z.to(device), kept) for z, kept in blocks]
