"""Augmentation as lenses inside the critic: fixed, adaptive, DiffAugment's (torch-free on import).

Real and generated images are changed in both turns, and the critic is differentiated through the
change: generators that are not to draw changed images must not see a critic that never saw others.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, field_validator
from typing_extensions import override

from saddlepoint.errors import BadInput, did_you_mean
from saddlepoint.games.turn import Turn
from saddlepoint.learners.adversarial.lens import Lens, Look
from saddlepoint.schedules import NonNegative, value_at

if TYPE_CHECKING:
    from torch import Tensor

    from saddlepoint.learners.augmenting.chance import Chance

GEOMETRY = ("mirror", "rotate90", "shift", "scale", "rotate", "stretch", "drift")
COLOURS = ("brightness", "contrast", "luma_flip", "hue", "saturation")
TRANSFORMS = (*GEOMETRY, *COLOURS, "cutout")
CHANGES = ("colour", "translation", "cutout")


def _known(words: tuple[str, ...], known: tuple[str, ...]) -> tuple[str, ...]:
    for word in words:
        if word not in known:
            raise ValueError(
                f"there is no '{word}' (there are {', '.join(known)}).{did_you_mean(word, known)}"
            )
        if words.count(word) > 1:
            raise ValueError(f"'{word}' stands there {words.count(word)} times: name it once.")
    return words


class _Augmenting(Lens):
    """What is common: images alone, seen inside the critic."""

    inside = True

    @override
    def check(self, shape: tuple[int, ...]) -> None:
        if len(shape) != 3:
            raise BadInput(
                f"the lens '{self.word()}' changes images, and these examples are vectors of "
                f"{shape[0]} numbers: leave it out."
            )

    @override
    def see(self, x: Tensor, look: Look) -> Tensor:
        from saddlepoint.learners.augmenting.chance import Chance

        members = 0 if look.members is None else 1
        flat = x.flatten(0, members) if members else x
        chance = Chance(look.streams, x.shape[members], *x.shape[-2:])
        return self.augment(flat, chance, look).view(x.shape)

    @abstractmethod
    def augment(self, x: Tensor, chance: Chance, look: Look) -> Tensor:
        """What is seen of the images (n, channels, height, width)."""


class _Pipe(_Augmenting):
    """The transforms of adaptive discriminator augmentation, each taken with probability p."""

    transforms: tuple[str, ...] = Field(
        tuple(word for word in TRANSFORMS if word not in ("mirror", "cutout")),
        description=f"Of {', '.join(TRANSFORMS)}. Mirrored letters are no letters, so mirror is "
        "to be asked for.",
    )
    colour_share: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Colours are changed with this times the probability of the rest (R3GAN: 0.5).",
    )

    @field_validator("transforms")
    @classmethod
    def _transforms_exist(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        return _known(words, TRANSFORMS)


class Augment(_Pipe):
    """Each image takes each transform with probability p, a number or a schedule.

    Geometry first, interpolated once and mirrored at the edges, then colours, then a rectangle of
    half the sides that is grey. With p at most 0.8 the distribution of changed images determines
    that of unchanged ones, so that the generator need not draw changed ones.
    """

    equation = "T(x), each transform with probability p"
    cures = "a critic that learns small data by heart"
    paper = (
        "Karras et al., Training GANs with Limited Data, 2020; with a schedule Huang et al. 2024"
    )

    kind: Literal["augment"] = "augment"
    p: NonNegative = Field(
        0.3, description="Probability of each transform, at most 1; a schedule may change it."
    )

    @override
    def augment(self, x: Tensor, chance: Chance, look: Look) -> Tensor:
        import torch

        from saddlepoint.learners.augmenting.pipe import augmented

        p = value_at(self.p, look.moment)
        if not p:
            return x
        strength = torch.full((), p, device=x.device)
        return augmented(x, chance, self.transforms, strength, self.colour_share)


class AdaptiveAugment(_Pipe):
    """The same with a p that rises while the critic is too sure of real images, and falls else.

    r = E sign D(x) over the real images of a few updates; then p moves by as much as it would need
    ``images`` real images to go from 0 to 1, up where r is above the target, and stays within 0 and
    ``most``. Where only differences of scores count, the sign is that of D(x) − E D(G(z)).
    """

    equation = "T(x), each transform with probability p; p rises where E sign D(x) > r"
    cures = "a critic that learns small data by heart"
    paper = "Karras et al., Training GANs with Limited Data, 2020"
    stacks_members: ClassVar[bool] = False

    kind: Literal["adaptive_augment"] = "adaptive_augment"
    target: float = Field(0.6, gt=-1, lt=1, description="r, of E sign D(x).")
    images: int = Field(
        500_000, gt=0, description="Real images in which p goes from 0 to 1, at most so fast."
    )
    every: int = Field(4, ge=1, description="Critic updates from one move of p to the next.")
    most: float = Field(
        0.8,
        gt=0,
        le=1,
        description="p is at most this; from 1 on changed images would be all that is seen.",
    )

    @override
    def initial_memory(self, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        import torch

        device = next(iter(parameters.values())).device
        return {
            name: torch.zeros((), device=device) for name in ("strength", "signs", "seen", "looks")
        }

    @override
    def augment(self, x: Tensor, chance: Chance, look: Look) -> Tensor:
        from saddlepoint.learners.augmenting.pipe import augmented

        strength = look.memory["strength"]
        return augmented(x, chance, self.transforms, strength, self.colour_share)

    @override
    def remember(self, turn: Turn) -> None:
        import torch

        memory = turn.memory
        score = turn.real_score.detach().float()
        if turn.objective.shift_invariant:
            score = score - turn.fake_score.detach().float().mean()
        images = score.numel() * turn.pack
        memory["signs"] += score.sign().mean() * images
        memory["seen"] += images
        memory["looks"] += 1
        # on the device: no number is waited for
        due = memory["looks"] >= self.every
        ahead = (memory["signs"] / memory["seen"] - self.target).sign()
        moved = (memory["strength"] + ahead * memory["seen"] / self.images).clamp(0, self.most)
        memory["strength"].copy_(torch.where(due, moved, memory["strength"]))
        for name in ("signs", "seen", "looks"):
            memory[name].mul_(torch.where(due, 0.0, 1.0))

    @override
    def watch(self, memory: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {"augmentation": memory["strength"].clone()}


class DiffAugment(_Augmenting):
    """Each image is changed in every chosen way: in colour, moved, a square left out.

    Brightness by U(−½, ½), saturation times U(0, 2) and contrast times U(½, 3/2); whole pixels up
    to an eighth of a side, zeros come in; a square of half the sides is 0.
    """

    equation = "T(x)"
    cures = "a critic that learns small data by heart"
    paper = "Zhao et al., Differentiable Augmentation, 2020"

    kind: Literal["diff_augment"] = "diff_augment"
    policy: tuple[str, ...] = Field(
        CHANGES,
        min_length=1,
        description="Of colour, translation, cutout. The paper: all three for few images, colour "
        "and cutout for all of CIFAR-10.",
    )

    @field_validator("policy")
    @classmethod
    def _changes_exist(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        return _known(words, CHANGES)

    @override
    def augment(self, x: Tensor, chance: Chance, look: Look) -> Tensor:
        from saddlepoint.learners.augmenting import differentiable

        for word, change in differentiable.CHANGES.items():
            if word in self.policy:
                x = change(x, chance)
        return x
