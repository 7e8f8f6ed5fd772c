"""Pictures made on purpose, and glances at them without a file."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from saddlepoint.data.array import Array
from saddlepoint.data.splitting import counts
from saddlepoint.planning.glance import Glance

Pixels = NDArray[np.uint8]


def smooth_pictures(n: int, side: int = 32, channels: int = 3, seed: int = 0) -> Pixels:
    """Random pictures (n, channels, side, side) with power at all frequencies, mostly coarse.

    Each is mirrored with probability a half, so that left and right are alike.
    """
    random = np.random.default_rng(seed)
    rows = np.abs(np.fft.fftfreq(side))[:, None]
    columns = np.abs(np.fft.rfftfreq(side))[None]
    falling = 1 / np.maximum(np.hypot(rows, columns), 1 / side)
    falling[0, 0] = 0
    noise = np.fft.rfft2(random.normal(size=(n, channels, side, side)))
    # Not stationary: an own texture, and one that all share and of which each has some part.
    x = np.fft.irfft2(noise * falling, s=(side, side))
    x /= x.std((1, 2, 3), keepdims=True)
    x = np.where(random.random((n, 1, 1, 1)) < 0.5, x, x[..., ::-1])
    return np.clip(127 + 45 * x, 0, 255).astype(np.uint8)


def glance_at(images: Pixels, **known: Any) -> Glance:
    """A glance that found these images and whatever else is told."""
    description = known.get("description", Array())
    return Glance(
        **{
            "description": description,
            "total": len(images),
            "counts": counts(known.get("total", len(images)), description.split),
            "images": images,
            **known,
        }  # type: ignore[arg-type]
    )
