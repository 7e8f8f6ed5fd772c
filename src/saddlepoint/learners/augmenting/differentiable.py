"""The three changes of DiffAugment, each of every image.

Paper: Zhao et al., Differentiable Augmentation for Data-Efficient GAN Training, 2020.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from saddlepoint.learners.augmenting.chance import Chance
from saddlepoint.learners.augmenting.transforms import shifted
from saddlepoint.learners.augmenting.warping import warped


def colour(x: Tensor, chance: Chance) -> Tensor:
    """Brightness, saturation and contrast, in this order.

    b is added, U(−½, ½); each pixel's distance from the mean of its channels is multiplied by
    U(0, 2), and each value's from the mean of its image by U(½, 3/2). An opacity stays.
    """
    channels = 3 if x.shape[1] >= 3 else 1
    seen, opacity = x[:, :channels], x[:, channels:]
    brightness, saturation, contrast = (
        chance.uniform("colour", word).to(x.dtype)[:, None, None, None]
        for word in ("brightness", "saturation", "contrast")
    )
    seen = seen + brightness - 0.5
    grey = seen.mean(1, keepdim=True)
    seen = (seen - grey) * (2 * saturation) + grey
    mean = seen.mean((1, 2, 3), keepdim=True)
    seen = (seen - mean) * (contrast + 0.5) + mean
    return torch.cat([seen, opacity], 1) if opacity.shape[1] else seen


def translation(x: Tensor, chance: Chance) -> Tensor:
    """Moved by whole pixels, up to an eighth of a side; zeros come in."""
    steps = []
    for axis, size in (("x", chance.width), ("y", chance.height)):
        most = int(size / 8 + 0.5)
        steps.append(((2 * most + 1) * chance.uniform("translation", axis)).floor() - most)
    return warped(x, shifted(*steps), "zeros")


def cutout(x: Tensor, chance: Chance) -> Tensor:
    """A rectangle of half the sides around any pixel is 0."""
    covered = []
    for axis, size in (("y", chance.height), ("x", chance.width)):
        side = int(size / 2 + 0.5)
        middle = ((size + 1 - side % 2) * chance.uniform("cutout", axis)).floor()
        place = torch.arange(size, device=x.device) - (middle - side // 2)[:, None]
        covered.append((place >= 0) & (place < side))
    hole = (covered[0][:, :, None] & covered[1][:, None, :]).unsqueeze(1)
    return torch.where(hole, 0.0, x)


#: In the order in which they are applied.
CHANGES: dict[str, Callable[[Tensor, Chance], Tensor]] = {
    "colour": colour,
    "translation": translation,
    "cutout": cutout,
}
