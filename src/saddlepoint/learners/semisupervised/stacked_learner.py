"""M1+M2 (Kingma et al. 2014): an autoencoder first, then M2 on what it encodes."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from typing_extensions import override

from saddlepoint.data.batch import Batch
from saddlepoint.data.info import DataInfo
from saddlepoint.errors import RunStopped
from saddlepoint.games.moment import Moment
from saddlepoint.learners.learner import DataPhase, evaluating
from saddlepoint.learners.losses import Losses, Term
from saddlepoint.learners.semisupervised.description import M1M2
from saddlepoint.learners.semisupervised.learner import (
    SemiSupervisedLearner,
    refuse_mixing,
    start,
)
from saddlepoint.learners.semisupervised.observations import Features, OfExamples
from saddlepoint.learners.variational.learner import kl_to_standard_normal
from saddlepoint.networks.network import Site
from saddlepoint.networks.precision import widened
from saddlepoint.optimisers import Optimiser
from saddlepoint.randomness import Streams

MOMENTS_DECAY = 0.99  # moments are those of the last hundred batches or so


class FirstModel(nn.Module):
    """M1: a variational autoencoder, and the moments of its posterior means over the data.

    Attributes:
        moments: Decayed sums over batches of 1, μⱼ and μⱼ², (3, features).
    """

    moments: Tensor

    def __init__(self, description: M1M2, shape: tuple[int, ...], observation: OfExamples) -> None:
        super().__init__()
        features = description.features
        backbone = description.features_encoder.as_backbone(
            Site(shape, place="learner.features-encoder")
        )
        self.encoder = backbone.module
        self.posterior = nn.Linear(backbone.features, 2 * features)
        self.decoder = description.features_decoder.as_generator(
            Site(observation.shape, inputs=features, place="learner.features-decoder")
        )
        self.observation = observation
        self.register_buffer("moments", torch.zeros(3, features))

    def statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of q(z₁|x), (n, features) each."""
        mean, log_variance = widened(self.posterior(self.encoder(x))).chunk(2, -1)
        return mean, log_variance

    def bound(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """−log p(x|z₁) for z₁ = μ + σ ε and KL(q(z₁|x) ‖ N(0, I)), (n,) each in nats; and μ."""
        mean, log_variance = self.statistics(x)
        z = mean + noise * (log_variance / 2).exp()
        error = -self.observation.log_prob(self.decoder(z), x)
        return error, kl_to_standard_normal(mean, log_variance), mean

    def taken_in(self, mean: Tensor, weights: Tensor) -> Tensor:
        """The moments with those of a batch: its posterior means and what each stands for."""
        fresh = torch.stack([weights @ each for each in (torch.ones_like(mean), mean, mean**2)])
        return MOMENTS_DECAY * self.moments + (1 - MOMENTS_DECAY) * fresh

    def deviations(self) -> Tensor:
        """Standard deviation over the data of each posterior mean, (features,)."""
        count, first, second = self.moments
        return (second / count - (first / count).square()).clamp(min=0).sqrt()


class M1M2Learner(SemiSupervisedLearner):
    """M1 learns first, from all examples and no label; then M2 from M1's features, M1 at rest.

    At every step M2 sees features drawn anew from q(z₁|x); classifying takes their means. Features
    whose posterior mean deviates by no more than ``least_deviation`` over the data say nothing of
    the example: they are 0 for M2's networks and do not count in its likelihood. Which they are is
    decided once, when M2 begins, by the moments that M1's last batches left.

    Samples go from the class and z to the features, and from these to the example. Latents are z
    and a standard normal number for each feature: the noise of p(z₁|y, z), and of a feature that
    does not count, its value, by the prior of M1. Before M2 begins, samples are M1's.

    Raises:
        BadInput: As ``SemiSupervisedLearner``; or the likelihood does not suit the data.
    """

    headline = ("features/elbo", "bound", "error")
    held_out = ("features/elbo", "bound", "error")

    def __init__(self, description: M1M2, data: DataInfo, members: int | None = None) -> None:
        pixels = OfExamples(description.likelihood, data)
        super().__init__(
            description,
            data,
            members,
            (description.features,),
            Features(description.features),
        )
        self.stacked = description
        self.features = FirstModel(description, data.shape, pixels)
        for name in ("encoder", "decoder"):
            refuse_mixing(f"features-{name}", getattr(self.features, name))
        start(self.features, description.initial_deviation)
        self.bounded = pixels.bounded
        until = description.features_until
        self._moments: Tensor | None = None
        self.phases = (
            DataPhase(
                "features",
                ("features",),
                self.features_loss,
                during=(0.0, until),
                prepare=self._take_in,
            ),
            DataPhase("model", ("model",), self.model_loss, during=(until, 1.0)),
        )

    @property
    @override
    def players(self) -> Mapping[str, nn.Module]:
        return {"features": self.features, "model": self.model}

    @property
    @override
    def optimisers(self) -> Mapping[str, Optimiser]:
        return {"features": self.stacked.features_optimiser, "model": self.stacked.optimiser}

    def features_loss(self, batch: Batch, streams: Streams, moment: Moment) -> Losses:
        """M1's negative bound."""
        noise = streams.normal((len(batch), self.stacked.features), "features")
        x = self.features.observation.presented(batch.x, streams)
        error, information, mean = self.features.bound(x, noise)
        weights = self.known.standing_for(batch)
        self._moments = self.features.taken_in(mean.detach(), weights)
        reconstruction, kl = Term(weights * error), Term(weights * information)
        elbo = -(reconstruction.reduced + kl.reduced).detach()
        terms = {"reconstruction": reconstruction, "kl": kl}
        watched = {"features/elbo": elbo, "features/kl": kl.reduced.detach()}
        return Losses(terms | self.prior_term(self.features), watched)

    def _take_in(self) -> None:
        """Commit the moments of the last batch; once an update."""
        if self._moments is not None:
            self.features.moments.copy_(self._moments)
            self._moments = None

    @override
    def enter(self, stage: int) -> None:
        """M2 begins: decide which features count.

        Raises:
            RunStopped: None does.
        """
        least = self.stacked.least_deviation
        deviations = self.features.deviations()
        self._observed.alive.copy_(deviations > least)
        if not bool(self._observed.alive.any()):
            raise RunStopped(
                f"no feature of M1 deviates by more than {least:g} over the data (the largest by "
                f"{float(deviations.max()):.2g}), so M2 has nothing to learn from: let M1 learn "
                "longer, or lower --learner.least-deviation."
            )

    @property
    def _observed(self) -> Features:
        observed = self.model.observation
        assert isinstance(observed, Features)
        return observed

    @override
    def seen(self, x: Tensor, streams: Streams | None) -> Tensor:
        """The features that count, the others 0: drawn from q(z₁|x), or its means."""
        with torch.no_grad(), evaluating(self.features):
            mean, log_variance = self.features.statistics(
                self.features.observation.presented(x, streams)
            )
        if streams is not None:
            mean = mean + streams.normal(tuple(mean.shape), "features") * (log_variance / 2).exp()
        return torch.where(self._observed.alive, mean, 0.0)

    @override
    def measure(self, batch: Batch, streams: Streams) -> Mapping[str, Tensor]:
        """M1's bound, that of the features under M2, and errors where a label is known."""
        noise = streams.normal((len(batch), self.stacked.features), "features")
        x = self.features.observation.presented(batch.x, streams)
        error, information, _ = self.features.bound(x, noise)
        return {"features/elbo": -error - information, **super().measure(batch, streams)}

    @property
    @override
    def columns(self) -> tuple[str, ...]:
        return (
            *super().columns,
            *(f"feature{index}" for index in range(self.stacked.features)),
        )

    @property
    @override
    def decoder(self) -> nn.Module:
        both = nn.ModuleList([self.model.decoder, self.features.decoder])
        both.training = self.model.decoder.training  # it is made anew for each use of them
        return both

    @override
    def decoded(self, z: Tensor, y: Tensor) -> Tensor:
        z, noise = z.split([self.model.latent, self.stacked.features], -1)
        output = self.model.decoder(torch.cat([z, y], -1))
        pixels = self.features.decoder(self._observed.drawn(output, noise))
        return self.features.observation.mean(pixels)

    @property
    @override
    def units(self) -> Mapping[str, str]:
        return {
            **super().units,
            "bound": "the same of M1's features under M2, nats per example",
            "features/elbo": "ELBO of M1, nats per example "
            f"({self.features.observation.meaning.words})",
            "features/kl": "KL(q(z₁|x) ‖ N(0, I)) of M1, nats per example",
        }
