"""The description of a pyramid of adversarial games (torch-free on import)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator
from typing_extensions import override

from saddlepoint.data.info import DataInfo
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.learners.adversarial.priors import Uniform
from saddlepoint.learners.family import Family
from saddlepoint.networks.mlp import Mlp
from saddlepoint.networks.refiner import Refiner

if TYPE_CHECKING:
    from saddlepoint.learners.learner import Learner

# What the family decides for every game of differences.
DECIDED = {
    "latent": "its noise is one plane of its image",
    "output": "differences have no bounds of their own",
    "output_bias": "differences have the mean 0",
    "standardise": "its examples are images",
}


class Laplacian(Family):
    """A small image, and its refinement level by level: a game at each size (LAPGAN)."""

    kind: Literal["laplacian"] = "laplacian"
    levels: int = Field(
        1, ge=1, description="How often images are halved: the games of differences above level 0."
    )
    together: bool = Field(
        True,
        description="Every level learns in each step; else one after the other, the coarsest "
        "first, each for an equal share of the run.",
    )
    conditional: bool = Field(
        False,
        description="Tell all players of every level the class: by a plane beside the images, and "
        "at level 0 by an embedding beside the latents. The data need labels.",
    )
    innermost: Adversarial = Field(
        Adversarial(prior=Uniform(), generator=Mlp(), critic=Mlp()),
        description="The game of the smallest images, level 0.",
    )
    refinement: Adversarial = Field(
        Adversarial(prior=Uniform(), generator=Refiner(), critic=Refiner()),
        description="The game of differences, one at each further level.",
    )

    @model_validator(mode="after")
    def _nothing_is_idle(self) -> Self:
        for name in self.refinement.changed(*DECIDED):
            usual = Adversarial.model_fields[name].default
            raise ValueError(
                f"refinement.{name.replace('_', '-')}: of a game of differences it is decided, "
                f"since {DECIDED[name]}: leave it at {str(usual).lower()}."
            )
        for place, game in (("innermost", self.innermost), ("refinement", self.refinement)):
            if game.prior.codes:
                raise ValueError(
                    f"{place}.prior: the latents of a pyramid are noise at every level, and "
                    f"'{game.prior.kind}' has codes: choose normal or uniform."
                )
            told = game.classes
            if told.uses_classes and not (self.conditional and told.needs_all):
                if not self.conditional:
                    hint = "set --learner.conditional, or leave it unconditional"
                else:
                    hint = "choose another; without one it is concatenation"
                raise ValueError(
                    f"{place}.classes: a pyramid tells its players classes as a whole, and "
                    f"'{told.word()}' does not fit: {hint}."
                )
            if game.auxiliary_phases:
                (name, *_) = game.auxiliary_phases
                raise ValueError(
                    f"{place}.auxiliaries: '{name}' has a phase of its own, for which a level of a "
                    "pyramid has no place: leave it out."
                )
        return self

    @override
    def build(self, data: DataInfo, batch_size: int, members: int | None) -> Learner:
        from saddlepoint.learners.laplacian.learner import LaplacianLearner

        return LaplacianLearner(self, data, batch_size, members)
