"""The semi-supervised variational autoencoder M2 (Kingma et al. 2014), and what M1+M2 shares."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace

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
from saddlepoint.learners.semisupervised.description import M2, SemiSupervised
from saddlepoint.learners.semisupervised.joint_model import JointModel, entropy, unlabelled_bound
from saddlepoint.learners.semisupervised.labels_known import known_labels, log_class_prior
from saddlepoint.learners.semisupervised.observations import Observation, OfExamples
from saddlepoint.networks.mixing import mixing_layers
from saddlepoint.networks.virtual_batch_norm import needs_reference
from saddlepoint.optimisers import Optimiser
from saddlepoint.randomness import Streams
from saddlepoint.schedules import value_at

AT_ONCE = 512  # examples that are classified at a time


@dataclass(frozen=True)
class _Parts:
    """What a batch says of J/N.

    Attributes:
        bounds: L of its labelled and U of its unlabelled examples, weighted.
        classified: −log q(y|x) of its labelled ones, weighted so that it is their mean over the
            data in expectation.
        watched: What else is worth seeing.
    """

    bounds: dict[str, Term]
    classified: Term
    watched: dict[str, Tensor]


class SemiSupervisedLearner(LatentLearner):
    """Classes and latent vectors from few labels: minimise J/N of N training examples, in nats.

        J = Σ_labelled L(x, y) + Σ_unlabelled U(x) + α N · mean_labelled(−log q(y|x))
        L(x, y) = −E_q(z|x,y) log p(x|y, z) − log p(y) + KL(q(z|x, y) ‖ p(z)) ≥ −log p(x, y)
        U(x) = Σ_y q(y|x) L(x, y) − H(q(y|x)) ≥ −log p(x)

    with the sum over all classes, one z of q(z|x, y) by reparametrisation, and p(z) = N(0, I).
    Without the term of α nothing ties q(y|x) to the labels. With the precision λ of a normal prior
    on the weights, λ ‖w‖² / (2 N) is added. ``Known`` says how a batch estimates J/N.

    Labels that are hidden are −1 and never read.

    Paper: Kingma et al., Semi-supervised Learning with Deep Generative Models, 2014.

    Raises:
        BadInput: The labels do not suffice, a network lets examples see each other, or there are
            several members.
    """

    headline: tuple[str, ...] = ("bound", "error", "classifier")
    averaged = ("model",)
    classifies = "labels"
    of_data = frozenset({"model.log_prior"})
    held_out: tuple[str, ...] = ("bound", "error")

    def __init__(
        self,
        description: SemiSupervised,
        data: DataInfo,
        members: int | None,
        shape: tuple[int, ...],
        observation: Observation,
    ) -> None:
        super().__init__()
        if members is not None:
            raise BadInput(
                "several seeds in one program are not for semi-supervised autoencoders: leave "
                "--seeds at 1, or let each seed have a run of its own."
            )
        self.described = description
        self.known = known_labels(data)
        prior = log_class_prior(data, description.class_prior)
        uniform = description.class_prior == "uniform"
        self.frequencies = (1,) * len(prior) if uniform else data.class_counts
        self.model = JointModel(description, shape, observation, prior)
        for name in ("classifier", "encoder", "decoder"):
            refuse_mixing(name, getattr(self.model, name))
        start(self.model, description.initial_deviation)

    @abstractmethod
    def seen(self, x: Tensor, streams: Streams | None) -> Tensor:
        """What the model of classes sees of the examples: drawn, or without streams its mean."""

    def model_loss(self, batch: Batch, streams: Streams, moment: Moment) -> Losses:
        """The terms of J/N, and what is watched."""
        x = self.seen(batch.x, streams)
        noise = streams.normal((len(batch), self.model.latent), "posterior")
        parts = self._parts(x, batch, noise)
        alpha = value_at(self.described.classifier_weight, moment)
        classified = replace(parts.classified, weight=alpha * parts.classified.weight)
        terms = {**parts.bounds, "classifier": classified, **self.prior_term(self.model)}
        return Losses(terms, parts.watched)

    def prior_term(self, module: nn.Module) -> dict[str, Term]:
        """The weights' prior, λ ‖w‖² / (2 N), if there is one."""
        precision = self.described.weight_prior
        if not precision:
            return {}
        squares = torch.stack([p.square().sum() for p in module.parameters()]).sum()
        return {"weights": Term(squares, weight=precision / (2 * self.known.examples))}

    def _parts(self, x: Tensor, batch: Batch, noise: Tensor) -> _Parts:
        known, model = self.known, self.model
        assert batch.label is not None, "the data have labels"
        log_q = model.log_q(x)
        first = known.in_batch if known.unlabelled else len(batch)
        if first is None:
            return self._by_chance(x, batch.label, noise, log_q)
        # Labelled ones come first, and of these one class alone is computed.
        label = batch.label[:first]
        costs = model.cost(x[:first], label, noise[:first])
        bounds = {"labelled": Term(costs, weight=known.share)}
        if known.unlabelled:
            every = model.costs(x[first:], noise[first:])
            others = unlabelled_bound(every, log_q[first:])
            bounds["unlabelled"] = Term(others, weight=1 - known.share)
        classified = Term(-_of(log_q[:first], label))
        wrong = Term(_wrong(log_q[:first], label))
        unsure = Term(entropy(log_q[first:])) if known.unlabelled else None
        return _Parts(bounds, classified, _watched(bounds, classified, wrong, unsure))

    def _by_chance(self, x: Tensor, label: Tensor, noise: Tensor, log_q: Tensor) -> _Parts:
        """Of a batch in which any example may be labelled: each stands for N/n examples."""
        there, label = label >= 0, label.clamp(min=0)
        every = self.model.costs(x, noise)
        bounds = {
            "labelled": Term(torch.where(there, _of(every, label), 0.0)),
            "unlabelled": Term(torch.where(there, 0.0, unlabelled_bound(every, log_q))),
        }
        surprise = torch.where(there, -_of(log_q, label), 0.0)
        watched = _watched(
            bounds,
            Term(surprise, there),
            Term(_wrong(log_q, label), there),
            Term(entropy(log_q), ~there),
        )
        return _Parts(bounds, Term(surprise, weight=1 / self.known.share), watched)

    @override
    def measure(self, batch: Batch, streams: Streams) -> Mapping[str, Tensor]:
        """The bound −U of each example as if it had no label, and errors where one is known."""
        x = self.seen(batch.x, streams)
        noise = streams.normal((len(batch), self.model.latent), "posterior")
        bound = -unlabelled_bound(self.model.costs(x, noise), self.model.log_q(x))
        if batch.label is None:
            return {"bound": bound, "error": bound[:0]}
        there = batch.label >= 0
        log_q = self.classify(batch.x[there])
        return {"bound": bound, "error": _wrong(log_q, batch.label[there])}

    @torch.no_grad()
    @override
    def classify(self, x: Tensor) -> Tensor:
        """Log q(y|x), (n, K)."""
        with evaluating(self):
            parts = [self.model.log_q(self.seen(part, None)) for part in x.split(AT_ONCE)]
        return torch.cat(parts) if parts else x.new_zeros(0, self.model.classes)

    @torch.no_grad()
    def encode(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """Latents (n, d) of the examples (n, *shape): means of q(z|x, y), as ``decode`` takes them.

        Args:
            x: Examples.
            label: (n,) their classes; by default the likeliest.

        Raises:
            BadInput: There are no such classes.
        """
        self._check_label(label, len(x))
        if label is None:
            label = self.classify(x).argmax(-1)
        with evaluating(self):
            y = self.model.one_hot(label.to(x.device))
            mean = self.model.encoder(self.seen(x, None), y).chunk(2, -1)[0]
        return nn.functional.pad(mean, (0, len(self.columns) - mean.shape[1]))

    @property
    @override
    def columns(self) -> tuple[str, ...]:
        return tuple(f"z{index}" for index in range(self.model.latent))

    @override
    def decode_block(self, z: Tensor, label: Tensor | None) -> Tensor:
        """The means of p(x|y, z)."""
        if label is None:
            raise BadInput(
                "this learner decodes a latent vector and a class: give a label for each latent."
            )
        return self.decoded(z, self.model.one_hot(label))

    @abstractmethod
    def decoded(self, z: Tensor, y: Tensor) -> Tensor:
        """Examples (n, *shape) of latents (n, d) and one-hot classes (n, K)."""

    @property
    @override
    def units(self) -> Mapping[str, str]:
        return {
            "bound": "−J/N without its classifier's term, nats per example",
            "classifier": "−log q(y|x) of labelled examples, nats",
            "error": "share of labelled examples whose likeliest class is another",
            "entropy": "H(q(y|x)) of unlabelled examples, nats",
        }

    @property
    @override
    def said(self) -> tuple[str, ...]:
        if not self.known.unlabelled:
            return (
                f"all {self.known.labelled:,} training labels are known, so that nothing is learnt "
                "without one; --data.labelled hides some.",
            )
        return (
            f"{self.known.labelled:,} of {self.known.examples:,} training labels are known; error "
            "is that of q(y|x), and validation/bound is of examples as if they had no label.",
        )


class M2Learner(SemiSupervisedLearner):
    """M2: one phase, the objective of ``SemiSupervisedLearner``, of the examples themselves."""

    def __init__(self, description: M2, data: DataInfo, members: int | None = None) -> None:
        observation = OfExamples(description.likelihood, data)
        super().__init__(description, data, members, data.shape, observation)
        self.bounded = observation.bounded
        self.phases = (DataPhase("model", ("model",), self.model_loss),)

    @property
    @override
    def players(self) -> Mapping[str, nn.Module]:
        return {"model": self.model}

    @property
    @override
    def optimisers(self) -> Mapping[str, Optimiser]:
        return {"model": self.described.optimiser}

    @property
    def _observed(self) -> OfExamples:
        observed = self.model.observation
        assert isinstance(observed, OfExamples)
        return observed

    @override
    def seen(self, x: Tensor, streams: Streams | None) -> Tensor:
        return self._observed.presented(x, streams)

    @property
    @override
    def decoder(self) -> nn.Module:
        return self.model.decoder

    @override
    def decoded(self, z: Tensor, y: Tensor) -> Tensor:
        return self._observed.mean(self.model.decoder(torch.cat([z, y], -1)))

    @property
    @override
    def units(self) -> Mapping[str, str]:
        bound = f"{super().units['bound']} ({self._observed.meaning.words})"
        return {**super().units, "bound": bound}


def start(module: nn.Module, deviation: float | None) -> None:
    """Start the weights from N(0, deviation²) and the biases at 0, if that is asked."""
    if deviation is None:
        return
    for name, parameter in module.named_parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, 0.0, deviation)
        elif name.endswith("bias"):
            nn.init.zeros_(parameter)


def refuse_mixing(option: str, network: nn.Module) -> None:
    """Refuse layers by which the examples of a batch see each other.

    A few labelled examples and a copy of the others for every class are no fair sample, and the
    statistics of networks that look at data are not re-estimated for averaged weights.

    Raises:
        BadInput: There is one.
    """
    layers = mixing_layers(network.modules())
    if needs_reference(network):
        layers.append("virtual batch norm")
    if layers:
        part = "minibatch" if layers[0].startswith("minibatch") else "norm"
        raise BadInput(
            f"{layers[0]} lets the examples of a batch see each other, and here a batch holds "
            f"few labelled ones and a copy of the others for each class: set --learner.{option}."
            f"{part} to none."
        )


def _of(values: Tensor, label: Tensor) -> Tensor:
    """The value (n,) of each row's label."""
    return values.gather(-1, label.unsqueeze(-1)).squeeze(-1)


def _watched(
    bounds: Mapping[str, Term], classified: Term, wrong: Term, unsure: Term | None
) -> dict[str, Tensor]:
    """The diagnostics of a batch."""
    parts = [-term.weight * term.reduced.detach() for term in bounds.values()]
    watched = {
        "bound": torch.stack(parts).sum(),
        "classifier": classified.reduced.detach(),
        "error": wrong.reduced,
    }
    return watched if unsure is None else {**watched, "entropy": unsure.reduced.detach()}


def _wrong(log_q: Tensor, label: Tensor) -> Tensor:
    return (log_q.detach().argmax(-1) != label).float()
