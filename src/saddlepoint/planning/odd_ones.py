"""Pictures unlike all others: of another kind, of one colour, or grey among coloured ones.

Each picture becomes numbers: mean, spread and colourfulness of its thumbnail, the logarithm of its
power in octave bands of spatial frequency (``metrics/spectrum.py``), both standardised by median
and MAD, and its first 20 principal components. How alone it is, is the logarithm of the distance to
its 10th neighbour there, less the median and by the MAD again (or the 90 % quantile / 1.28, if that
is wider); where that is above 4.5, which a normal number exceeds once in 300,000, it is odd.
Near-duplicates count once.

On 100 to 1,500 pictures of MNIST-10k, Fashion-MNIST, Twitter emoji, the digits, and on smooth and
white noise the largest value is 4.4 (three choices each), on the sets that the threshold was chosen
with. Six pictures of white noise lie at 4 to 12 among digits and smooth ones, so that most are
seen, at 3 to 4 among Fashion-MNIST, where they are missed. Where pictures are of many kinds anyway,
as emoji (1 to 2) or crops of thirty photographs are, nothing is said either.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from saddlepoint.planning.glance import Glance
from saddlepoint.planning.near_duplicates import one_of_each
from saddlepoint.planning.observed import Observation, files, percent

Array = NDArray[np.float64]

_ALONE = 4.5
_UPPER_TENTH = 1.2816  # of the normal distribution
_NEIGHBOUR, _COMPONENTS, _FEWEST = 10, 20, 60
#: A difference that is none: 4 of 255 levels, 3 % of the power. Else pictures of one brightness
#: make the one that differs by a level look very far away.
_LEAST = 0.03
_SIDE = 64  # detail is measured at most at this size
_BLANK = 1.0  # levels of 255 that a blank picture's thumbnail varies by
_RARE = 0.005  # where there are no files to look at
_COLOUR = 3  # levels that red, green and blue of a grey picture differ by, after JPEG


def odd_ones(glance: Glance) -> Observation | None:
    """Pictures of another kind than the others."""
    rows = one_of_each(glance)
    rows = rows[~_blank(glance)[rows]]
    if len(rows) < _FEWEST:
        return None
    alone = _aloneness(glance, rows)
    odd = rows[alone > _ALONE]
    if not len(odd):
        return None
    order = odd[np.argsort(-alone[alone > _ALONE])]
    named = glance.named([int(row) for row in order])
    are = "is" if len(odd) == 1 else "are"
    return Observation(
        "odd ones",
        f"{len(odd):,} of {glance.sample} {are} unlike all others{files(named)}.",
        "Look at them: remove files that do not belong.",
        {"pictures": float(len(odd)), "largest": float(alone.max())},
    )


def blank_ones(glance: Glance) -> Observation | None:
    """Pictures of a single colour."""
    blank = np.flatnonzero(_blank(glance))
    if not len(blank):
        return None
    named = glance.named([int(row) for row in blank])
    return Observation(
        "blank",
        f"{len(blank):,} of {glance.sample} show nothing but one colour{files(named)}.",
        "Remove files that are empty.",
        {"pictures": float(len(blank))},
    )


def grey_among_colour(glance: Glance) -> Observation | None:
    """A few grey pictures among coloured ones."""
    if glance.shape[0] < 3:
        return None
    apart = glance.images[:, :3].max(1).astype(np.int16) - glance.images[:, :3].min(1)
    colourless = np.quantile(apart.reshape(len(apart), -1), 0.99, axis=1) <= _COLOUR
    grey = np.flatnonzero(colourless & ~_blank(glance))
    share = len(grey) / len(apart)
    if not len(grey) or share > 0.5 or (share < _RARE and not glance.names):
        return None
    named = glance.named([int(row) for row in grey])
    have = "has" if len(grey) == 1 else "have"
    return Observation(
        "grey among colour",
        f"{len(grey):,} of {glance.sample} ({percent(share)}) {have} "
        f"no colour, unlike the others{files(named)}: so many samples will have none.",
        "--data.channels 1 makes all of them grey.",
        {"pictures": float(len(grey)), "share": share},
    )


def _blank(glance: Glance) -> NDArray[np.bool_]:
    """Which pictures hardly vary over their area."""
    spread = glance.thumbnails.std((2, 3)).max(1)
    return np.asarray(spread < _BLANK)


def _aloneness(glance: Glance, rows: NDArray[np.int64]) -> Array:
    """How far from all others each picture is, as a standard score, (rows,)."""
    statistics = _standardised(_statistics(glance, rows), _LEAST)
    flat = glance.thumbnails[rows].reshape(len(rows), -1).astype(np.float64)
    flat -= flat.mean(0)
    left, sizes, _ = np.linalg.svd(flat, full_matrices=False)
    kept = min(_COMPONENTS, len(sizes))
    # All components in the unit of the first, so that those of noise stay small.
    components = left[:, :kept] * (sizes[:kept] / max(sizes[0], 1e-9)) * math.sqrt(len(rows))
    place = np.concatenate([statistics / math.sqrt(statistics.shape[1]), components], 1)
    squares = (place**2).sum(1)
    apart = squares[:, None] + squares - 2 * place @ place.T
    np.fill_diagonal(apart, np.inf)
    away = np.sqrt(np.maximum(np.partition(apart, _NEIGHBOUR - 1, axis=1)[:, _NEIGHBOUR - 1], 0))
    middle = float(np.median(away))
    if middle <= 0:
        return np.zeros(len(rows))
    scores = np.log(away / middle + 1e-3)
    scores -= np.median(scores)
    scale = 1.4826 * float(np.median(np.abs(scores)))
    # Upwards the tail is often heavier: as wide as the upper tenth says, were it normal.
    scale = max(scale, float(np.quantile(scores, 0.9)) / _UPPER_TENTH, 1e-9)
    return np.asarray(scores / scale)


def _statistics(glance: Glance, rows: NDArray[np.int64]) -> Array:
    """Brightness, spread, colourfulness and detail of each picture, (rows, d)."""
    import torch
    from torch.nn import functional

    from saddlepoint.metrics.spectrum import band_energies

    thumbnails = glance.thumbnails[rows] / 127.5 - 1
    parts = [thumbnails.mean((2, 3)), thumbnails.std((2, 3))]
    if thumbnails.shape[1] >= 3:
        coloured = thumbnails[:, :3].max(1) - thumbnails[:, :3].min(1)
        parts.append(coloured.mean((1, 2))[:, None])
    _, height, width = glance.shape
    sides = (min(_SIDE, height), min(_SIDE, width))
    detail = []
    for some in np.array_split(rows, max(1, len(rows) // 256)):
        grey = torch.from_numpy(glance.images[some]).float().mean(1, keepdim=True) / 127.5 - 1
        if sides != (height, width):
            grey = functional.adaptive_avg_pool2d(grey, sides)
        detail.append(band_energies(grey).numpy())
    return np.concatenate([*parts, np.concatenate(detail)], 1).astype(np.float64)


def _standardised(x: Array, least: float = 0.0) -> Array:
    """Less the median, by the MAD as a standard deviation; not below a tenth of the real one."""
    x = x - np.median(x, 0)
    scale = 1.4826 * np.median(np.abs(x), 0)
    scale = np.maximum(np.maximum(scale, 0.1 * x.std(0)), least)
    return np.asarray(x / np.where(scale > 0, scale, 1.0))
