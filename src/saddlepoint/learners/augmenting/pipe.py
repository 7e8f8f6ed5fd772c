"""Images through the chosen transforms: the geometry, then colours, then what is cut out."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch
from torch import Tensor

from saddlepoint.learners.augmenting.chance import Chance
from saddlepoint.learners.augmenting.transforms import COLOURS, CUTOUT, GEOMETRY, Transform
from saddlepoint.learners.augmenting.warping import warped


def augmented(
    x: Tensor, chance: Chance, names: Collection[str], p: Tensor, colour_share: float = 1.0
) -> Tensor:
    """Images of which each takes every chosen transform with probability p, on its own.

    An image that takes none comes back bit for bit.

    Args:
        x: Images (n, channels, height, width) in [−1, 1]; the second of two and the fourth of four
            channels is an opacity, whose values stay.
        chance: What is drawn for each image.
        names: Of the transforms.
        p: The probability, a scalar tensor.
        colour_share: What p is multiplied with for colours.
    """
    moves = [each for each in GEOMETRY if each.name in names]
    if moves:
        maps, any_taken = _product(moves, chance, p, 3)
        x = torch.where(any_taken[:, None, None, None], warped(x, maps), x)
    colours = [each for each in COLOURS if each.name in names]
    if colours:
        matrices, any_taken = _product(colours[::-1], chance, p * colour_share, 4)
        x = torch.where(any_taken[:, None, None, None], recoloured(x, matrices), x)
    if CUTOUT in names:
        taken = chance.uniform("taken", CUTOUT) < p
        x = torch.where(taken[:, None, None, None] & hole(chance), 0.0, x)
    return x


def _product(
    chosen: Sequence[Transform], chance: Chance, p: Tensor, size: int
) -> tuple[Tensor, Tensor]:
    """The product of the matrices that are taken (n, size, size), and where any is (n,)."""
    whole: Tensor | None = None
    any_taken: Tensor | None = None
    for number, transform in enumerate(chosen):
        made = transform.make(chance)
        taken = chance.uniform("taken", transform.name, str(number)) < transform.taken(p)
        made = torch.where(taken[:, None, None], made, torch.eye(size, device=made.device))
        # a sum of products: what maps whole pixels to whole pixels does so without rounding
        whole = made if whole is None else (whole[:, :, :, None] * made[:, None]).sum(2)
        any_taken = taken if any_taken is None else any_taken | taken
    assert whole is not None
    assert any_taken is not None
    return whole, any_taken


def recoloured(x: Tensor, matrices: Tensor) -> Tensor:
    """Images under matrices (n, 4, 4) of colours.

    A grey level g stands for (g, g, g), of which the mean remains; an opacity stays as it is.
    """
    colours = 3 if x.shape[1] >= 3 else 1
    seen, opacity = x[:, :colours], x[:, colours:]
    linear, added = matrices[:, :3, :3].to(x.dtype), matrices[:, :3, 3].to(x.dtype)
    if colours == 1:
        linear = linear.sum(2, keepdim=True).mean(1, keepdim=True)
        added = added.mean(1, keepdim=True)
    changed = (linear[:, :, :, None, None] * seen[:, None]).sum(2) + added[:, :, None, None]
    return torch.cat([changed, opacity], 1) if opacity.shape[1] else changed


def hole(chance: Chance) -> Tensor:
    """Where a rectangle of half the sides around any place covers the image (n, 1, h, w)."""
    covered = []
    for axis, size in (("y", chance.height), ("x", chance.width)):
        middle = size * chance.uniform(CUTOUT, axis)
        place = torch.arange(size, device=middle.device) + 0.5
        covered.append((place - middle[:, None]).abs() <= size / 4)
    return (covered[0][:, :, None] & covered[1][:, None, :]).unsqueeze(1)
