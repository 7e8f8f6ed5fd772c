"""The description of a generator against a critic (torch-free on import)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator
from typing_extensions import override

from saddlepoint.data.info import DataInfo
from saddlepoint.errors import BadInput
from saddlepoint.games.constraints import AnyConstraint
from saddlepoint.games.objective_name import ObjectiveName
from saddlepoint.games.objectives import OBJECTIVES, Objective, smoothed, weighted
from saddlepoint.games.regulariser import Regulariser
from saddlepoint.games.regularisers import AnyRegulariser
from saddlepoint.learners.adversarial.auxiliaries import AnyAuxiliary, AuxiliaryPhase, Player
from saddlepoint.learners.adversarial.conditioning import AnyConditioning, Unconditional
from saddlepoint.learners.adversarial.costs import AnyCost, GameCost
from saddlepoint.learners.adversarial.lenses import AnyLens
from saddlepoint.learners.adversarial.priors import AnyPrior, Normal
from saddlepoint.learners.family import Family
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.networks.kinds import AnyNetwork
from saddlepoint.optimisers import Adam, AnyOptimiser, Optimiser

if TYPE_CHECKING:
    from saddlepoint.learners.learner import Learner


class Adversarial(Family):
    """A generator against a critic."""

    stacks_members: ClassVar[bool] = True

    kind: Literal["adversarial"] = "adversarial"
    latent: int = Field(
        100, ge=0, description="Length of the latent vector, of a coded prior of its noise."
    )
    prior: AnyPrior = Field(Normal(), description="What latents are drawn from.")
    standardise: bool = Field(
        False,
        description="Play on vectors of mean 0 and deviation 1; samples are scaled back; images "
        "are left as they are.",
    )
    objective: ObjectiveName = Field("non_saturating", description="The game that is played.")
    real_target: float = Field(
        1.0, description="One-sided label smoothing: the target of real examples, 0.9 for example."
    )
    critic_weight: float = Field(
        1.0,
        gt=0,
        description="Factor of the game's cost for the critic, 0.5 in the first GAN's program; "
        "penalties and the generator's cost are not multiplied.",
    )
    cost: AnyCost = Field(GameCost(), description="What the generator minimises.")
    critic_steps: int = Field(1, gt=0, description="Critic updates before each generator update.")
    generator_batch: int = Field(
        1,
        gt=0,
        description="Fakes in the generator's turn, in batches: 2 in WGAN-GP's and SNGAN's "
        "residual networks.",
    )
    critic_regularisers: tuple[AnyRegulariser, ...] = Field(
        (), description="Penalties that join the critic's loss."
    )
    generator_regularisers: tuple[AnyRegulariser, ...] = Field(
        (), description="Penalties that join the generator's loss."
    )
    constraints: tuple[AnyConstraint, ...] = Field(
        (), description="What the critic's weights must satisfy."
    )
    lenses: tuple[AnyLens, ...] = Field(
        (), description="What the critic sees of examples, real and fake, in this order."
    )
    auxiliaries: tuple[AnyAuxiliary, ...] = Field((), description="Further terms of the losses.")
    classes: AnyConditioning = Field(
        Unconditional(), description="What the players are told of classes, and say of them."
    )
    generator: AnyNetwork = Dcgan()
    output: Literal["tanh", "sigmoid"] = Field(
        "tanh",
        description="How images leave the generator, in (−1, 1): tanh v, or 2σ(v) − 1, which is "
        "half as steep. Vectors leave it as they are, and images those networks that have an "
        "output of their own (r3).",
    )
    output_bias: Literal["network", "data_mean"] = Field(
        "network",
        description="How the bias of the generator's last layer starts: as its network has it, or "
        "so that alone it gives the mean of the training data.",
    )
    critic: AnyNetwork = Dcgan()
    generator_optimiser: AnyOptimiser = Adam()
    critic_optimiser: AnyOptimiser = Adam()

    @override
    def stacks(self) -> bool:
        """Where the constraints do, too; and without classes."""
        alone = [each.stacks_members for each in self.constraints]
        alone += [each.stacks_members for each in self.lenses]
        return super().stacks() and all(alone) and not self.classes.uses_classes

    @property
    def game(self) -> Objective:
        """The objective, with its smoothed label and the critic's factor."""
        game = OBJECTIVES[self.objective]
        if self.real_target != 1.0:
            game = smoothed(game, self.real_target)
        return weighted(game, self.critic_weight) if self.critic_weight != 1.0 else game

    @property
    def pack(self) -> int:
        """Examples that the critic sees as one."""
        size = 1
        for lens in self.lenses:
            size *= lens.examples
        return size

    @property
    def auxiliary_phases(self) -> dict[str, AuxiliaryPhase]:
        """Phases of auxiliaries that have one of their own, by the auxiliary's name."""
        return {part.name: part.phase for part in self.auxiliaries if part.phase is not None}

    @model_validator(mode="after")
    def _codes_are_read(self) -> Self:
        if not self.prior.columns(self.latent):
            raise ValueError(
                f"latent: {self.latent} numbers of noise and no codes leave the generator nothing "
                "to start from: use 1 or more."
            )
        readers = [part.kind for part in self.auxiliaries if part.reads_codes]
        if len(readers) > 1:
            raise ValueError(
                f"auxiliaries: {' and '.join(readers)} would read the same codes: leave one."
            )
        if readers and not self.prior.codes:
            raise ValueError(
                f"auxiliaries: '{readers[0]}' reads codes, and the prior '{self.prior.kind}' has "
                "none: choose --learner.prior coded, or leave the part out."
            )
        if readers and self.pack > 1:
            raise ValueError(
                f"auxiliaries: '{readers[0]}' reads the codes of one example, and this critic sees "
                f"{self.pack} as one: leave the lens that packs them out."
            )
        return self

    @model_validator(mode="after")
    def _penalties_have_what_they_see(self) -> Self:
        for penalty in self.generator_regularisers:
            if not penalty.sees <= {"parameters"}:
                raise ValueError(
                    f"generator_regularisers: '{penalty.kind}' looks at the critic's examples, and "
                    "a generator's penalty at its parameters alone: put it among the "
                    "critic_regularisers."
                )
        return self

    @model_validator(mode="after")
    def _fakes_have_their_reals(self) -> Self:
        if self.generator_batch > 1 and self.cost.sees_real(OBJECTIVES[self.objective]):
            what = self.objective if isinstance(self.cost, GameCost) else self.cost.kind
            raise ValueError(
                f"generator_batch: the generator of '{what}' is judged beside one batch of real "
                f"examples, and {self.generator_batch} batches of fakes have no partners: leave it "
                "at 1."
            )
        return self

    @model_validator(mode="after")
    def _there_are_labels_to_smooth(self) -> Self:
        if self.real_target != 1:
            try:
                smoothed(OBJECTIVES[self.objective], self.real_target)
            except BadInput as error:
                raise ValueError(f"real_target: {error}") from error
        return self

    @model_validator(mode="after")
    def _constraints_agree(self) -> Self:
        kinds = [each.kind for each in self.constraints]
        for constraint in self.constraints:
            if kinds.count(constraint.kind) > 1:
                raise ValueError(
                    f"constraints: '{constraint.kind}' stands there {kinds.count(constraint.kind)} "
                    "times, and only one of them would count: name it once."
                )
            for other, reason in constraint.excludes.items():
                if other in kinds:
                    raise ValueError(
                        f"constraints: '{other}' cannot stand beside '{constraint.kind}': "
                        f"{reason}. Choose one of the two."
                    )
        return self

    @model_validator(mode="after")
    def _slopes_are_bounded(self) -> Self:
        if OBJECTIVES[self.objective].constraint != "lipschitz" or self.constraints:
            return self
        if any("gradient" in p.sees and p.weight != 0 for p in self.critic_regularisers):
            return self
        raise ValueError(
            f"objective: '{self.objective}' has no optimum unless the critic's slope is bounded, "
            "since scores grow without end: add --learner.critic-regularisers wgan_gp (or another "
            "gradient penalty), or --learner.constraints weight_clipping (or spectral_norm)."
        )

    @model_validator(mode="after")
    def _penalties_apart_keep_one_rhythm(self) -> Self:
        for player, updates in (("critic", self.critic_steps), ("generator", 1)):
            penalties = getattr(self, f"{player}_regularisers")
            rhythms = {penalty.every for penalty in penalties if penalty.apart}
            if len(rhythms) > 1:
                raise ValueError(
                    f"{player}_regularisers: penalties with updates of their own share them, and "
                    f"these come every {' and every '.join(map(str, sorted(rhythms)))} updates: "
                    "give them the same every."
                )
            if any(every % updates for every in rhythms):
                raise ValueError(
                    f"{player}_regularisers: an update of its own comes after a whole step of "
                    f"{updates} critic updates: make every a multiple of {updates}."
                )
        return self

    def apart_every(self, player: Player) -> int | None:
        """After how many updates of a player its penalties have one of their own; None: never."""
        penalties: tuple[Regulariser, ...] = getattr(self, f"{player}_regularisers")
        return next((penalty.every for penalty in penalties if penalty.apart), None)

    def optimiser_of(self, player: Player) -> Optimiser:
        """A player's optimiser, slowed where its penalties have updates of their own."""
        optimiser: Optimiser = getattr(self, f"{player}_optimiser")
        every = self.apart_every(player)
        return optimiser if every is None else optimiser.slowed(every / (every + 1))

    @model_validator(mode="after")
    def _terms_have_names_of_their_own(self) -> Self:
        """Of a player's loss: one would take the other's place."""
        players = {"critic": self.critic_regularisers, "generator": self.generator_regularisers}
        for player, penalties in players.items():
            penalty_names = {penalty.name for penalty in penalties}
            helpers = {part.name for part in self.auxiliaries if player in part.joins}
            if "adversarial" in penalty_names | helpers:
                raise ValueError(
                    f"the {player}'s loss has a term 'adversarial' already, which is the game's "
                    "own: give the part of that name another word."
                )
            for name in sorted(penalty_names & helpers):
                raise ValueError(
                    f"auxiliaries: '{name}' is also the name of one of the {player}_regularisers, "
                    f"and both would be the term '{name}' of the {player}'s loss: leave one out, "
                    "or give it another word."
                )
        return self

    @model_validator(mode="after")
    def _outside_comes_first(self) -> Self:
        inside = [lens.kind for lens in self.lenses if lens.inside]
        if not all(lens.inside for lens in self.lenses[len(self.lenses) - len(inside) :]):
            raise ValueError(
                f"lenses: '{inside[0]}' is part of the critic, so nothing that changes the "
                "critic's inputs can come after it: put it last."
            )
        return self

    @override
    def build(self, data: DataInfo, batch_size: int, members: int | None) -> Learner:
        from saddlepoint.learners.adversarial.learner import AdversarialLearner

        for lens in self.lenses:
            lens.check(data.shape)
            if members is not None and not lens.stacks_members:
                raise BadInput(
                    f"the lens '{lens.word()}' goes by the critic of one seed, and several are in "
                    "this program: give each seed a run of its own."
                )
        for constraint in self.constraints:
            if members is not None and not constraint.stacks_members:
                raise BadInput(
                    f"the constraint '{constraint.word()}' is for one seed, and several are in "
                    "this program: give each seed a run of its own."
                )
        return AdversarialLearner(self, data, batch_size, members)
