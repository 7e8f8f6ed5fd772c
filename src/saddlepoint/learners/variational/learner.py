"""The variational autoencoder (Kingma and Welling 2014)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

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
from saddlepoint.learners.variational.bound_terms import (
    kl_by_dimension,
    kl_to_standard_normal,
    log_mean_exp,
    log_prior_ratio,
    with_free_bits,
)
from saddlepoint.learners.variational.description import Variational
from saddlepoint.learners.variational.flows import PosteriorFlow
from saddlepoint.learners.variational.meaning import LEVELS
from saddlepoint.learners.variational.missing import hidden_values
from saddlepoint.networks.member_linear import linear
from saddlepoint.networks.mixing import mixing_layers
from saddlepoint.networks.network import Site
from saddlepoint.networks.precision import widened
from saddlepoint.networks.virtual_batch_norm import needs_reference
from saddlepoint.optimisers import Optimiser
from saddlepoint.randomness import Streams
from saddlepoint.schedules import value_at

BITS = "bits_per_dimension"
WEIGHTED = "importance_weighted"


class Autoencoder(nn.Module):
    """Encoder, decoder and the likelihood's one scale: one player."""

    def __init__(
        self, description: Variational, shape: tuple[int, ...], members: int | None
    ) -> None:
        super().__init__()
        likelihood = description.likelihood
        site = Site(shape, inputs=description.latent, members=members)
        # values, and where there may be hidden ones as many numbers that say which were seen
        told = (2 * shape[0], *shape[1:]) if description.missing else shape
        backbone = description.encoder.as_backbone(
            replace(site, shape=told, place="learner.encoder")
        )
        _refuse_what_critics_have("encoder", backbone.module, backbone.discrimination is not None)
        self.encoder = backbone.module
        self.posterior = linear(backbone.features, 2 * description.latent, members)
        self.flow = None
        if description.flow != "none":
            if members is not None:
                raise BadInput(
                    "several seeds in one program are not for flows: leave --seeds at 1, or let "
                    "`saddlepoint train` start a run a seed."
                )
            kind, layers = description.flow, description.flow_layers
            self.flow = PosteriorFlow(kind, layers, description.latent, backbone.features)
        decoded = replace(site, shape=likelihood.decoded(shape), place="learner.decoder")
        self.decoder = description.decoder.as_generator(decoded)
        _refuse_what_critics_have("decoder", self.decoder)
        # not every likelihood has such a number to learn
        self.log_scale = nn.Parameter(
            torch.zeros(site.leading), requires_grad=likelihood.learns_scale
        )


class Drawn(NamedTuple):
    """Prepared examples, one latent of each, and its divergence from the prior.

    ``kl`` is the closed form ([members,] batch), or with a flow log q(z|x) − log p(z) of the latent
    that was drawn; ``mean`` and ``log_variance`` are of the normal distribution.
    """

    x: Tensor
    z: Tensor
    kl: Tensor
    mean: Tensor
    log_variance: Tensor


class VariationalLearner(LatentLearner):
    """One phase: minimise reconstruction + β · KL, which for β = 1 is the negative ELBO.

    ELBO = E_q(z|x) log p(x|z) − KL(q(z|x) ‖ p(z)), in nats per example, with one sample of z by
    reparametrisation. With several samples it minimises −log (1/k) Σ p(x, zᵢ)/q(zᵢ|x), the
    importance-weighted bound, which lies between the ELBO and log p(x) on average. Likelihoods are
    of the values as the model sees them: images in [−1, 1]; ``meaning`` says in which sense the
    bound is one on the likelihood of the data.

    Papers: Kingma and Welling, Auto-Encoding Variational Bayes, 2014; Burda et al., Importance
    Weighted Autoencoders, 2016.
    """

    averaged = ("autoencoder",)

    def __init__(
        self, description: Variational, data: DataInfo, members: int | None = None
    ) -> None:
        super().__init__()
        self.description, self.members = description, members
        description.check(data)
        self.likelihood = description.likelihood
        self.meaning = self.likelihood.meaning(data, description.dequantise)
        self.shape = data.shape
        self.dimensions = math.prod(data.shape)
        bounds = ("elbo",) if description.samples == 1 else ("elbo", WEIGHTED)
        self.headline = (*bounds, "reconstruction", "kl")
        bits = () if self.meaning.offset is None else (BITS,)
        self.held_out = (*self.headline, *bits)
        self.autoencoder = Autoencoder(description, data.shape, members)
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

    @property
    def axes(self) -> int:
        """How many axes an example has."""
        return len(self.shape)

    def prepared(self, x: Tensor, streams: Streams) -> Tensor:
        """The examples ([members,] batch, *shape) of which p(x|z) is a likelihood."""
        if self.description.dequantise:
            noise = streams.uniform(tuple(x.shape[-self.axes - 1 :]), "dequantisation")
            return (x * (LEVELS - 1) + 2 * noise - 1) / LEVELS
        return self.likelihood.prepared(x, streams, self.axes)

    def posterior(self, x: Tensor, seen: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Mean and log variance ([members,] batch, latent) of q(z|x), in float32.

        With a flow they are those of the normal distribution that it bends.

        Args:
            x: Prepared examples.
            seen: Which of their values were seen; all by default. For a learner that was trained
                with missing values alone.
        """
        return self._moments(self._features(x, seen))

    def _features(self, x: Tensor, seen: Tensor | None) -> Tensor:
        if self.description.missing:
            seen = torch.ones_like(x, dtype=torch.bool) if seen is None else seen
            x = torch.cat([x.where(seen, 0.0), seen.to(x)], -self.axes)
        features: Tensor = self.autoencoder.encoder(x)
        return features

    def _moments(self, features: Tensor) -> tuple[Tensor, Tensor]:
        statistics = widened(self.autoencoder.posterior(features))
        mean, log_variance = statistics.chunk(2, dim=-1)
        return mean, log_variance

    def log_likelihood(self, x: Tensor, z: Tensor, seen: Tensor | None = None) -> Tensor:
        """Log p(x|z) in nats, ([members,] batch), of prepared examples, or of what was seen."""
        output = self.autoencoder.decoder(z)
        if seen is None:
            return self.likelihood.log_prob(output, self.log_scale, x, self.axes)
        return self.likelihood.log_prob_of(seen, output, self.log_scale, x, self.axes)

    @property
    def log_scale(self) -> Tensor:
        """The logarithm of the likelihood's one scale, shaped to be over the batch."""
        scale = self.autoencoder.log_scale
        return scale if self.members is None else scale[:, None]

    @property
    @override
    def units(self) -> Mapping[str, str]:
        units = {
            "elbo": f"ELBO, nats per example ({self.meaning.words})",
            "reconstruction": "−E log p(x|z), nats per example",
            "kl": "KL(q(z|x) ‖ p(z)), nats per example",
        }
        if self.description.samples > 1:
            units[WEIGHTED] = (
                f"importance-weighted bound of {self.description.samples} samples, nats per "
                f"example ({self.meaning.words})"
            )
        if self.meaning.offset is not None:
            units[BITS] = self.meaning.units_of_bits
        return units

    @property
    @override
    def said(self) -> tuple[str, ...]:
        bits = f"no bits per dimension: {self.meaning.words}, as {self.meaning.why}"
        if self.meaning.offset is not None:
            bound = "elbo" if self.description.samples == 1 else WEIGHTED
            offset = f" + {self.meaning.offset:g}" if self.meaning.offset else ""
            bits = f"{BITS} = −{bound} / (D ln 2){offset}: {self.meaning.words}; {self.meaning.why}"
        said = f"elbo is the ELBO in nats per example, validation/elbo of held-out ones; {bits}."
        if not self.description.missing:
            return (said,)
        share = f"{100 * self.description.missing:g} %"
        return (
            said,
            f"{share} of the values of training examples are hidden, and elbo is that of the "
            "others; held-out examples are seen whole.",
        )

    def bound(self, x: Tensor, streams: Streams) -> tuple[Tensor, Tensor]:
        """−log p(x|z) for one z of q(z|x), and KL(q(z|x) ‖ p(z)): each ([members,] batch), in nats.

        Args:
            x: Examples ([members,] batch, *shape), as they are in the data.
            streams: What z, and what a likelihood needs besides, is drawn from.
        """
        drawn = self._drawn(self.prepared(x, streams), streams)
        return -self.log_likelihood(drawn.x, drawn.z), drawn.kl

    def latents_of(self, x: Tensor, streams: Streams, seen: Tensor | None = None) -> Tensor:
        """One draw of q(z|x) for each of the prepared examples, ([members,] batch, latent)."""
        return self._drawn(x, streams, seen).z

    def _drawn(self, x: Tensor, streams: Streams, seen: Tensor | None = None) -> Drawn:
        """One draw of q(z|x) for each of the prepared examples."""
        features = self._features(x, seen)
        mean, log_variance = self._moments(features)
        noise = streams.normal(tuple(mean.shape[-2:]), "posterior")
        z = mean + noise * (log_variance / 2).exp()
        if self.autoencoder.flow is None:
            kl = kl_to_standard_normal(mean, log_variance)
        else:
            z, log_determinant = self.autoencoder.flow(z, features)
            kl = -log_prior_ratio(z, noise, log_variance) - log_determinant
        return Drawn(x, z, kl, mean, log_variance)

    def weights(
        self,
        x: Tensor,
        streams: Streams,
        samples: int,
        *purpose: int | str,
        seen: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Log p(x|z) and log p(z) − log q(z|x) of draws of z, each ([members,] samples, batch).

        Their sum is the logarithm of a draw's importance weight, whose mean is p(x).

        Args:
            x: Prepared examples ([members,] batch, *shape).
            streams: What the latents are drawn from.
            samples: How many for each example.
            purpose: What tells these draws from others.
            seen: Which values were seen, of the shape of ``x``; all by default.
        """
        features = self._features(x, seen)
        mean, log_variance = (each.unsqueeze(-3) for each in self._moments(features))
        batch, latent = mean.shape[-2:]
        noise = streams.normal((samples, batch, latent), "posterior", *purpose)
        z, log_determinant = mean + noise * (log_variance / 2).exp(), None
        if self.autoencoder.flow is not None:
            z, log_determinant = self.autoencoder.flow(z, features)
        output = self.autoencoder.decoder(z.flatten(-3, -2)).unflatten(
            -len(self.likelihood.decoded(self.shape)) - 1, (samples, batch)
        )
        scale = self.log_scale if self.members is None else self.log_scale[:, None]
        axis = -self.axes - 2  # of the samples
        x = x.unsqueeze(axis)
        if seen is None:
            likelihood = self.likelihood.log_prob(output, scale, x, self.axes)
        else:
            seen = seen.unsqueeze(axis)
            likelihood = self.likelihood.log_prob_of(seen, output, scale, x, self.axes)
        ratio = log_prior_ratio(z, noise, log_variance)
        return likelihood, ratio if log_determinant is None else ratio + log_determinant

    @override
    def measure(self, batch: Batch, streams: Streams) -> Mapping[str, Tensor]:
        """The bound of each example, and its parts."""
        x = self._for_all(batch.x) if batch.x.dim() == self.axes + 1 else batch.x
        if self.description.samples > 1:
            return self._weighted(x, streams, None)[1]
        error, information = self.bound(x, streams)
        return self._diagnostics(error, information)

    def _weighted(
        self, x: Tensor, streams: Streams, seen: Tensor | None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The importance-weighted bound ([members,] batch), and what is watched of each example."""
        x = self.prepared(x, streams)
        likelihood, ratio = self.weights(x, streams, self.description.samples, seen=seen)
        bound = log_mean_exp(likelihood + ratio, -2)
        with torch.no_grad():
            error, information = -likelihood.mean(-2), -ratio.mean(-2)
            return bound, self._diagnostics(error, information, bound, whole=seen is None)

    def _diagnostics(
        self,
        error: Tensor,
        information: Tensor,
        weighted: Tensor | None = None,
        whole: bool = True,
    ) -> dict[str, Tensor]:
        elbo = -error - information
        values = {"elbo": elbo, "reconstruction": error, "kl": information}
        if weighted is not None:
            values[WEIGHTED] = weighted.detach()
        if self.meaning.offset is not None and whole:  # of all dimensions, or it says nothing
            best = elbo if weighted is None else weighted.detach()
            values[BITS] = self.meaning.bits_per_dimension(best, self.dimensions)
        return values

    def elbo_loss(self, batch: Batch, streams: Streams, moment: Moment) -> Losses:
        """The two terms of the negative bound, or the importance-weighted one as one term."""
        x, seen = self._training(batch)
        if self.description.samples > 1:
            bound, values = self._weighted(x, streams, seen)
            watched = {name: each.mean(-1) for name, each in values.items()}
            return Losses({WEIGHTED: Term(-bound)}, self._with_noise(watched))
        drawn = self._drawn(self.prepared(x, streams), streams, seen)
        beta, free = value_at(self.description.beta, moment), self.description.free_bits
        reconstruction = Term(-self.log_likelihood(drawn.x, drawn.z, seen))
        kl = information = Term(drawn.kl, weight=beta)
        if free:
            by_dimension = kl_by_dimension(drawn.mean, drawn.log_variance)
            kl = Term(with_free_bits(by_dimension, free), weight=beta)
        watched = self._diagnostics(
            reconstruction.each.detach(), information.each.detach(), whole=seen is None
        )
        return Losses({"reconstruction": reconstruction, "kl": kl}, self._with_noise(watched))

    def _training(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """The examples, hidden values replaced at once, and which were seen; None for all."""
        share = self.description.missing
        if not share:
            return batch.x, None
        if batch.index is None:
            raise BadInput(
                "missing hides the same values of an example at every visit, and these examples "
                "are mirrored at random: leave --data.flip false, or --learner.missing at 0."
            )
        seen = ~hidden_values(batch.index, self.shape, share)
        return batch.x.where(seen, 0.0), seen

    def _with_noise(self, watched: dict[str, Tensor]) -> dict[str, Tensor]:
        """What is watched, and the learned scale where there is one."""
        if self.likelihood.learns_scale:
            watched["noise_std"] = self.autoencoder.log_scale.detach().exp()
        return watched

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
        """The posterior means ([members,] n, latent) of the examples (n, *shape).

        With a flow, where it takes the mean of the normal distribution that it bends.
        """
        with evaluating(self.autoencoder):
            features = self._features(self.likelihood.presented(x), None)
            mean = self._moments(features)[0]
            flow = self.autoencoder.flow
            return mean if flow is None else flow(mean, features)[0]

    @override
    def decode_block(self, z: Tensor, label: Tensor | None) -> Tensor:
        """The mean of p(x|z), on the scale of the data, as is usual for pictures."""
        decoder = self.autoencoder.decoder
        output = decoder(z) if label is None else decoder(z, label)
        return self.on_data(self.likelihood.mean(output, self.log_scale, self.axes))

    def on_data(self, x: Tensor) -> Tensor:
        """Prepared examples on the scale of the data: a grey level for its middle."""
        return x * (LEVELS / (LEVELS - 1)) if self.description.dequantise else x


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
