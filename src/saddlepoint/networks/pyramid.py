"""Laplacian pyramids of images: a smallest image, and what each doubling of its size leaves out.

With the bilinear maps D to the half (rounded up) and U to an exact size, and I_L the image,

    I_{k−1} = D I_k,    h_k = I_k − U I_{k−1},    I_k = U I_{k−1} + h_k.

The last is an identity whatever D and U are: the pyramid (I_0, h_1, …, h_L) is the image again up
to rounding, for values in [−1, 1] in float32 within L · 2⁻²³ (tested): a difference of up to 2 is
rounded by 2⁻²⁴, and U, whose weights are positive and sum to 1, enlarges no error. The pyramids of
image libraries need not be of this form: `skimage.transform.pyramid_laplacian` subtracts from each
image a smoothed one of its size, not the enlarged smaller one, so that this sum does not undo it.

Differences of images in [−1, 1] lie in [−2, 2].

Paper: Burt and Adelson, The Laplacian Pyramid as a Compact Image Code, 1983; with bilinear maps:
Denton et al., Deep Generative Image Models using a Laplacian Pyramid of Adversarial Networks, 2015,
by their program.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn.functional import interpolate


def sizes(size: tuple[int, int], levels: int) -> list[tuple[int, int]]:
    """Height and width of each image of a pyramid, the smallest first; ``levels`` + 1 of them.

    Example:
        >>> from saddlepoint.networks.pyramid import sizes
        >>> sizes((28, 21), 2)
        [(7, 6), (14, 11), (28, 21)]
    """
    found = [size]
    for _ in range(levels):
        height, width = found[0]
        found.insert(0, ((height + 1) // 2, (width + 1) // 2))
    return found


def halved(images: Tensor, times: int = 1) -> Tensor:
    """D: images (n, channels, h, w) at half their size, rounded up, so many times.

    Where a side is even, each pixel is the mean of two.
    """
    for _ in range(times):
        _, _, height, width = images.shape
        images = _bilinear(images, ((height + 1) // 2, (width + 1) // 2))
    return images


def enlarged(images: Tensor, size: tuple[int, int]) -> Tensor:
    """U: images (n, channels, h, w) at another size, of which theirs is the half."""
    return _bilinear(images, size)


def coarse(images: Tensor) -> Tensor:
    """U D: what is left of images (n, channels, h, w) when they have been halved."""
    _, _, height, width = images.shape
    return enlarged(halved(images), (height, width))


def pyramid(images: Tensor, levels: int) -> list[Tensor]:
    """(I_0, h_1, …, h_L) of the images I_L (n, channels, h, w): the smallest image comes first."""
    parts: list[Tensor] = []
    for _ in range(levels):
        smaller = halved(images)
        _, _, height, width = images.shape
        parts.insert(0, images - enlarged(smaller, (height, width)))
        images = smaller
    return [images, *parts]


def collapsed(parts: Sequence[Tensor]) -> Tensor:
    """The images (n, channels, h, w) that a pyramid is of: the inverse of ``pyramid``."""
    images, *differences = parts
    for difference in differences:
        _, _, height, width = difference.shape
        images = enlarged(images, (height, width)) + difference
    return images


def _bilinear(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Images whose pixels are squares: their outer edges meet, not the centres of their corners."""
    return interpolate(images, size=size, mode="bilinear", align_corners=False)
