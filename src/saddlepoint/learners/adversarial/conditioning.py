"""How the players of a game learn of classes (torch-free on import)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from saddlepoint.description import Part, one_of
from saddlepoint.games.turn import Turn
from saddlepoint.networks.network import EMBEDDING
from saddlepoint.schedules import NonNegative, value_at

if TYPE_CHECKING:
    from torch import Tensor

    from saddlepoint.learners.adversarial.auxiliaries import Player
    from saddlepoint.learners.losses import Term
    from saddlepoint.networks.class_heads import ClassHead


class Conditioning(Part):
    """What generator and critic are told of classes, and what they say of them.

    Attributes:
        equation: What it adds, as a reader would write it.
        cures: The trouble it is a remedy for.
        paper: Where it comes from.
        tells_generator: Whether the generator makes an example of a class that it is told.
        joins_input: Whether the critic is told the class beside its input.
        uses_classes: Whether there are classes at all.
        needs_all: Whether every training example must have a known label.
        classifies: Whether the critic tells classes apart.
    """

    equation: ClassVar[str]
    cures: ClassVar[str]
    paper: ClassVar[str]
    tells_generator: ClassVar[bool] = True
    joins_input: ClassVar[bool] = False
    uses_classes: ClassVar[bool] = True
    needs_all: ClassVar[bool] = True
    classifies: ClassVar[bool] = False

    @property
    def width(self) -> int:
        """Numbers that stand for a class beside the generator's vector, if it is told by one."""
        return EMBEDDING

    def head(self, features: int, classes: int) -> ClassHead | None:
        """What stands beside or in the place of the critic's plain head; None for most."""
        return None

    def terms(self, player: Player, turn: Turn) -> Mapping[str, Term]:
        """Further terms of a player's loss, by name."""
        return {}

    def watch(self, turn: Turn) -> Mapping[str, Tensor]:
        """What is worth seeing of the critic's turn, by name."""
        return {}

    def join(
        self, player: Player, turn: Turn, terms: dict[str, Term], watched: dict[str, Tensor]
    ) -> None:
        """Add its terms to those of a player's loss, and what is seen of them."""
        for name, term in self.terms(player, turn).items():
            terms[name] = term
            watched[f"{player}/{name}"] = term.each.detach()
        if player == "critic":
            watched |= {f"critic/{name}": value for name, value in self.watch(turn).items()}


class Unconditional(Conditioning):
    """Nobody is told a class, and labels are not read."""

    equation = "D(x), G(z)"
    cures = "nothing: classes come as they may"
    paper = "Goodfellow et al., Generative Adversarial Nets, 2014"
    tells_generator = False
    uses_classes = False
    needs_all = False

    kind: Literal["unconditional"] = "unconditional"


class _Told(Conditioning):
    """What those have in common that tell the generator."""

    embedding: int = Field(
        EMBEDDING,
        gt=0,
        description="Numbers that stand for a class beside z, where no norm is told it.",
    )

    @property
    @override
    def width(self) -> int:
        return self.embedding


class Concatenation(_Told):
    """Both players see the class beside their input.

    A critic of images sees a further plane, a linear map of the class and a rectifier, one of
    vectors an embedding.
    """

    equation = "D(x, y), G(z, y)"
    cures = "classes that nobody can ask for"
    paper = "Mirza and Osindero, Conditional Generative Adversarial Nets, 2014"
    joins_input = True

    kind: Literal["concatenation"] = "concatenation"


class Projection(_Told):
    """The critic's features are projected on a direction of the class, and that joins the score."""

    equation = "D(x, y) = s(x) + ⟨v_y, f(x)⟩, G(z, y)"
    cures = "a critic that hardly looks at the class"
    paper = "Miyato and Koyama, cGANs with Projection Discriminator, 2018"

    kind: Literal["projection"] = "projection"
    alone: bool = Field(
        False, description="The projection is the score, without s(x), as in R3GAN's program."
    )

    @override
    def head(self, features: int, classes: int) -> ClassHead:
        from saddlepoint.networks.class_heads import ProjectionHead

        return ProjectionHead(features, classes, self.alone)


class Classifier(_Told):
    """The critic is told no class, but tells them: −log q(y | x) joins both players' losses.

    The critic learns it of real examples, and of fakes where ``fake`` is above 0, each with the
    class that its generator was told; the generator of its fakes.
    """

    equation = "+ λ_r E −log q(y | x) + λ_f E −log q(y | G(z, y)); generator + λ_g E −log q(y | G)"
    cures = "classes that nobody can ask for"
    paper = (
        "Odena et al., Auxiliary Classifier GANs, 2017 (1, 1, 1); Gulrajani et al. 2017, program "
        "(1, 0, 0.1)"
    )
    classifies = True

    kind: Literal["acgan"] = "acgan"
    real: NonNegative = Field(1.0, description="λ_r: of real examples in the critic's loss.")
    fake: NonNegative = Field(1.0, description="λ_f: of fakes in the critic's loss.")
    generator: NonNegative = Field(1.0, description="λ_g: of fakes in the generator's loss.")

    @override
    def head(self, features: int, classes: int) -> ClassHead:
        from saddlepoint.networks.class_heads import ClassifierHead

        return ClassifierHead(features, classes)

    @override
    def terms(self, player: Player, turn: Turn) -> Mapping[str, Term]:
        real, fake = turn.judged()
        label = turn.label
        assert label is not None
        assert fake.logits is not None
        if player == "generator":
            return {"classes": _surprise(fake.logits, label, value_at(self.generator, turn.moment))}
        assert real is not None
        assert real.logits is not None
        return {
            "classes_real": _surprise(real.logits, label, value_at(self.real, turn.moment)),
            "classes_fake": _surprise(fake.logits, label, value_at(self.fake, turn.moment)),
        }

    @override
    def watch(self, turn: Turn) -> Mapping[str, Tensor]:
        return _wrong(turn)


class KPlusOne(Conditioning):
    """The critic has a logit a class, and its score is log Σ exp of them: fakes are one class more.

    −log q(y | x) joins its loss for the examples whose label is known; the others only have to be
    real. Where each batch holds so many labelled examples, the game is played with the others
    alone: a few labelled ones in every batch would stand for far more of the data than they are.
    The generator is told nothing. In the authors' program half of the game's cost counts
    (``critic-weight`` 0.5), and the generator matches features.
    """

    equation = "D(x) = log Σₖ exp lₖ(x); + λ E_labelled −log (exp l_y / Σₖ exp lₖ)"
    cures = "few labels among many examples"
    paper = "Salimans et al., Improved Techniques for Training GANs, 2016, section 5"
    tells_generator = False
    needs_all = False
    classifies = True

    kind: Literal["k_plus_one"] = "k_plus_one"
    weight: NonNegative = Field(1.0, description="λ.")

    @override
    def head(self, features: int, classes: int) -> ClassHead:
        from saddlepoint.networks.class_heads import SumHead

        return SumHead(features, classes)

    @override
    def terms(self, player: Player, turn: Turn) -> Mapping[str, Term]:
        if player == "generator":
            return {}
        logits, label = _known(turn)
        return {"classes_real": _surprise(logits, label, value_at(self.weight, turn.moment))}

    @override
    def watch(self, turn: Turn) -> Mapping[str, Tensor]:
        return _wrong(turn)


def _known(turn: Turn) -> tuple[Tensor, Tensor]:
    """Logits and labels of the examples whose class is learned: those apart, else the reals."""
    if turn.labelled is not None:
        judged, label = turn.labelled.judged(), turn.labelled.label
    else:
        real, _ = turn.judged()
        assert real is not None
        assert turn.label is not None
        judged, label = real, turn.label
    assert judged.logits is not None
    return judged.logits, label


def _surprise(logits: Tensor, label: Tensor, weight: float) -> Term:
    """−log q(y | x), its mean over the examples whose label is known."""
    from torch.nn.functional import cross_entropy

    from saddlepoint.learners.losses import Term

    values = cross_entropy(logits, label.clamp(min=0), reduction="none")
    return Term(values, label >= 0, weight)


def _wrong(turn: Turn) -> dict[str, Tensor]:
    """The share of the real examples of known class that the critic puts into another."""
    logits, label = _known(turn)
    known = label >= 0
    wrong = (logits.detach().argmax(-1) != label) & known
    return {"class_error": wrong.sum() / known.sum().clamp(min=1)}


CONDITIONINGS: list[type[Conditioning]] = [
    Unconditional,
    Concatenation,
    Projection,
    Classifier,
    KPlusOne,
]
AnyConditioning = Annotated[Conditioning, one_of(CONDITIONINGS)]
