"""A generator, its critic and the parts of their game: the two turns of one step."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from functools import cache, partial
from itertools import chain

import torch
from torch import Tensor, nn

from saddlepoint.errors import BadInput
from saddlepoint.games.moment import Moment
from saddlepoint.games.regulariser import Regulariser
from saddlepoint.games.turn import Judge, Labelled, Turn
from saddlepoint.learners.adversarial.ahead import critic_loss_at
from saddlepoint.learners.adversarial.auxiliaries import Auxiliary, Owner, Player
from saddlepoint.learners.adversarial.conditioning import Concatenation
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.learners.adversarial.first_batch import FirstBatch
from saddlepoint.learners.adversarial.judgement import Judgement, held, watched_scores
from saddlepoint.learners.adversarial.lenses import Look
from saddlepoint.learners.adversarial.penalty_checks import check_penalties, pay
from saddlepoint.learners.adversarial.side import Side
from saddlepoint.learners.adversarial.sight import Sight
from saddlepoint.learners.losses import Losses, Term
from saddlepoint.learners.part_memories import PartMemories
from saddlepoint.learners.present_parameters import PresentParameters
from saddlepoint.networks.class_input import told_backbone, told_generator
from saddlepoint.networks.critic import Critic, CriticOutput
from saddlepoint.networks.network import Site
from saddlepoint.networks.repeating import repeats
from saddlepoint.networks.virtual_batch_norm import WithReference, with_reference
from saddlepoint.randomness import Streams
from saddlepoint.schedules import value_at


class Duel(nn.Module):
    """Two players and what they play with; a GAN has one duel, a pyramid one a level.

    Where the site has a ``given`` image, the generator makes what is added to it: fakes are such
    sums, which the critic sees and penalties differentiate at.

    Where the site has classes, the players are told the label of each example (``label``), as
    the description's ``classes`` says; concatenated to their inputs if it says nothing.

    Real and fake examples pass through a critic that mixes the examples of a batch (batch norm,
    minibatch layers) in separate batches. Each turn draws latents of its own.

    Virtual batch norm (Salimans et al. 2016) has reference batches of the training batch's size:
    the generator's latents come with its initial weights; the critic's examples are the reals of
    its first turn, as it sees them then (with their instance noise, in packs).

    Args:
        description: The players and their game.
        site: Where the generator stands; its batch is that of one update.
        where: Its place in the description of a run, for messages.

    Attributes:
        sides: What each player moves: its network, with the modules of its auxiliaries.
    """

    def __init__(self, description: Adversarial, site: Site, where: str = "learner") -> None:
        super().__init__()
        self.description, self.members, self.batch = description, site.members, site.batch
        self.objective = description.game
        self.pack = description.pack
        if site.batch % self.pack:
            raise BadInput(
                f"a batch of {site.batch} cannot be cut into packs of {self.pack}: use a "
                "--batch-size that it divides."
            )
        self.columns = description.prior.columns(description.latent)
        self.told, classes = description.classes, site.classes
        if classes and not self.told.uses_classes:
            self.told = Concatenation()
        site = replace(
            site,
            inputs=len(self.columns),
            classes=classes if self.told.tells_generator else 0,
            embedding=self.told.width,
        )
        if classes and self.pack > 1:
            raise BadInput("a pack of examples has no one class: leave out the lens pack.")
        place = f"{where}.generator"
        generator = told_generator(description.generator, replace(site, place=place))
        self.generator = with_reference(generator, site, (site.inputs,))
        seen = replace(
            site,
            shape=(site.shape[0] * self.pack, *site.shape[1:]),
            batch=site.batch // self.pack,
            inputs=site.inputs * self.pack,
            classes=classes if self.told.joins_input else 0,
            given=None,  # the critic sees whole images
            place=f"{where}.critic",
        )
        # only penalties of the scores themselves, as drift, see more of them than differences
        level = not self.objective.shift_invariant or any(
            "scores" in penalty.sees for penalty in description.critic_regularisers
        )
        backbone = told_backbone(description.critic, seen)
        head = self.told.head(backbone.features, classes)
        self.critic = Critic(backbone, seen, level=level, told=head)
        self._batch_axis = 0 if site.members is None else 1
        for constraint in description.constraints:
            constraint.apply(self.critic)
        self.first_batch = FirstBatch(description.constraints)
        penalties = description.critic_regularisers
        check_penalties(penalties, self.critic, where)
        self._repeatable = repeats(self.critic.modules())
        self.critic_memories = PartMemories(penalties, self.critic)
        self.generator_memories = PartMemories(description.generator_regularisers, self.generator)
        self.lens_memories = PartMemories(description.lenses, self.critic)
        self.auxiliary_memories = PartMemories(description.auxiliaries, self.critic)
        parts, stand = self.auxiliary_memories.parts, replace(seen, maps=backbone.maps)
        self.critic.keep([each for part in parts.values() for each in part.maps(stand)])
        features, codes = self.critic.features, description.prior.codes
        modules = {name: part.module(stand, features, codes) for name, part in parts.items()}
        self.auxiliaries = nn.ModuleDict(modules)
        if isinstance(self.generator, WithReference):  # last, so that no weight depends on it
            (reference,) = self.generator.reference
            self.generator.offer(description.prior.of(torch.randn_like(reference)))
        self.sides = {
            "critic": self._side("critic", self.critic),
            "generator": self._side("generator", self.generator),
        }
        late = self._owned("recogniser")
        if late:
            self.sides["recogniser"] = nn.ModuleDict(late)

    def _side(self, player: Player, network: nn.Module) -> nn.Module:
        owned = self._owned(player)
        return Side(player, network, owned) if owned else network

    def _owned(self, owner: Owner) -> dict[str, nn.Module]:
        """The modules of the auxiliaries that belong to a player."""
        parts = self.auxiliary_memories.parts
        return {n: m for n, m in self.auxiliaries.items() if parts[n].owner == owner}

    @property
    def penalties(self) -> dict[Player, PartMemories[Regulariser]]:
        """The penalties of each player, with what they remember."""
        return {"critic": self.critic_memories, "generator": self.generator_memories}

    @property
    def generator_sees_real(self) -> bool:
        """Whether the generator's turn needs a batch of real examples."""
        return self.description.cost.sees_real(self.objective)

    def latents(self, streams: Streams, batches: int = 1) -> Tensor:
        """So many batches of latents from the prior."""
        weight = next(self.generator.parameters())
        shape = (batches * self.batch, len(self.columns))
        normal = streams.normal(shape, "latents").to(weight.dtype)
        return self.description.prior.of(normal)

    def fakes(self, latents: Tensor, given: Tensor | None, label: Tensor | None = None) -> Tensor:
        """What the generator makes of latents and labels, added to what each batch is given."""
        told: tuple[Tensor, ...] = ()
        if label is not None and self.told.tells_generator:
            told = (label.repeat(len(latents) // len(label)),)
        if given is None:
            fakes: Tensor = self.generator(latents, *told)
            return fakes
        given = given.repeat(len(latents) // len(given), 1, 1, 1)
        return given + self.generator(latents, *told, given=given)

    def seen(self, x: Tensor, streams: Streams, moment: Moment, which: str) -> Tensor:
        """The critic's input: what is seen of ``x`` through the lenses outside the critic."""
        for _, lens, memory in self.lens_memories:
            if not lens.inside:
                x = lens.see(x, Look(which, streams, moment, self.members, memory))
        return x

    def outputs(
        self, judge: Judge, real: Tensor, fake: Tensor
    ) -> tuple[CriticOutput, CriticOutput]:
        """What is said of both batches: in one pass, unless the critic would mix them."""
        if self.critic.mixes_examples:
            return judge(real), judge(fake)
        both = judge(torch.cat([real, fake], dim=self._batch_axis))
        sizes = [real.shape[self._batch_axis], fake.shape[self._batch_axis]]
        return both.split(sizes, self._batch_axis)

    def critic_turn(self, sight: Sight, streams: Streams, moment: Moment) -> Losses:
        """The critic's cost of the game, its penalties and the auxiliaries that join it.

        Args:
            sight: What is seen of a batch.
            streams: Random numbers by purpose.
            moment: When this is.
        """
        turn = self._critics(sight, streams, moment)
        real_score, fake_score = turn.real_score, turn.fake_score
        term = Term(self.objective.critic(real_score, fake_score))
        watched = {"critic/loss": term.each.detach()}
        watched |= watched_scores(self.objective, real_score.detach(), fake_score.detach())
        parts = [each.watch(self.critic) for each in self.description.constraints]
        parts += [lens.watch(memory) for _, lens, memory in self.lens_memories]
        for name, scalar in chain.from_iterable(part.items() for part in parts):
            watched[f"critic/{name}"] = scalar.expand_as(watched["critic/loss"])
        terms = {"adversarial": term}
        self.told.join("critic", turn, terms, watched)
        self._penalise("critic", turn, terms, watched)
        self._help("critic", turn, terms, watched)
        self._look_back(turn)
        return Losses(terms, watched)

    def generator_turn(
        self,
        streams: Streams,
        moment: Moment,
        real: Tensor | None = None,
        given: Tensor | None = None,
        label: Tensor | None = None,
        labelled: tuple[Tensor, Tensor] | None = None,
    ) -> Losses:
        """The generator's cost, its penalties and the auxiliaries that join it.

        Args:
            streams: Random numbers by purpose.
            moment: When this is.
            real: Real examples, where ``generator_sees_real``.
            given: What the generator is given, where it is given images.
            label: Labels of the fakes, where there are classes: of all, or of each batch in order;
                with ``real`` theirs, too.
            labelled: As in what is seen of a batch, for what looks ahead at the critic's loss.
        """
        batches = self.description.generator_batch
        turn = self._generators(streams, moment, given, real, batches, label)
        if real is not None:
            turn = self._beside(turn, labelled)
            loss = partial(critic_loss_at, self, turn)
            turn = replace(turn, critic_loss=loss, held=partial(held, self.description.constraints))
        term = Term(self.description.cost.values(turn))
        terms = {"adversarial": term}
        watched = {"generator/loss": term.each.detach()}
        self.told.join("generator", turn, terms, watched)
        self._penalise("generator", turn, terms, watched)
        self._help("generator", turn, terms, watched)
        return Losses(terms, watched)

    def critic_penalties(self, sight: Sight, streams: Streams, moment: Moment) -> Losses:
        """The critic's penalties that have updates of their own, on a fresh batch."""
        return self._apart("critic", self._critics(sight, streams, moment))

    def generator_penalties(
        self,
        streams: Streams,
        moment: Moment,
        given: Tensor | None = None,
        label: Tensor | None = None,
    ) -> Losses:
        """The generator's penalties that have updates of their own."""
        return self._apart("generator", self._generators(streams, moment, given, label=label))

    def auxiliary_turn(
        self, name: str, streams: Streams, moment: Moment, label: Tensor | None = None
    ) -> Losses:
        """An auxiliary that has a phase of its own, on fresh latents."""
        part = self.auxiliary_memories.parts[name]
        terms, watched = dict[str, Term](), dict[str, Tensor]()
        turn = self._generators(streams, moment, label=label)
        self._join(name, part, turn, terms, watched, part.owner)
        return Losses(terms, watched)

    def prepare_critic(self) -> None:
        """Commit what the parts of the critic's turn remember of it."""
        self.critic_memories.remember()
        self.lens_memories.remember()
        self.auxiliary_memories.remember()

    def prepare_generator(self) -> None:
        """Commit what the parts of the generator's turn remember of it."""
        self.generator_memories.remember()
        self.auxiliary_memories.remember()

    def project(self) -> None:
        """Hold the critic's weights to their constraints, after its update."""
        for constraint in self.description.constraints:
            constraint.project(self.critic)

    def _critics(self, sight: Sight, streams: Streams, moment: Moment) -> Turn:
        """The critic's turn on a batch; what it does not move has a graph if that is wanted."""
        real, given, label, known = sight
        with nullcontext() if moment.whole_graph else torch.no_grad():
            latents = self.latents(streams)
            fake = self.seen(self.fakes(latents, given, label), streams, moment, "fake")
            real = self.seen(real, streams, moment, "real")
            self.critic.offer(real)
        judge = self._judgement(streams, moment, label=label)
        self.first_batch.start(self.critic, partial(judge, real))
        turn = self._turn(self.critic, streams, moment, judge, latents, fake, real, given, label)
        return self._beside(turn, known)

    def _beside(self, turn: Turn, labelled: tuple[Tensor, Tensor] | None) -> Turn:
        """The turn with examples of known class beside those of the game, if there are any."""
        if labelled is None:
            return turn
        x = self.seen(labelled[0], turn.streams, turn.moment, "labelled")
        return replace(turn, labelled=Labelled.by(turn.judge, x, labelled[1]))

    def _generators(
        self,
        streams: Streams,
        moment: Moment,
        given: Tensor | None = None,
        real: Tensor | None = None,
        batches: int = 1,
        label: Tensor | None = None,
    ) -> Turn:
        """The generator's turn on so many batches of latents."""
        latents = self.latents(streams, batches)
        fake = self.seen(self.fakes(latents, given, label), streams, moment, "fake")
        judge = self._judgement(streams, moment, batches, label)
        if real is not None:
            real = self.seen(real, streams, moment, "real")
        return self._turn(self.generator, streams, moment, judge, latents, fake, real, given, label)

    def _judgement(
        self, streams: Streams, moment: Moment, batches: int = 1, label: Tensor | None = None
    ) -> Judgement:
        inside = tuple((lens, memory) for _, lens, memory in self.lens_memories if lens.inside)
        look = Look("both", streams, moment, self.members, {})
        label = label if self.critic.needs_label else None
        return Judgement(self.critic, inside, look, self.pack, batches * self.batch, label)

    def _turn(
        self,
        mover: nn.Module,
        streams: Streams,
        moment: Moment,
        judge: Judge,
        latents: Tensor,
        fake: Tensor,
        real: Tensor | None = None,
        given: Tensor | None = None,
        label: Tensor | None = None,
    ) -> Turn:
        def judged() -> tuple[CriticOutput | None, CriticOutput]:
            return (None, judge(fake)) if real is None else self.outputs(judge, real, fake)

        return Turn(
            streams=streams,
            parameters=PresentParameters(mover),
            mixes_examples=self.critic.mixes_examples,
            repeatable=self._repeatable,
            judge=judge,
            objective=self.objective,
            latents=latents,
            given=given,
            label=None if label is None else label.repeat(len(latents) // len(label)),
            fake=fake,
            judged=cache(judged),
            examples=real,
            moment=moment,
            members=self.members,
        )

    def _penalise(
        self, player: Player, turn: Turn, terms: dict[str, Term], watched: dict[str, Tensor]
    ) -> None:
        """Add the player's penalties that are due to the terms of its loss."""
        memories = self.penalties[player]
        if not memories.parts:  # the most frequent case, and small networks wait for the host
            return
        due: dict[str, tuple[Regulariser, Turn]] = {}
        for name, penalty, memory in memories:
            seen = replace(turn, memory=memory)
            memories.saw(name, seen)
            if not penalty.apart and penalty.due(turn.moment.update):
                due[name] = (penalty, seen)
        pay(player, due, terms, watched)

    def _apart(self, player: Player, turn: Turn) -> Losses:
        """The penalties of a player that have updates of their own."""
        due = {
            name: (penalty, replace(turn, memory=memory))
            for name, penalty, memory in self.penalties[player]
            if penalty.apart
        }
        terms, watched = dict[str, Term](), dict[str, Tensor]()
        pay(player, due, terms, watched)
        return Losses(terms, watched)

    def _help(
        self, player: Player, turn: Turn, terms: dict[str, Term], watched: dict[str, Tensor]
    ) -> None:
        """Add the auxiliaries that join the player's turn to the terms of its loss."""
        if not self.auxiliary_memories.parts:
            return
        for name, part, memory in self.auxiliary_memories:
            seen = replace(turn, memory=memory)
            self.auxiliary_memories.saw(name, seen)
            if player in part.joins and part.phase is None:
                self._join(name, part, seen, terms, watched, player)

    def _join(
        self,
        name: str,
        part: Auxiliary,
        turn: Turn,
        terms: dict[str, Term],
        watched: dict[str, Tensor],
        player: Owner,
    ) -> None:
        """Add an auxiliary's term to those of a loss."""
        values, more = part.watched(turn, self.auxiliaries[name])
        terms[name] = Term(values, weight=value_at(part.weight, turn.moment))
        watched[f"{player}/{name}"] = terms[name].each.detach()
        watched |= {f"{player}/{key}": value for key, value in more.items()}

    def _look_back(self, turn: Turn) -> None:
        """Let the lenses see the critic's turn, for what they remember."""
        for name, _, memory in self.lens_memories:
            self.lens_memories.saw(name, replace(turn, memory=memory))
