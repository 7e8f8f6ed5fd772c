"""A generator against a critic (Goodfellow et al. 2014), with what later papers added to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.func import functional_call
from typing_extensions import override

from saddlepoint.data.batch import Batch
from saddlepoint.data.description import DataInfo
from saddlepoint.errors import BadInput
from saddlepoint.games.constraints import SpectralNorm, WeightClipping
from saddlepoint.games.objectives import OBJECTIVES, smoothed
from saddlepoint.games.regularisers import (
    GradientPenalty,
    Regulariser,
    Turn,
    penalties_together,
)
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
from saddlepoint.learners.memories import Memories
from saddlepoint.networks.batch_norm import reestimate
from saddlepoint.networks.build import Critic, Output, build_generator, with_reference
from saddlepoint.networks.layers import WithReference, pack
from saddlepoint.optimisers import Optimiser
from saddlepoint.randomness import Streams
from saddlepoint.schedules import value_at

# how to get rid of what mixes a critic's examples
REMEDIES = {
    "batch norm": "--learner.critic.norm virtual (or none)",
    "minibatch discrimination": "--learner.critic.minibatch none",
    "minibatch standard deviation": "--learner.critic.minibatch none",
}


class AdversarialLearner(Learner):
    """Two phases a step: the critic's, ``critic_steps`` times, then the generator's.

    Real and fake examples pass through a critic that mixes the examples of a batch (batch norm,
    minibatch layers) in separate batches. Each turn draws latents of its own.

    Virtual batch norm (Salimans et al. 2016) has reference batches of the training batch's size:
    the generator's latents come with its initial weights; the critic's examples are the reals of
    its first turn, as it sees them then (with their instance noise, in packs).
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
        self.description, self.members = description, members
        objective = OBJECTIVES[description.objective]
        if description.real_target != 1.0:
            objective = smoothed(objective, description.real_target)
        self.objective = objective
        self.batch_size = batch_size
        if batch_size % description.pack:
            raise BadInput(
                f"a batch of {batch_size} cannot be cut into packs of {description.pack}: use a "
                "--batch-size that it divides."
            )
        output: Output = "tanh" if data.images else "linear"
        generator = build_generator(
            description.generator, description.latent, data.shape, output, members
        )
        self.generator = with_reference(generator, batch_size, (description.latent,), members)
        seen = (data.shape[0] * description.pack, *data.shape[1:])
        self.critic = Critic(description.critic, seen, members, batch_size // description.pack)
        self._batch_axis = 0 if members is None else 1
        standardise = description.standardise and not data.images
        self._scale = data.scale if standardise else 1.0
        self._centre = torch.tensor(data.centre) if standardise else None
        self.clips = [c for c in description.constraints if isinstance(c, WeightClipping)]
        for constraint in description.constraints:
            if isinstance(constraint, SpectralNorm):
                constraint.apply(self.critic)
        penalties = description.critic_regularisers
        if self.critic.mixing and any(p.kind == "gradient_penalty" for p in penalties):
            what = " and ".join(self.critic.mixing)
            remedies = " and ".join(REMEDIES[layer] for layer in self.critic.mixing)
            raise BadInput(
                f"a gradient penalty needs each example's own gradient, and this critic's {what} "
                f"{'mix' if ' and ' in what else 'mixes'} the examples of a batch: set {remedies}."
            )
        self.critic_memories = Memories(penalties, self.critic)
        self.generator_memories = Memories(description.generator_regularisers, self.generator)
        if isinstance(self.generator, WithReference):  # last, so that no weight depends on it
            (reference,) = self.generator.reference
            self.generator.offer(self._as_prior(torch.randn_like(reference)))

    @property
    @override
    def players(self) -> Mapping[str, nn.Module]:
        return {"critic": self.critic, "generator": self.generator}

    @property
    @override
    def optimisers(self) -> Mapping[str, Optimiser]:
        return {
            "critic": self.description.critic_optimiser,
            "generator": self.description.generator_optimiser,
        }

    @override
    def phases(self, progress: float, number: int = 0) -> Sequence[Phase]:
        turn = _Turns(self, progress, number)
        return (
            Phase(
                "critic",
                ("critic",),
                turn.critic_loss,
                repeats=self.description.critic_steps,
                prepare=self.critic_memories.remember,
                project=self._project,
            ),
            Phase(
                "generator",
                ("generator",),
                turn.generator_loss,
                prepare=self.generator_memories.remember,
                needs_data=self.generator_sees_real,
            ),
        )

    @property
    def generator_sees_real(self) -> bool:
        """Whether the generator's turn needs a batch of real examples."""
        return (
            self.objective.generator_sees_real
            or self.description.generator_cost == "feature_matching"
            or self.description.unrolled_steps > 0
        )

    def _project(self) -> None:
        for clip in self.clips:
            clip.project(self.critic)

    def latents(self, streams: Streams) -> Tensor:
        """A batch of latents from the prior."""
        weight = next(self.generator.parameters())
        shape = (self.batch_size, self.description.latent)
        return self._as_prior(streams.normal(shape, "latents").to(weight.dtype))

    def _as_prior(self, normal: Tensor) -> Tensor:
        """Standard normal numbers turned into draws of the prior; Φ maps N(0, 1) to U(0, 1)."""
        if self.description.prior == "normal":
            return normal
        return 2 * torch.special.ndtr(normal) - 1

    def standardised(self, x: Tensor) -> Tensor:
        """Vectors of mean 0 and deviation 1, if that is asked; the generator lives among them."""
        return x if self._centre is None else (x - self._centre.to(x)) / self._scale

    def seen(self, x: Tensor, streams: Streams, progress: float, which: str) -> Tensor:
        """What the critic sees of the examples ``x``: noisy and in packs, where that is asked."""
        std = value_at(self.description.instance_noise, progress)
        if std:
            shape = tuple(x.shape[self._batch_axis :])
            x = x + std * streams.normal(shape, "instance noise", which).to(x.dtype)
        return pack(x, self.description.pack, self.members) if self.description.pack > 1 else x

    def scores(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of both batches: in one pass, unless the critic would mix them."""
        if self.critic.mixes_examples:
            return self.critic(real).score, self.critic(fake).score
        scores = self.critic(torch.cat([real, fake], dim=self._batch_axis)).score
        sizes = [real.shape[self._batch_axis], fake.shape[self._batch_axis]]
        real_score, fake_score = scores.split(sizes, -1)
        return real_score, fake_score

    @override
    @torch.no_grad()
    def sample(self, n: int, seed: int, condition: Tensor | None = None, first: int = 0) -> Tensor:
        with evaluating(self.generator):
            parts = [
                self.generator(z).narrow(self._batch_axis, 0, kept)
                for z, kept in self._blocks(n, seed, first)
            ]
        samples = torch.cat(parts, dim=self._batch_axis)
        if self._centre is None:
            return samples
        return samples * self._scale + self._centre.to(samples)

    @override
    def recalibrate(self, seed: int) -> None:
        blocks = self._blocks(RECALIBRATION_SAMPLES, seed)
        reestimate(self.generator, (z for z, _ in blocks))

    def _blocks(self, n: int, seed: int, first: int = 0) -> list[tuple[Tensor, int]]:
        weight = next(self.generator.parameters())
        found = []
        for block, kept in latent_blocks(n, self.description.latent, seed, first):
            z = self._as_prior(block).to(weight)
            found.append((z if self.members is None else z.expand(self.members, *z.shape), kept))
        return found


class _Turns:
    """The two losses of one step: the learner, at one progress and step number."""

    def __init__(self, learner: AdversarialLearner, progress: float, number: int) -> None:
        self.learner, self.progress, self.number = learner, progress, number

    def critic_loss(self, batch: Batch | None, streams: Streams) -> Losses:
        """The critic's cost of the game and its penalties."""
        assert batch is not None
        learner = self.learner
        with nullcontext() if learner.whole_graph else torch.no_grad():
            fake = learner.generator(learner.latents(streams))
            fake = learner.seen(fake, streams, self.progress, "fake")
            real = learner.standardised(batch.x)
            real = learner.seen(real, streams, self.progress, "real")
            learner.critic.offer(real)
        real_score, fake_score = learner.scores(real, fake)
        term = Term(learner.objective.critic(real_score, fake_score))
        watched = {
            "critic/loss": term.each.detach(),
            "critic/score_real": real_score.detach().mean(-1),
            "critic/score_fake": fake_score.detach().mean(-1),
        }
        for clip in learner.clips:
            share = clip.share_at_limit(learner.critic.parameters())
            watched["critic/share_at_limit"] = share.expand_as(watched["critic/loss"])
        terms = {"adversarial": term}
        turn = self._turn(learner.critic, real, fake.detach(), (real_score, fake_score), streams)
        self._penalise("critic", learner.critic_memories, turn, terms, watched)
        return Losses(terms, watched)

    def _turn(
        self,
        mover: nn.Module,
        real: Tensor,
        fake: Tensor,
        scores: tuple[Tensor, Tensor],
        streams: Streams,
    ) -> Turn:
        critic = self.learner.critic
        return Turn(
            critic=lambda x: critic(x).score,
            mixes_examples=critic.mixes_examples,
            real=real,
            fake=fake,
            real_score=scores[0],
            fake_score=scores[1],
            parameters=dict(mover.named_parameters()),
            streams=streams,
            progress=self.progress,
            members=self.learner.members,
        )

    def _penalise(
        self,
        player: str,
        memories: Memories,
        turn: Turn,
        terms: dict[str, Term],
        watched: dict[str, Tensor],
    ) -> None:
        """Add the player's penalties that are due to the terms of its loss."""
        due: dict[str, tuple[Regulariser, Turn]] = {}
        for name, penalty, memory in memories:
            own = replace(turn, memory=memory)
            memories.saw(name, own)
            if penalty.due(self.number):
                due[name] = (penalty, own)
        of_gradient = {n: (p, t) for n, (p, t) in due.items() if isinstance(p, GradientPenalty)}
        values = dict(zip(of_gradient, penalties_together([*of_gradient.values()]), strict=True))
        for name, (penalty, own) in due.items():
            each = values[name] if name in values else penalty.values(own)
            terms[name] = Term(each, weight=penalty.effective_weight(self.progress))
            watched[f"{player}/{name}"] = terms[name].each.detach()

    def generator_loss(self, batch: Batch | None, streams: Streams) -> Losses:
        """The generator's cost of the game, or of feature matching, and its penalties."""
        learner = self.learner
        fake = learner.generator(learner.latents(streams))
        fake = learner.seen(fake, streams, self.progress, "fake")
        real = None
        if batch is not None:
            real = learner.standardised(batch.x)
            real = learner.seen(real, streams, self.progress, "real")
        if learner.description.unrolled_steps:
            assert real is not None
            term = self._unrolled(real, fake)
        elif learner.description.generator_cost == "feature_matching":
            assert real is not None
            term = self._feature_matching(real, fake)
        elif real is not None:
            term = Term(learner.objective.generator(*learner.scores(real, fake)))
        else:
            # A game whose generator ignores the real score gets the fake one in its place.
            score = learner.critic(fake).score
            term = Term(learner.objective.generator(score, score))
        terms = {"adversarial": term}
        watched = {"generator/loss": term.each.detach()}
        nothing = fake.detach()  # the generator's penalties look at its parameters alone
        turn = self._turn(learner.generator, nothing, nothing, (nothing, nothing), streams)
        self._penalise("generator", learner.generator_memories, turn, terms, watched)
        return Losses(terms, watched)

    def _feature_matching(self, real: Tensor, fake: Tensor) -> Term:
        """‖E f(x) − E f(G(z))‖² of batch means, the reals detached (Salimans et al. 2016)."""
        critic = self.learner.critic
        with torch.no_grad():
            target = critic(real).features.mean(-2)
        distance = (target - critic(fake).features.mean(-2)).square().sum(-1)
        return Term(distance.unsqueeze(-1))

    def _unrolled(self, real: Tensor, fake: Tensor) -> Term:
        """The generator's cost against the critic of some steps ahead (Metz et al. 2017).

        The critic's steps are plain gradient steps on this turn's batch; the gradient passes
        through them. The critic itself does not move.
        """
        learner = self.learner
        critic, rate = learner.critic, learner.description.unrolled_rate
        ahead: dict[str, Tensor] = dict(critic.named_parameters())

        def scores(x: Tensor) -> Tensor:
            return functional_call(critic, ahead, (x,)).score

        for _ in range(learner.description.unrolled_steps):
            cost = Term(learner.objective.critic(scores(real), scores(fake))).reduced
            gradients = torch.autograd.grad(cost, list(ahead.values()), create_graph=True)
            ahead = {
                name: value - rate * gradient
                for (name, value), gradient in zip(ahead.items(), gradients, strict=True)
            }
        return Term(learner.objective.generator(scores(real), scores(fake)))
