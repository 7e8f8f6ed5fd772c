"""A generator against a critic (Goodfellow et al. 2014)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from typing_extensions import override

from saddlepoint.data.batch import Batch
from saddlepoint.data.description import DataInfo
from saddlepoint.games.objectives import OBJECTIVES
from saddlepoint.learners.description import Adversarial
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
from saddlepoint.networks.build import Critic, build_generator
from saddlepoint.optimisers import Adam, RmsProp, Sgd
from saddlepoint.randomness import Streams


class AdversarialLearner(Learner):
    """Two phases a step: the critic's, ``critic_steps`` times, then the generator's.

    Real and fake examples pass through a critic with batch norm in separate batches, so that its
    statistics do not mix them. Each turn draws latents of its own.
    """

    headline = ("critic/loss", "generator/loss", "critic/score_real", "critic/score_fake")
    averaged = ("generator",)

    def __init__(
        self,
        description: Adversarial,
        data: DataInfo,
        batch_size: int,
        members: int | None = None,
    ) -> None:
        super().__init__()
        self.description = description
        self.objective = OBJECTIVES[description.objective]
        self.batch_size = batch_size
        self.generator = build_generator(
            description.generator,
            description.latent,
            data.shape,
            "tanh" if data.images else "linear",
            members,
        )
        self.critic = Critic(description.critic, data.shape, members)
        self._batch_axis = 0 if members is None else 1

    @property
    @override
    def players(self) -> Mapping[str, nn.Module]:
        return {"critic": self.critic, "generator": self.generator}

    @property
    @override
    def optimisers(self) -> Mapping[str, Adam | Sgd | RmsProp]:
        return {
            "critic": self.description.critic_optimiser,
            "generator": self.description.generator_optimiser,
        }

    @override
    def phases(self, progress: float) -> Sequence[Phase]:
        return (
            Phase("critic", ("critic",), self._critic_loss, repeats=self.description.critic_steps),
            Phase(
                "generator",
                ("generator",),
                self._generator_loss,
                needs_data=self.objective.generator_sees_real,
            ),
        )

    def _latents(self, streams: Streams) -> Tensor:
        shape = (self.batch_size, self.description.latent)
        weight = next(self.generator.parameters())
        return self._as_prior(streams.normal(shape, "latents").to(weight.dtype))

    def _as_prior(self, normal: Tensor) -> Tensor:
        """Standard normal numbers turned into draws of the prior; Φ maps N(0, 1) to U(0, 1)."""
        if self.description.prior == "normal":
            return normal
        return 2 * torch.special.ndtr(normal) - 1

    def _critic_loss(self, batch: Batch | None, streams: Streams) -> Losses:
        assert batch is not None
        with torch.no_grad():
            fake = self.generator(self._latents(streams))
        real_score, fake_score = self._scores(batch.x, fake)
        term = Term(self.objective.critic(real_score, fake_score))
        return Losses(
            {"adversarial": term},
            {
                "critic/loss": term.each.detach(),
                "critic/score_real": real_score.detach().mean(-1),
                "critic/score_fake": fake_score.detach().mean(-1),
            },
        )

    def _scores(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of both batches: in one pass, unless the critic would mix them."""
        if self.critic.mixes_examples:
            return self.critic(real).score, self.critic(fake).score
        scores = self.critic(torch.cat([real, fake], dim=self._batch_axis)).score
        real_score, fake_score = scores.split(
            [scores.shape[-1] - self.batch_size, self.batch_size], -1
        )
        return real_score, fake_score

    def _generator_loss(self, batch: Batch | None, streams: Streams) -> Losses:
        fake_score = self.critic(self.generator(self._latents(streams))).score
        # Games whose generator ignores the real score get the fake one in its place, and the
        # critic's pass over the real batch is saved.
        real_score = fake_score if batch is None else self.critic(batch.x).score
        term = Term(self.objective.generator(real_score, fake_score))
        return Losses({"adversarial": term}, {"generator/loss": term.each.detach()})

    @override
    @torch.no_grad()
    def sample(self, n: int, seed: int, condition: Tensor | None = None) -> Tensor:
        with evaluating(self.generator):
            parts = [
                self.generator(z).narrow(self._batch_axis, 0, kept)
                for z, kept in self._blocks(n, seed)
            ]
        return torch.cat(parts, dim=self._batch_axis)

    @override
    def recalibrate(self, seed: int) -> None:
        blocks = self._blocks(RECALIBRATION_SAMPLES, seed)
        reestimate(self.generator, (z for z, _ in blocks))

    def _blocks(self, n: int, seed: int) -> list[tuple[Tensor, int]]:
        device = next(self.generator.parameters()).device
        blocks = latent_blocks(n, self.description.latent, seed)
        return [(self._as_prior(z).to(device), kept) for z, kept in blocks]
