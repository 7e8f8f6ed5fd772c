"""Auxiliaries: further terms of a player's loss, perhaps with parameters (torch-free on import)."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from saddlepoint.description import one_of
from saddlepoint.games.turn import Remembering, Turn
from saddlepoint.schedules import NonNegative

if TYPE_CHECKING:
    from torch import Tensor, nn

    from saddlepoint.networks.network import Site

Player = Literal["critic", "generator"]


class Auxiliary(Remembering):
    """A further term of the game.

    Attributes:
        equation: The term, as a reader would write it.
        cures: The trouble it is a remedy for.
        paper: Where it comes from.
        owner: The player that its parameters belong to.
        joins: The turns whose loss its term joins; in the other player's turn its own parameters
            do not move.
    """

    equation: ClassVar[str]
    cures: ClassVar[str]
    paper: ClassVar[str]
    owner: ClassVar[Player]
    joins: ClassVar[frozenset[Player]]

    weight: NonNegative = Field(1.0, description="Factor of the term in the player's loss.")

    def module(self, site: Site, features: int) -> nn.Module:
        """What it learns; by default a module without parameters.

        Args:
            site: Where the critic stands; ``inputs`` numbers of latents belong to one critic input.
            features: Number of the critic's features.
        """
        from torch import nn

        return nn.Identity()

    @abstractmethod
    def values(self, turn: Turn, module: nn.Module) -> Tensor:
        """Unweighted values of each critic input ([members,] batch)."""


class LatentRegression(Auxiliary):
    """How badly a linear map R of the critic's features f tells which latents made a fake.

    Fakes that look alike cannot be told apart, so a generator that also minimises it spreads out.
    R belongs to the generator and learns in its turn; the critic is not trained for it.
    """

    equation = "‖z − R f(G(z))‖² / d"
    cures = "mode collapse: latents that the generator ignores"
    paper = (
        "Srivastava et al., VEEGAN, 2017, whose reconstructor sees the images; from the critic's "
        "features as in Chen et al., InfoGAN, 2016"
    )
    owner = "generator"
    joins = frozenset({"generator"})

    kind: Literal["latent_regression"] = "latent_regression"

    @override
    def module(self, site: Site, features: int) -> nn.Module:
        from saddlepoint.networks.member_linear import linear

        return linear(features, site.inputs, site.members)

    @override
    def values(self, turn: Turn, module: nn.Module) -> Tensor:
        features = turn.judge(turn.fake).features
        latents = turn.latents.reshape(*features.shape[:-1], -1)  # those of one pack side by side
        return (latents - module(features)).square().mean(-1)


AUXILIARIES: list[type[Auxiliary]] = [LatentRegression]
AnyAuxiliary = Annotated[Auxiliary, one_of(AUXILIARIES)]
