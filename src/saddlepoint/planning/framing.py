"""What becomes of pictures of other sizes and shapes than the one that they are trained at.

Cropping keeps the middle: of a picture h × w that is scaled to cover H × W the share

    min(w, W/s) · min(h, H/s) / (h w),   s = max(W/w, H/h).

A picture that was enlarged before anybody saw it holds nothing fine: with P the power of its grey
levels (Hann window) by the larger one of the two spatial frequencies, in cycles a pixel,

    P[0.35, 0.5] / P[0.15, 0.25] < 0.03.

Of 300 pictures enlarged twofold (bicubic), 19 of 20 emoji lie below that, more than half of the
crops of photographs, nearly half of Fashion-MNIST and few of MNIST; at their own size one or two in
a hundred emoji, fewer than five in a hundred crops, and none of the others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from saddlepoint.data.folder import Folder
from saddlepoint.planning.glance import Glance, Sizes, short
from saddlepoint.planning.observed import Observation, files, percent

Array = NDArray[np.float64]

_LOST, _WORST = 0.05, 0.4  # of a picture's area: on average, and of one in a hundred
_SQUARE = 1.05  # longer side by the shorter one
_EMPTY = 0.03
_ENLARGED = 0.05  # of the pictures
_SMALLEST = 28  # pixels: a smaller picture has too few frequencies to say


@dataclass(frozen=True)
class Framing:
    """What fitting leaves of the pictures.

    Attributes:
        lost: Mean share of a picture's area that is cut off (or, padded, of the result that is
            padding).
        worst: The largest such share, of one picture in a hundred.
        upright: Pictures higher than wide.
        wide: Pictures wider than high.
        square: The others.
    """

    lost: float
    worst: float
    upright: int
    wide: int
    square: int


def framing_of(sizes: Sizes, height: int, width: int) -> Framing:
    """What fitting pictures of these sizes to ``height`` × ``width`` costs."""
    h, w, counts = _columns(sizes)
    scale = np.maximum(width / w, height / h)
    kept = np.minimum(w, width / scale) * np.minimum(h, height / scale) / (h * w)
    order = np.argsort(kept)
    reached = np.searchsorted(np.cumsum(counts[order]), 0.01 * counts.sum())
    upright = int(counts[h > _SQUARE * w].sum())
    wide = int(counts[w > _SQUARE * h].sum())
    lost = float(1 - (kept * counts).sum() / counts.sum())
    worst = float(1 - kept[order][min(reached, len(kept) - 1)])
    return Framing(lost, worst, upright, wide, int(counts.sum()) - upright - wide)


def cropping(glance: Glance) -> Observation | None:
    """What cropping cuts off, or how much padding adds."""
    folder, sizes = glance.folder, glance.sizes
    if folder is None or sizes is None or folder.resize == "stretch":
        return None
    _, height, width = glance.shape
    found = framing_of(sizes, height, width)
    if found.lost < _LOST and found.worst < _WORST:
        return None
    kinds = f"{found.upright:,} upright, {found.wide:,} wide and {found.square:,} square pictures: "
    figures = {"lost": found.lost, "worst": found.worst}
    size = f"{height}×{width}"
    if folder.resize == "pad":
        sentence = (
            f"{kinds}padding makes up {percent(found.lost)} of an image of {size} on average, "
            f"at worst {percent(found.worst)}."
        )
        return Observation("shapes", sentence, "--data.resize crop cuts instead.", figures)
    sentence = (
        f"{kinds}cutting {size} from the middle loses {percent(found.lost)} of a picture on "
        f"average, at worst {percent(found.worst)}."
    )
    if (common := _common_shape(sizes, height * width)) is not None:
        option = f"All have nearly one shape: --data.size {common[0]} {common[1]} keeps it."
    else:
        option = "--data.resize pad keeps all and adds margins."
    return Observation("shapes", sentence, option, figures)


def upscaled(glance: Glance) -> Observation | None:
    """Pictures that are smaller than what they are trained at."""
    folder, sizes = glance.folder, glance.sizes
    if folder is None or sizes is None:
        return None
    _, height, width = glance.shape
    small = _enlarged_by(sizes, height, width, folder)
    share = small / sizes.total()
    if share < 0.01:
        return None
    better = _size_of_most(sizes, folder)
    option = "Remove those that are too small"
    if better < min(height, width) and (share >= 0.2 or better >= min(height, width) // 2):
        option = f"--data.size {better} enlarges hardly any"
    return Observation(
        "too small",
        f"{small:,} of {sizes.total():,} pictures are smaller than {height}×{width} and would be "
        f"enlarged, and the blur be learnt{files(short(glance.smallest[:small]))}.",
        f"{option}.",
        {"share": share, "better": float(better)},
    )


def enlarged_before(glance: Glance) -> Observation | None:
    """Pictures without anything fine, as enlarging leaves them."""
    _, height, width = glance.shape
    if min(height, width) < _SMALLEST:
        return None
    empty = _hold_nothing_fine(glance)
    if glance.sizes is not None and glance.folder is not None and glance.names:
        # Those that training itself would enlarge are counted elsewhere.
        share_small = _enlarged_by(glance.sizes, height, width, glance.folder)
        if share_small > 0.5 * glance.sizes.total():
            return None
    rows = np.flatnonzero(empty)
    share = len(rows) / len(empty)
    if share < _ENLARGED or len(rows) < 5:
        return None
    named = glance.named([int(row) for row in rows])
    half = max(8, min(height, width) // 2)
    option = f"--data.size {half} trains at half the size and loses little."
    if glance.folder is None:
        option = "Half the size would lose little."
    if share < 0.5:
        option = "Look whether they were enlarged or are out of focus; remove them if so."
    return Observation(
        "enlarged",
        f"{len(rows):,} of {glance.sample} ({percent(share)}) hold nothing finer than 3 pixels, as "
        f"pictures enlarged twofold do{files(named)}.",
        option,
        {"share": share},
    )


def _columns(sizes: Sizes) -> tuple[Array, Array, NDArray[np.int64]]:
    """Heights, widths and how many pictures have them."""
    sides = np.array(list(sizes), np.float64)
    return sides[:, 0], sides[:, 1], np.array(list(sizes.values()), np.int64)


def _enlarged_by(sizes: Sizes, height: int, width: int, folder: Folder) -> int:
    """How many pictures have to be enlarged, by the folder's way of fitting."""
    h, w, counts = _columns(sizes)
    both = np.stack([height / h, width / w])
    scale = both.min(0) if folder.resize == "pad" else both.max(0)
    return int(counts[scale > 1].sum())


def _size_of_most(sizes: Sizes, folder: Folder) -> int:
    """The largest usual side at which hardly one picture in twenty is enlarged."""
    for side in (512, 384, 256, 192, 128, 96, 64, 48, 32, 24, 16):
        if _enlarged_by(sizes, side, side, folder) <= 0.05 * sizes.total():
            return side
    return 8


def _common_shape(sizes: Sizes, area: int) -> tuple[int, int] | None:
    """(height, width) in multiples of 8 of about this area, where pictures have one shape."""
    h, w, counts = _columns(sizes)
    ratios = np.repeat(w / h, np.minimum(counts, 10_000))
    ratio = float(np.median(ratios))
    alike = np.abs(np.log(ratios / ratio)) < 0.05
    if alike.mean() < 0.9 or 1 / _SQUARE < ratio < _SQUARE:
        return None
    sides = np.arange(8, 1025, 8)
    high, across = (grid.ravel() for grid in np.meshgrid(sides, sides))
    fair = np.abs(np.log(high * across / area)) < 0.25
    if not fair.any():
        return None
    off = np.abs(np.log(across[fair] / high[fair] / ratio))
    best = int(np.argmin(off))
    return int(high[fair][best]), int(across[fair][best])


def _hold_nothing_fine(glance: Glance) -> NDArray[np.bool_]:
    """Which images have hardly any power in the finest band, (n,)."""
    _, height, width = glance.shape
    window = np.outer(np.hanning(height), np.hanning(width)).astype(np.float32)
    rows = np.abs(np.fft.fftfreq(height))[:, None]
    columns = np.fft.rfftfreq(width)[None]
    frequency = np.maximum(rows, columns)
    fine = frequency >= 0.35
    middle = (frequency >= 0.15) & (frequency < 0.25)
    found = []
    for some in np.array_split(glance.images, max(1, len(glance.images) // 128)):
        grey = some.astype(np.float32).mean(1)
        grey -= grey.mean((1, 2), keepdims=True)
        power = np.abs(np.fft.rfft2(grey * window)) ** 2
        beside = power[:, middle].sum(1)
        # What has no power there either is no enlarged picture but a blank or smooth one.
        some_there = beside > 1e-4 * power.sum((1, 2))
        found.append(some_there & (power[:, fine].sum(1) < _EMPTY * beside))
    return np.concatenate(found)
