"""A generator against a critic (Goodfellow et al. 2014), with what later papers added to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from typing_extensions import override

from saddlepoint.data.batch import Batch
from saddlepoint.data.info import DataInfo
from saddlepoint.errors import BadInput
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.learners.adversarial.duel import Duel
from saddlepoint.learners.adversarial.phases import Match
from saddlepoint.learners.adversarial.reader import Reader, critic_classes, reads, sees_alone
from saddlepoint.learners.adversarial.sight import Sight
from saddlepoint.learners.class_labels import class_frequencies, known_classes
from saddlepoint.learners.codes import Code
from saddlepoint.learners.latent import LatentLearner
from saddlepoint.learners.learner import DatalessPhase, Phase
from saddlepoint.networks.network import Output, Site
from saddlepoint.optimisers import Optimiser
from saddlepoint.randomness import Streams

CLASS_ERROR = "critic/class_error"
_ERROR = "share of labelled examples whose likeliest class is another"


class AdversarialLearner(LatentLearner):
    """One duel, and the phases of auxiliaries that have one of their own."""

    headline: tuple[str, ...] = (
        "critic/loss",
        "generator/loss",
        "critic/score_real",
        "critic/score_fake",
    )
    averaged: tuple[str, ...] = ("generator",)

    def __init__(
        self,
        description: Adversarial,
        data: DataInfo,
        batch_size: int,
        members: int | None = None,
    ) -> None:
        super().__init__()
        self.description, self.members = description, members
        output = output_of(description, data)
        standardise = description.standardise and not data.images
        # labelled examples beside the others are no part of a game that tells nobody their class
        self._labelled = 0
        if description.classes.uses_classes and not description.classes.needs_all:
            self._labelled = data.labelled_in_batch or 0
        site = Site(
            data.shape,
            members=members,
            batch=batch_size - self._labelled,
            output=output,
            classes=self._classes(data),
        )
        if description.output_bias == "data_mean":
            # what is standardised has the mean 0
            site = replace(site, mean=np.zeros(data.shape) if standardise else data.mean)
        self.duel = Duel(description, site)
        self.mixing = tuple(self.duel.critic.mixing)
        if description.classes.classifies:
            self.classifies = "labels"
            self.averaged = ("generator", "critic")
            self.headline = (CLASS_ERROR, *self.headline)
            self.held_out = ("error",) if sees_alone(self.duel) else ()
        self._known = data.labelled, data.counts.get("train", 0)
        self.bounded = output != "linear"
        self._optimisers = {
            player: description.optimiser_of("generator" if player == "generator" else "critic")
            for player in self.duel.sides
        }
        self._scale = data.scale if standardise else 1.0
        self._centre = torch.tensor(data.centre) if standardise else None
        self.phases = tuple(self._phases())
        if self._reader is not None:
            self.headline = (*self._bounds, *self.headline)
            if any(code.is_categorical for code in self.codes):
                self.classifies = "groups"

    def _classes(self, data: DataInfo) -> int:
        """How many classes the players are told of; 0 where that is not asked.

        Raises:
            BadInput: There are not the labels that are needed.
        """
        told = self.description.classes
        if not told.uses_classes:
            return 0
        if self.members is not None:
            raise BadInput(
                "several seeds in one program are not for games with classes: leave --seeds at 1, "
                "or let `saddlepoint train` start a run a seed."
            )
        what = f"--learner.classes {told.word()}"
        instead = "leave out --conditional (--learner.classes unconditional)"
        if not told.needs_all:
            return known_classes(data, what, "set --learner.classes unconditional")
        frequencies = class_frequencies(data, what, instead)
        if told.tells_generator:
            self.frequencies = frequencies
        return len(frequencies)

    def _phases(self) -> Iterator[Phase]:
        phases = self.description.auxiliary_phases
        game = (0.0, min((own.after for own in phases.values() if own.after), default=1.0))
        match = Match(self.duel, self._sight, frequencies=self.frequencies)
        for phase in match.phases():
            yield replace(phase, during=game)
        for name, own in phases.items():
            yield DatalessPhase(
                name,
                own.moves,
                partial(match.auxiliary, name),
                during=(own.after, 1.0),
            )

    def _sight(self, batch: Batch, streams: Streams) -> Sight:
        label = batch.label if self.description.classes.uses_classes else None
        x, first = self.standardised(batch.x), self._labelled
        if not first:
            return Sight(x, label=label)
        assert label is not None
        # they stand first in a batch
        return Sight(x[first:], labelled=(x[:first], label[:first]))

    @property
    def generator(self) -> nn.Module:
        """From latents to examples."""
        return self.duel.generator

    @property
    def critic(self) -> nn.Module:
        """From what is seen of examples to scores."""
        return self.duel.critic

    @property
    @override
    def players(self) -> Mapping[str, nn.Module]:
        return self.duel.sides

    @property
    @override
    def optimisers(self) -> Mapping[str, Optimiser]:
        return self._optimisers

    def standardised(self, x: Tensor) -> Tensor:
        """Vectors of mean 0 and deviation 1, if that is asked; the generator lives among them."""
        return x if self._centre is None else (x - self._centre.to(x)) / self._scale

    @property
    @override
    def columns(self) -> tuple[str, ...]:
        return self.duel.columns

    @property
    @override
    def codes(self) -> tuple[Code, ...]:
        return self.description.prior.codes

    @property
    def _reader(self) -> Reader | None:
        """What reads codes off examples, if that was learned."""
        return Reader(self.duel) if reads(self.duel) else None

    @property
    def _bounds(self) -> Mapping[str, Code]:
        """The codes, by the diagnostic that bounds what an example tells of them."""
        readers = (part for part in self.description.auxiliaries if part.reads_codes)
        return {
            f"{part.owner}/information_{code.name}": code for part in readers for code in self.codes
        }

    @override
    def classify(self, x: Tensor) -> Tensor:
        """Log q(y | x) of the critic's head of classes, or of the first categorical code.

        The classes of a code are groups that were found without labels.
        """
        if self.description.classes.classifies:
            return critic_classes(self.duel, self.standardised(x))
        reader = self._reader
        if reader is None or not self.classifies:
            return super().classify(x)
        first = next(code for code in self.codes if code.is_categorical)
        seen = self._for_all(self.standardised(x.to(next(self.duel.critic.parameters()))))
        return reader.read(seen)[first.name].log_softmax(-1)

    @override
    def information(self, n: int, seed: int) -> Mapping[str, Tensor]:
        reader = self._reader
        if reader is None:
            return {}
        z = self.latents(n, seed).to(next(self.duel.critic.parameters()))
        made = self.decode(z, self.labels(n, seed))
        return reader.information(self.standardised(made), self._for_all(z))

    @override
    def measure(self, batch: Batch, streams: Streams) -> Mapping[str, Tensor]:
        """Errors of the critic's head of classes, where it has one and the label is known."""
        if not self.held_out:
            return super().measure(batch, streams)
        if batch.label is None:
            return {"error": batch.x.new_zeros(0)}
        there = batch.label >= 0
        likeliest = self.classify(batch.x[there]).argmax(-1)
        return {"error": (likeliest != batch.label[there]).to(batch.x.dtype)}

    @property
    @override
    def units(self) -> Mapping[str, str]:
        told = self.classifies == "labels"
        errors = dict.fromkeys((CLASS_ERROR, *self.held_out), _ERROR) if told else {}
        return errors | {
            name: f"nats, at most {code.entropy:.3f}"
            if code.is_categorical
            else f"nats, {code.entropy:.3f} + E log q"
            for name, code in self._bounds.items()
        }

    @property
    @override
    def forms(self) -> Mapping[str, str]:
        return {
            name: f"I({code.name}) {{:.2f}} of {code.entropy:.2f}"
            for name, code in self._bounds.items()
        }

    @property
    @override
    def said(self) -> tuple[str, ...]:
        said = []
        if self.classifies == "labels":
            known, train = self._known
            averaged = ", validation/error that of its averaged weights" if self.held_out else ""
            said.append(
                f"{known:,} of {train:,} training labels are known; {CLASS_ERROR} is the critic's "
                f"on those of a batch{averaged}."
            )
        if self._reader is not None:
            each = ", ".join(f"{code.name} {code.entropy:.3f}" for code in self.codes)
            said.append(
                f"{' and '.join(self._bounds)} bound from below how many nats a sample tells of "
                f"its code. Entropies of the codes: {each}; of a number it is that of its density, "
                "and no ceiling."
            )
        return tuple(said)

    @property
    @override
    def decoder(self) -> nn.Module:
        return self.duel.generator

    @override
    def from_normal(self, normal: Tensor) -> Tensor:
        return self.description.prior.of(normal)

    @override
    def decode_block(self, z: Tensor, label: Tensor | None) -> Tensor:
        samples = self.duel.generator(z) if label is None else self.duel.generator(z, label)
        if self._centre is None:
            return samples
        return samples * self._scale + self._centre.to(samples)


def output_of(description: Adversarial, data: DataInfo) -> Output:
    """How examples leave the generator.

    Raises:
        BadInput: A choice that would not count.
    """
    inherent = description.generator.output
    output: Output = inherent or (description.output if data.images else "linear")
    if output == description.output or description.output == "tanh":  # the default, not a choice
        return output
    if inherent is not None:
        raise BadInput(
            f"--learner.output {description.output} would not count: the network "
            f"'{description.generator.kind}' has an output of its own ({inherent}). Leave it at "
            "tanh, or choose another --learner.generator."
        )
    raise BadInput(
        f"the output '{description.output}' is for images, and {data.name} are vectors, "
        "which have no bounds: leave --learner.output at tanh."
    )
