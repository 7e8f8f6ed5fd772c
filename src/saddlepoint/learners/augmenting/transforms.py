"""The transforms of adaptive discriminator augmentation, each by its name.

A transform of the geometry is a map M (n, 3, 3) from pixels of the result to those of the image, a
transform of colours a matrix C (n, 4, 4) of (red, green, blue, 1). Maps are multiplied, so that an
image is interpolated once.

Paper: Karras et al., Training Generative Adversarial Networks with Limited Data, 2020, appendix B.
Theirs filters images before and after the map against aliasing; here they are interpolated
bilinearly.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from saddlepoint.learners.augmenting.chance import Chance

SHIFT = 0.125  # of a side: the largest whole shift, and the deviation of a fractional one
SIZES = 0.2  # deviation of the binary logarithm of scales
BRIGHTNESS, CONTRAST, SATURATION = 0.2, 0.5, 1.0  # deviations; the last two of logarithms

Make = Callable[[Chance], Tensor]


@dataclass(frozen=True)
class Transform:
    """One step of the pipe.

    Attributes:
        name: Its name among the options; two steps may share it.
        does: What it does, in a few words.
        make: Its matrices for a batch.
        twice: Whether it has a second step of the same name, so that each is taken with
            probability 1 − √(1 − p), and one or both with p.
    """

    name: str
    does: str
    make: Make
    twice: bool = False

    def taken(self, p: Tensor) -> Tensor:
        """How likely it is taken, where p is how likely its name is."""
        return 1 - (1 - p).clamp(min=0).sqrt() if self.twice else p


def rows(*entries: tuple[Tensor | float, ...]) -> Tensor:
    """Matrices (n, r, c) of entries, each (n,) or the same for all images."""
    like = next(entry for row in entries for entry in row if isinstance(entry, Tensor))
    filled = [
        torch.stack(
            [e if isinstance(e, Tensor) else torch.full_like(like, float(e)) for e in row], -1
        )
        for row in entries
    ]
    return torch.stack(filled, -2)


def affine(a: Tensor | float, b: Tensor | float, c: Tensor | float, d: Tensor | float) -> Tensor:
    """Maps of the plane without a shift, [[a, b], [c, d]], as (n, 3, 3)."""
    return rows((a, b, 0.0), (c, d, 0.0), (0.0, 0.0, 1.0))


def shifted(across: Tensor, along: Tensor) -> Tensor:
    """Maps that move what is seen by so many pixels, to the right and down."""
    return rows((1.0, 0.0, -across), (0.0, 1.0, -along), (0.0, 0.0, 1.0))


def turned(angle: Tensor) -> Tensor:
    """Maps that turn what is seen by an angle in radians, from right to down."""
    return affine(angle.cos(), angle.sin(), -angle.sin(), angle.cos())


def mirrored(chance: Chance) -> Tensor:
    """Left and right exchanged, or not."""
    sign = torch.where(chance.uniform("mirror") < 0.5, -1.0, 1.0)
    return affine(sign, 0.0, 0.0, 1.0)


def quarter_turned(chance: Chance) -> Tensor:
    """None to three quarter turns."""
    turns = (4 * chance.uniform("rotate90")).floor()
    # whole numbers, which cos(π/2) is not
    cos = torch.where(turns == 0, 1.0, torch.where(turns == 2, -1.0, 0.0))
    sin = torch.where(turns == 1, 1.0, torch.where(turns == 3, -1.0, 0.0))
    return affine(cos, sin, -sin, cos)


def moved(chance: Chance) -> Tensor:
    """Whole pixels, at most an eighth of a side."""
    across, along = (2 * chance.uniform("shift", axis) - 1 for axis in ("x", "y"))
    return shifted((across * SHIFT * chance.width).round(), (along * SHIFT * chance.height).round())


def scaled(chance: Chance) -> Tensor:
    """Larger or smaller, 2^(0.2 n) times."""
    factor = torch.exp2(SIZES * chance.normal("scale"))
    return affine(1 / factor, 0.0, 0.0, 1 / factor)


def rotated(when: str) -> Make:
    """Turned by any angle."""

    def make(chance: Chance) -> Tensor:
        return turned(math.pi * (2 * chance.uniform("rotate", when) - 1))

    return make


def stretched(chance: Chance) -> Tensor:
    """Wider by 2^(0.2 n), and lower by as much."""
    factor = torch.exp2(SIZES * chance.normal("stretch"))
    return affine(1 / factor, 0.0, 0.0, factor)


def drifted(chance: Chance) -> Tensor:
    """Any part of a pixel, with a deviation of an eighth of a side."""
    across, along = (SHIFT * chance.normal("drift", axis) for axis in ("x", "y"))
    return shifted(across * chance.width, along * chance.height)


def coloured(linear: Tensor, added: Tensor | float = 0.0) -> Tensor:
    """Matrices (n, 4, 4) from a linear map of colours (n, 3, 3) and what is added to each."""
    whole = linear.new_zeros(len(linear), 4, 4)
    whole[:, :3, :3] = linear
    whole[:, :3, 3] = added[:, None] if isinstance(added, Tensor) else added
    whole[:, 3, 3] = 1
    return whole


def _grey_axis(like: Tensor) -> tuple[Tensor, Tensor]:
    """The projection on greys v vᵀ (n, 3, 3), v = (1, 1, 1)/√3, and the identity."""
    one = torch.eye(3, device=like.device).expand(len(like), 3, 3)
    return torch.full_like(one, 1 / 3), one


def brightened(chance: Chance) -> Tensor:
    """0.2 n added."""
    added = BRIGHTNESS * chance.normal("brightness")
    return coloured(_grey_axis(added)[1], added)


def contrasted(chance: Chance) -> Tensor:
    """Multiplied by 2^(0.5 n)."""
    factor = torch.exp2(CONTRAST * chance.normal("contrast"))
    return coloured(_grey_axis(factor)[1] * factor[:, None, None])


def luma_flipped(chance: Chance) -> Tensor:
    """Light and dark exchanged, or not; colours stay: x − 2 v vᵀ x."""
    flip = (chance.uniform("luma_flip") < 0.5).float()
    grey, one = _grey_axis(flip)
    return coloured(one - 2 * flip[:, None, None] * grey)


def hue_turned(chance: Chance) -> Tensor:
    """Colours turned about the grey axis by any angle."""
    angle = math.pi * (2 * chance.uniform("hue") - 1)
    grey, one = _grey_axis(angle)
    cross = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]], device=angle.device)
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    return coloured(cos * one + sin * cross / math.sqrt(3) + (1 - cos) * grey)


def saturated(chance: Chance) -> Tensor:
    """The distance from grey multiplied by 2^n."""
    factor = torch.exp2(SATURATION * chance.normal("saturation"))
    grey, one = _grey_axis(factor)
    return coloured(grey + (one - grey) * factor[:, None, None])


#: In the order in which they are applied.
GEOMETRY = (
    Transform("mirror", "left and right exchanged, of half of those that are taken", mirrored),
    Transform("rotate90", "none to three quarter turns", quarter_turned),
    Transform("shift", "whole pixels, up to an eighth of a side", moved),
    Transform("scale", "2^(0.2 n) times as large", scaled),
    Transform("rotate", "any angle", rotated("before"), twice=True),
    Transform("stretch", "2^(0.2 n) times as wide, and lower by as much", stretched),
    Transform("rotate", "any angle", rotated("after"), twice=True),
    Transform("drift", "parts of pixels, an eighth of a side · n", drifted),
)
COLOURS = (
    Transform("brightness", "0.2 n added", brightened),
    Transform("contrast", "times 2^(0.5 n)", contrasted),
    Transform("luma_flip", "light and dark exchanged, of half of those taken", luma_flipped),
    Transform("hue", "colours turned about grey by any angle", hue_turned),
    Transform("saturation", "the distance from grey times 2^n", saturated),
)
CUTOUT = "cutout"
NAMES = (*dict.fromkeys(each.name for each in (*GEOMETRY, *COLOURS)), CUTOUT)
