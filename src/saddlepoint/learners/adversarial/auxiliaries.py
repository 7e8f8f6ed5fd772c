"""Auxiliaries: further terms of a player's loss, perhaps with parameters (torch-free on import)."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from saddlepoint.description import one_of
from saddlepoint.errors import BadInput
from saddlepoint.games.turn import Remembering, Turn
from saddlepoint.learners.codes import Code
from saddlepoint.networks.fields import Norm
from saddlepoint.schedules import NonNegative, value_at

if TYPE_CHECKING:
    from torch import Tensor, nn

    from saddlepoint.networks.network import FeatureMap, Site

WHOLE, PARTS = 8, 16  # sides of the maps from which FastGAN rebuilds an image and its quarters
Player = Literal["critic", "generator"]
Owner = Literal["critic", "generator", "recogniser"]


class Auxiliary(Remembering):
    """A further term of the game.

    Attributes:
        equation: The term, as a reader would write it.
        cures: The trouble it is a remedy for.
        paper: Where it comes from.
        owner: The player that its parameters belong to; "recogniser" is one of its own.
        joins: The turns whose loss its term joins; in the other player's turn its own parameters
            do not move.
        reads_codes: Whether it needs codes among the latents.
    """

    equation: ClassVar[str]
    cures: ClassVar[str]
    paper: ClassVar[str]
    owner: ClassVar[Owner]
    joins: ClassVar[frozenset[Player]]
    reads_codes: ClassVar[bool] = False

    weight: NonNegative = Field(1.0, description="Factor of the term in the player's loss.")

    def module(self, site: Site, features: int, codes: Sequence[Code]) -> nn.Module:
        """What it learns; by default a module without parameters.

        Args:
            site: Where the critic stands; ``inputs`` numbers of latents belong to one critic input,
                and ``maps`` are those that its backbone can give.
            features: Number of the critic's features.
            codes: Those among the latents, which stand last.
        """
        from torch import nn

        return nn.Identity()

    def maps(self, site: Site) -> tuple[FeatureMap, ...]:
        """Those of the critic's feature maps, ``site.maps``, that it reads; most read none."""
        return ()

    @property
    def phase(self) -> AuxiliaryPhase | None:
        """Its phase, where it has one of its own and joins no turn; None for most."""
        return None

    @abstractmethod
    def values(self, turn: Turn, module: nn.Module) -> Tensor:
        """Unweighted values of each critic input ([members,] batch)."""

    def watched(self, turn: Turn, module: nn.Module) -> tuple[Tensor, dict[str, Tensor]]:
        """The ``values``, and what else is recorded of them, by name."""
        return self.values(turn, module), {}


@dataclass(frozen=True)
class AuxiliaryPhase:
    """A phase that belongs to an auxiliary.

    Attributes:
        moves: The players that it moves.
        after: The share of the run after which it plays; where that is more than 0, the game
            itself plays before it alone.
    """

    moves: tuple[Owner, ...]
    after: float = 0.0


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
    def module(self, site: Site, features: int, codes: Sequence[Code]) -> nn.Module:
        from saddlepoint.networks.member_linear import linear

        return linear(features, site.inputs, site.members)

    @override
    def values(self, turn: Turn, module: nn.Module) -> Tensor:
        features = turn.fake_features
        latents = turn.latents.reshape(*features.shape[:-1], -1)  # those of one pack side by side
        return (latents - module(features)).square().mean(-1)


class _Recogniser(Auxiliary):
    """What is common to recognisers.

    The term is −Σ λ log q(c | x), and H(c) + E log q(c | x) a bound of the information that an
    example has of its code, I(c; G(z, c)), in nats.
    """

    equation = "−λ Σ log q(c | G(z, c))"
    paper = "Chen et al., InfoGAN, 2016"
    reads_codes = True

    discrete: NonNegative = Field(1.0, description="λ of categorical codes.")
    continuous: NonNegative = Field(1.0, description="λ of continuous codes.")
    hidden: int = Field(128, ge=0, description="Units of its hidden layer; 0: none.")
    norm: Norm = Field("batch", description="Behind the hidden layer.")
    floor: float | None = Field(
        0.1,
        gt=0,
        description="The least σ of q for a continuous code, without which the game raises log q "
        "for ever; none: σ is 1, as in the authors' program, and the bound at most −0.226 of "
        "0.693 for U(−1, 1).",
    )

    @override
    def module(self, site: Site, features: int, codes: Sequence[Code]) -> nn.Module:
        from saddlepoint.learners.adversarial.recognition import Recognition

        return Recognition(features, codes, self.hidden, self.norm, self.floor, site.members)

    @override
    def values(self, turn: Turn, module: nn.Module) -> Tensor:
        return self.watched(turn, module)[0]

    @override
    def watched(self, turn: Turn, module: nn.Module) -> tuple[Tensor, dict[str, Tensor]]:
        import torch

        from saddlepoint.learners.adversarial.recognition import Recognition

        assert isinstance(module, Recognition)
        each = module.log_likelihoods(self.features(turn), turn.latents)
        shares = {
            code.name: value_at(
                self.discrete if code.is_categorical else self.continuous, turn.moment
            )
            for code in module.codes
        }
        total = torch.stack([shares[name] * value for name, value in each.items()]).sum(0)
        bounds = {
            f"information_{code.name}": (code.entropy + each[code.name]).detach().mean(-1)
            for code in module.codes
        }
        return -total, bounds

    @abstractmethod
    def features(self, turn: Turn) -> Tensor:
        """The critic's features of the fakes."""


class Recogniser(_Recogniser):
    """How badly q(c | x), read off the critic's features, tells which codes made a fake.

    The term joins both turns, each on the adversarial term's own fakes and their codes: it moves
    the recogniser and the critic's backbone in the critic's turn, and the generator in its own. The
    head that scores gets none of it.
    """

    cures = "codes that the generator ignores"
    owner = "critic"
    joins = frozenset({"critic", "generator"})

    kind: Literal["recogniser"] = "recogniser"
    apart: bool = Field(
        False,
        description="A phase of its own after the game's instead, on fresh codes, in which critic "
        "and generator move together, by their own optimisers.",
    )

    @property
    @override
    def phase(self) -> AuxiliaryPhase | None:
        return AuxiliaryPhase(("critic", "generator")) if self.apart else None

    @override
    def features(self, turn: Turn) -> Tensor:
        return turn.fake_features


class LateRecogniser(_Recogniser):
    """A recogniser that learns after the game, of a generator and a backbone that stand still.

    The control of InfoGAN: what the codes of a plain game mean. The game plays the first share of
    the run, the recogniser the rest; it moves nobody else.
    """

    cures = "nothing: the control of a game with a recogniser"
    owner = "recogniser"
    joins = frozenset()

    kind: Literal["late_recogniser"] = "late_recogniser"
    after: float = Field(
        0.8, gt=0, lt=1, description="The share of the run that the game has; the rest is its own."
    )

    @property
    @override
    def phase(self) -> AuxiliaryPhase | None:
        return AuxiliaryPhase(("recogniser",), self.after)

    @override
    def features(self, turn: Turn) -> Tensor:
        return turn.fake_features.detach()


class SelfReconstruction(Auxiliary):
    """How badly a small decoder rebuilds real examples, as the critic saw them, from its features.

    A critic of few images that must also be able to rebuild them cannot look at single pixels
    alone. The term is a mean of squares, of real examples and in the critic's turn: it moves the
    critic's backbone and the decoder R, which is the critic's. The head that scores gets none of
    it, nor does the generator.

    x̃ is what the backbone was given, augmented where it was, and r halves images until they are at
    most ``side`` pixels wide and high. R starts from the features, which every network has, and
    has one hidden layer; or, as in the paper, from two feature maps of a network for images, by
    convolutions: the map whose shorter side is nearest to 8 gives the whole image, and that
    nearest to 16 a quarter of it, a random one of each example. The two terms are added. The paper
    measures by a downloaded network (LPIPS).
    """

    equation = "‖r(x̃) − R f(x̃)‖² / d"
    cures = "a critic of few images that looks at little of them"
    paper = (
        "Liu et al., Towards Faster and Stabilized GAN Training (FastGAN), 2021, section 3.2; "
        "by squares, from maps (`of maps`) as there or from features"
    )
    owner = "critic"
    joins = frozenset({"critic"})

    kind: Literal["self_reconstruction"] = "self_reconstruction"
    of: Literal["features", "maps"] = Field(
        "features",
        description="What images are rebuilt from. features: the vector that is scored, by a "
        "hidden layer; maps: two feature maps, the finer one a random quarter of the image, by "
        "convolutions.",
    )
    side: int = Field(
        32, ge=1, description="Images are halved until no side has more pixels than this."
    )
    hidden: int = Field(
        256, ge=0, description="Units of the hidden layer behind features; 0: none."
    )
    width: int = Field(
        64,
        gt=0,
        description="Channels behind the first doubling of a map, halved at each further one.",
    )

    @override
    def maps(self, site: Site) -> tuple[FeatureMap, ...]:
        if self.of == "features":
            return ()
        if not site.maps:
            raise BadInput(
                f"the auxiliary '{self.word()}' of maps needs feature maps, and --{site.place} has "
                "none that are smaller than its images: choose a network of convolutions with at "
                "least one halving, or set the auxiliary's option of to features."
            )
        return tuple(min(site.maps, key=partial(_distance, side)) for side in (WHOLE, PARTS))

    @override
    def module(self, site: Site, features: int, codes: Sequence[Code]) -> nn.Module:
        from saddlepoint.learners.adversarial.map_reconstruction import MapReconstruction
        from saddlepoint.learners.adversarial.reconstruction import Reconstruction

        self._leave("width" if self.of == "features" else "hidden")
        if self.of == "maps":
            whole, parts = self.maps(site)
            return MapReconstruction(whole, parts, site.shape, self.side, self.width)
        if len(site.shape) != 3 and self.changed("side"):
            usual = type(self).model_fields["side"].default
            raise BadInput(
                f"side {self.side} of the auxiliary '{self.word()}' is for images, and these "
                f"examples are vectors: leave it at {usual}."
            )
        return Reconstruction(features, site.shape, self.side, self.hidden, site.members)

    @override
    def values(self, turn: Turn, module: nn.Module) -> Tensor:
        from saddlepoint.learners.adversarial.map_reconstruction import MapReconstruction
        from saddlepoint.learners.adversarial.reconstruction import Reconstruction

        assert isinstance(module, Reconstruction | MapReconstruction)
        return module.errors(turn.judge.seen(turn.real).detach(), turn)

    def _leave(self, name: str) -> None:
        """Refuse a field of the other way to rebuild, unless it is at its default."""
        if self.changed(name):
            other = "features" if self.of == "maps" else "maps"
            usual = type(self).model_fields[name].default
            raise BadInput(
                f"{name} of the auxiliary '{self.word()}' is for one of {other}, and this one is "
                f"of {self.of}: leave it at {usual}."
            )


def _distance(side: int, maps: FeatureMap) -> tuple[float, int]:
    """How far a map's shorter side is from ``side``, in doublings; of two the larger is nearer."""
    shorter = min(maps.size)
    return abs(math.log2(shorter / side)), -shorter


AUXILIARIES: list[type[Auxiliary]] = [
    LatentRegression,
    Recogniser,
    LateRecogniser,
    SelfReconstruction,
]
AnyAuxiliary = Annotated[Auxiliary, one_of(AUXILIARIES)]
