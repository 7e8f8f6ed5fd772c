"""Lenses: what the critic sees of an example (torch-free on import).

Lenses are looked through in order, by real and generated examples, in both turns. What lies
*outside* the critic changes its inputs: penalties differentiate at the noisy, packed input. What
lies *inside* is part of the critic's function: penalties differentiate through it, and the i-th
example of every batch of a turn meets the same draw.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field
from typing_extensions import override

from saddlepoint.description import one_of
from saddlepoint.learners.adversarial.augmentation import (
    AdaptiveAugment,
    Augment,
    DiffAugment,
)
from saddlepoint.learners.adversarial.lens import Lens, Look
from saddlepoint.schedules import NonNegative, value_at

if TYPE_CHECKING:
    from torch import Tensor


class InstanceNoise(Lens):
    """Independent normal noise on every number, drawn anew for each look."""

    equation = "x + σn, n ~ N(0, 1)"
    cures = "supports that do not overlap"
    paper = "Sønderby et al. 2017, Arjovsky and Bottou 2017"

    kind: Literal["instance_noise"] = "instance_noise"
    std: NonNegative = Field(0.1, description="Standard deviation; a schedule anneals it.")

    @override
    def see(self, x: Tensor, look: Look) -> Tensor:
        std = value_at(self.std, look.moment)
        if not std:
            return x
        shape = tuple(x.shape[0 if look.members is None else 1 :])
        return x + std * look.streams.normal(shape, "instance noise", look.which).to(x.dtype)


class UnitRange(Lens):
    """The values of images, which lie in [−1, 1], moved to [0, 1]: black is 0.

    What dropout leaves out of the critic's input is then black instead of grey.
    """

    equation = "(x + 1) / 2"
    cures = "nothing: published critics that see pixels so"
    paper = "Goodfellow et al., Generative Adversarial Nets, 2014 (program)"

    kind: Literal["unit_range"] = "unit_range"

    @override
    def see(self, x: Tensor, look: Look) -> Tensor:
        return self.at_rest(x)

    @override
    def at_rest(self, x: Tensor) -> Tensor:
        return (x + 1) / 2


class Dequantise(Lens):
    """Real images of 256 levels as if they were continuous: each level l becomes (l + u)/256.

    u ~ U[0, 1) is drawn anew for each number of each look, and (l + u)/256 is moved to [−1, 1).
    Generated images are left as they are.
    """

    equation = "2 (l + u)/256 − 1, l = 255 (x + 1)/2, u ~ U[0, 1)"
    cures = "a critic that tells real images by their whole numbers"
    paper = "Gulrajani et al., Improved Training of WGANs, 2017 (program)"

    kind: Literal["dequantise"] = "dequantise"

    @override
    def see(self, x: Tensor, look: Look) -> Tensor:
        if look.which != "real":
            return x
        shape = tuple(x.shape[0 if look.members is None else 1 :])
        noise = look.streams.uniform(shape, "dequantise").to(x.dtype)
        return (x + 1) * (255 / 256) - 1 + noise * (2 / 256)

    @override
    def at_rest(self, x: Tensor) -> Tensor:
        return (x + 1) * (255 / 256) - 1 + 1 / 256  # the middle of the level


class Pack(Lens):
    """Several consecutive examples side by side in the channels, judged as one."""

    equation = "(x₁, …, xₘ)"
    cures = "mode collapse"
    paper = "Lin et al., PacGAN, 2018"

    kind: Literal["pack"] = "pack"
    size: int = Field(2, ge=1, description="Examples that the critic sees as one.")

    @property
    @override
    def examples(self) -> int:
        return self.size

    @override
    def see(self, x: Tensor, look: Look) -> Tensor:
        from saddlepoint.networks.packing import pack

        return pack(x, self.size, look.members) if self.size > 1 else x


LENSES: list[type[Lens]] = [
    InstanceNoise,
    UnitRange,
    Dequantise,
    Pack,
    Augment,
    AdaptiveAugment,
    DiffAugment,
]
AnyLens = Annotated[Lens, one_of(LENSES)]
