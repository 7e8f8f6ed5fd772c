"""Reading codes off examples: a critic's backbone and its recogniser, as they stand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import final

import torch
from torch import Tensor

from saddlepoint.learners.adversarial.duel import Duel
from saddlepoint.learners.adversarial.recognition import Recognition
from saddlepoint.learners.learner import evaluating

BLOCK = 256


@final
class Reader:
    """What a recogniser says of examples, each on its own.

    The networks are in evaluation mode, where batch norm uses its running statistics. These are
    means over all batches that the critic saw, real and fake.

    Args:
        duel: A game with a recogniser.
    """

    def __init__(self, duel: Duel) -> None:
        (self.recognition,) = (m for m in duel.auxiliaries.values() if isinstance(m, Recognition))
        self._duel = duel

    @torch.no_grad()
    def read(self, x: Tensor) -> dict[str, Tensor]:
        """The parameters of q(c | x) by code: ([members,] n, K) logits, or ([members,] n, 2).

        Args:
            x: Examples, before any lens, ([members,] n, *shape).
        """
        with self._evaluating():
            parts = [self.recognition(features) for features in self._features(x)]
        return {name: torch.cat([part[name] for part in parts], -2) for name in parts[0]}

    @torch.no_grad()
    def information(self, x: Tensor, latents: Tensor) -> dict[str, Tensor]:
        """H(c) + log q(c | x) of each code, nats ([members,] n): their means bound I(c; x).

        Args:
            x: Examples, before any lens, ([members,] n, *shape).
            latents: What they were made from, ([members,] n, columns).
        """
        with self._evaluating():
            parts = [
                self.recognition.log_likelihoods(features, part)
                for features, part in zip(
                    self._features(x), latents.split(BLOCK, self._axis), strict=True
                )
            ]
        return {
            code.name: code.entropy + torch.cat([part[code.name] for part in parts], -1)
            for code in self.recognition.codes
        }

    def _features(self, x: Tensor) -> Iterator[Tensor]:
        for part in x.split(BLOCK, self._axis):
            yield self._duel.critic.features_of(at_rest(self._duel, part))

    @property
    def _axis(self) -> int:
        return 0 if self._duel.members is None else 1

    @contextmanager
    def _evaluating(self) -> Iterator[None]:
        with evaluating(self._duel.critic), evaluating(self.recognition):
            yield


def reads(duel: Duel) -> bool:
    """Whether there is a recogniser, and its critic can look at one example alone."""
    there = any(isinstance(module, Recognition) for module in duel.auxiliaries.values())
    return there and sees_alone(duel)


def sees_alone(duel: Duel) -> bool:
    """Whether a critic at rest can look at one example alone."""
    return duel.pack == 1 and not any(n.startswith("minibatch") for n in duel.critic.mixing)


def at_rest(duel: Duel, x: Tensor) -> Tensor:
    """What the critic sees of examples where nothing is drawn."""
    for lens in duel.description.lenses:
        x = lens.at_rest(x)
    return x


@torch.no_grad()
def critic_classes(duel: Duel, x: Tensor) -> Tensor:
    """Log q(y | x), (n, K), by the critic's head of classes, each example on its own.

    Args:
        duel: A game whose critic tells classes apart.
        x: Examples, before any lens, (n, *shape).
    """
    there = next(duel.critic.parameters())
    said = []
    with evaluating(duel.critic):
        for part in x.to(there).split(BLOCK):
            logits = duel.critic(at_rest(duel, part)).logits
            assert logits is not None
            said.append(logits.log_softmax(-1))
    told = duel.critic.told
    assert told is not None
    return torch.cat(said) if said else x.new_zeros(0, told.classes)
