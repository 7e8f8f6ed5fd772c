"""M2's three networks, q(y|x), q(z|x, y) and p(x|y, z), and what its bound is made of."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, log_softmax

from saddlepoint.learners.semisupervised.description import SemiSupervised
from saddlepoint.learners.semisupervised.observations import Observation
from saddlepoint.learners.variational.learner import kl_to_standard_normal
from saddlepoint.networks.network import Network, Site
from saddlepoint.networks.one_hot import one_hot
from saddlepoint.networks.precision import widened


def unlabelled_bound(costs: Tensor, log_q: Tensor) -> Tensor:
    """U(x) = Σ_y q(y|x) L(x, y) − H(q(y|x)), (n,): an upper bound of −log p(x).

    As H = −Σ q log q, it is Σ_y q(y|x) [L(x, y) + log q(y|x)]: the entropy is subtracted once,
    outside the expectation. It is least, −log Σ_y exp(−L(x, y)), where q(y|x) ∝ exp(−L(x, y)).

    Args:
        costs: L(x, y) ≥ −log p(x, y) in nats, (n, K).
        log_q: log q(y|x), (n, K).

    Paper: Kingma et al., Semi-supervised Learning with Deep Generative Models, 2014, equation 7.
    """
    return (log_q.exp() * (costs + log_q)).sum(-1)


def entropy(log_q: Tensor) -> Tensor:
    """H(q(y|x)) = −Σ_y q log q in nats, (n,)."""
    return -(log_q.exp() * log_q).sum(-1)


class JointEncoder(nn.Module):
    """Mean and log variance of q(z|x, y), by a network that sees the class beside the example.

    A network that takes vectors sees the example's numbers and those of the one-hot class in one
    vector; another sees K further planes of its image, all ones or all zeros.
    """

    def __init__(
        self, network: Network, shape: tuple[int, ...], classes: int, latent: int, place: str
    ) -> None:
        super().__init__()
        self.flat = len(shape) == 1 or "vectors" in network.takes
        self.classes, self.numbers = classes, math.prod(shape)
        joined = (self.numbers + classes,) if self.flat else (shape[0] + classes, *shape[1:])
        backbone = network.as_backbone(Site(joined, place=place))
        self.body = backbone.module
        self.head = nn.Linear(backbone.features, 2 * latent)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Statistics (n, 2·latent) of n examples and their one-hot classes (n, K)."""
        if self.flat:
            joined = torch.cat([x.flatten(1), y.to(x.dtype)], 1)
        else:
            planes = y.to(x.dtype)[:, :, None, None].expand(-1, -1, *x.shape[2:])
            joined = torch.cat([x, planes], 1)
        return widened(self.head(self.body(joined)))

    def of_all(self, x: Tensor) -> Tensor:
        """Statistics (n, K, 2·latent) of every class of each example."""
        if (first := self._first) is not None:
            # A linear map of (x, y) is one of x plus a column for each class: x is mapped once.
            of_x, of_y = first.weight.split([self.numbers, self.classes], 1)
            mapped = linear(x.flatten(1), of_x, first.bias)
            hidden = mapped.unsqueeze(1) + of_y.T
            body: nn.Sequential = self.body  # type: ignore[assignment]
            return widened(self.head(body[2:](hidden)))
        every = torch.eye(self.classes, device=x.device).repeat(len(x), 1)
        return self(x.repeat_interleave(self.classes, 0), every).unflatten(0, (len(x), -1))

    @property
    def _first(self) -> nn.Linear | None:
        """The layer that maps all inputs, where the network begins with one and norms nothing."""
        body = self.body
        if not self.flat or not isinstance(body, nn.Sequential) or len(body) < 2:
            return None
        plain = isinstance(body[0], nn.Flatten) and isinstance(body[1], nn.Linear)
        return body[1] if plain else None  # type: ignore[return-value]


class JointModel(nn.Module):
    """M2: p(y) p(z) p(x|y, z) and its recognition q(y|x) q(z|x, y); one player.

    Args:
        description: Its networks.
        shape: Of what it models, x.
        observation: p(x|output of the decoder).
        log_prior: log p(y), (K,).
    """

    log_prior: Tensor

    def __init__(
        self,
        description: SemiSupervised,
        shape: tuple[int, ...],
        observation: Observation,
        log_prior: Tensor,
    ) -> None:
        super().__init__()
        classes, latent = len(log_prior), description.latent
        self.classes, self.latent = classes, latent
        site = Site(shape, place="learner.classifier")
        backbone = description.classifier.as_backbone(site)
        self.classifier = nn.Sequential(backbone.module, nn.Linear(backbone.features, classes))
        self.encoder = JointEncoder(description.encoder, shape, classes, latent, "learner.encoder")
        site = Site(observation.shape, inputs=latent + classes, place="learner.decoder")
        self.decoder = description.decoder.as_generator(site)
        self.observation = observation
        self.register_buffer("log_prior", log_prior)

    def log_q(self, x: Tensor) -> Tensor:
        """Log q(y|x), (n, K)."""
        return log_softmax(widened(self.classifier(x)), -1)

    def one_hot(self, label: Tensor) -> Tensor:
        """Labels (n,) as (n, K)."""
        return one_hot(label, self.classes)

    def cost(self, x: Tensor, label: Tensor, noise: Tensor) -> Tensor:
        """L(x, y) = −log p(x|y, z) − log p(y) + KL(q(z|x, y) ‖ p(z)) in nats, (n,).

        A bound of −log p(x, y), estimated with one z = μ + σ ε.

        Args:
            x: Examples (n, *shape).
            label: Their classes, (n,).
            noise: ε, standard normal (n, latent).
        """
        y = self.one_hot(label)
        mean, log_variance = self.encoder(x, y).chunk(2, -1)
        z = mean + noise * (log_variance / 2).exp()
        error = -self.observation.log_prob(self.decoder(torch.cat([z, y], -1)), x)
        return error + kl_to_standard_normal(mean, log_variance) - self.log_prior[label]

    def costs(self, x: Tensor, noise: Tensor) -> Tensor:
        """L(x, y) of every class, (n, K); the classes of an example have its ε in common.

        Each is what ``cost`` gives for that class: with numbers in common they differ by the class
        alone, so that q(y|x) learns from less noisy differences.
        """
        mean, log_variance = self.encoder.of_all(x).chunk(2, -1)
        z = mean + noise.unsqueeze(1) * (log_variance / 2).exp()
        y = torch.eye(self.classes, device=x.device).expand(len(x), -1, -1)
        output = self.decoder(torch.cat([z, y], -1).flatten(0, 1))
        every = x.unsqueeze(1).expand(-1, self.classes, *x.shape[1:]).flatten(0, 1)
        error = -self.observation.log_prob(output, every).unflatten(0, (len(x), -1))
        return error + kl_to_standard_normal(mean, log_variance) - self.log_prior
