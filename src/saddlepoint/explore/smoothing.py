"""The density of a sampler in the plane, from very many samples, at a stated bandwidth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from saddlepoint.errors import BadInput

Array = NDArray[np.float64]
FINE = 4  # cells to a bandwidth
REACH = 6  # bandwidths beyond the outermost samples
MOST_CELLS = 4_000_000


@dataclass(frozen=True)
class SmoothedDensity:
    """A density on a lattice: that of samples, each spread by a normal distribution.

    It estimates q * N(0, h²I), not q: compare it with a density that was smoothed likewise.

    Attributes:
        heights: (rows, columns) of the lattice.
        corner: Where its first cell has its middle.
        cell: Side of a cell.
        bandwidth: h, the standard deviation.
        samples: How many went in.
    """

    heights: Array
    corner: tuple[float, float]
    cell: float
    bandwidth: float
    samples: int

    def log_density(self, x: ArrayLike) -> Array:
        """The logarithm of the density at points (n, 2), bilinear between cells; −∞ outside."""
        from scipy.ndimage import map_coordinates

        places = (np.asarray(x, dtype=np.float64) - np.asarray(self.corner)) / self.cell
        values = map_coordinates(self.heights, places[:, ::-1].T, order=1, mode="constant")
        with np.errstate(divide="ignore"):
            return np.log(np.maximum(values, 0.0))


def smoothed_density(samples: ArrayLike, bandwidth: float) -> SmoothedDensity:
    """The density of samples in the plane: (1/n) Σᵢ N(x; xᵢ, h²I), on a lattice of cells h/4.

    Args:
        samples: (n, 2); a million or more for figures that are to be trusted.
        bandwidth: h. The error of binning is below 1 % of h, that of n samples about
            √(q / (4π n h²)) where the density is q.

    Raises:
        BadInput: They are not points in the plane, or lie so far apart that the lattice at this
            bandwidth would be too large.
    """
    from scipy.ndimage import gaussian_filter

    points = np.asarray(samples, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise BadInput(f"samples should have the shape (n, 2), and these have {points.shape}.")
    if not np.isfinite(points).all() or not bandwidth > 0:
        raise BadInput("samples and bandwidth should be finite, and the bandwidth above 0.")
    cell = bandwidth / FINE
    low = points.min(axis=0) - REACH * bandwidth
    counts = np.ceil((points.max(axis=0) + REACH * bandwidth - low) / cell).astype(int) + 1
    if int(counts.prod()) > MOST_CELLS:
        raise BadInput(
            f"a lattice for the bandwidth {bandwidth:g} would have {counts[0]:,}×{counts[1]:,} "
            f"cells, and at most {MOST_CELLS:,} are made: take a larger bandwidth, or leave out "
            "samples that lie far away."
        )
    edges = [low[axis] + cell * (np.arange(counts[axis] + 1) - 0.5) for axis in (0, 1)]
    counted, _, _ = np.histogram2d(points[:, 1], points[:, 0], bins=(edges[1], edges[0]))
    spread = gaussian_filter(counted, FINE, mode="constant", truncate=REACH)
    heights = spread / (len(points) * cell**2)
    return SmoothedDensity(heights, (float(low[0]), float(low[1])), cell, bandwidth, len(points))
