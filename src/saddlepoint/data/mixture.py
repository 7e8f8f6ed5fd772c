"""Equal Gaussians in the plane, and their exact density (torch-free)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from saddlepoint.errors import BadInput


@dataclass(frozen=True)
class Mixture:
    """Gaussians of equal weight and deviation.

    Attributes:
        centres: (K, 2), in the order of their labels.
        std: Standard deviation of each along each axis.

    Example:
        >>> import numpy as np
        >>> from saddlepoint.data.mixture import Mixture
        >>> two = Mixture(np.array([[-1.0, 0.0], [1.0, 0.0]]), std=0.1)
        >>> two.log_density([[1.0, 0.0], [0.0, 0.0]]).round(2).tolist()
        [2.07, -47.23]
    """

    centres: NDArray[np.float64]
    std: float

    def log_density(self, points: ArrayLike) -> NDArray[np.float64]:
        """The natural logarithm of the density at ``points`` (N, 2), as float64 (N,).

        log p(x) = log Σₖ exp(-‖x - mₖ‖² / 2s²) - log(2πKs²).

        Raises:
            BadInput: ``points`` are not (N, 2).
        """
        where = np.asarray(points, dtype=np.float64)
        if where.ndim != 2 or where.shape[1] != 2:
            raise BadInput(f"points should have the shape (N, 2), and these have {where.shape}.")
        variance = self.std**2
        constant = np.log(2 * np.pi * len(self.centres) * variance)
        out = np.empty(len(where))
        # In parts, so that (points × modes) stays small.
        for start in range(0, len(where), 65_536):
            part = where[start : start + 65_536]
            squares = ((part[:, None, :] - self.centres[None]) ** 2).sum(axis=2)
            out[start : start + len(part)] = logsumexp(-squares / (2 * variance), axis=1) - constant
        return out
