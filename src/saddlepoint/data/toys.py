"""Toy distributions in the plane: their points, their modes and, where exact, their density."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from saddlepoint.data.description import Grid, Ring, Spirals, SwissRoll, TwoLines
from saddlepoint.data.resident import Examples, ResidentDataset, limited
from saddlepoint.errors import BadInput
from saddlepoint.randomness import numpy_generator

Toy = Ring | Grid | SwissRoll | Spirals | TwoLines
Points = NDArray[np.float64]


def modes(description: Any) -> Points | None:
    """The (K, 2) centres of a mixture's components, in the order of their labels.

    None for data that are not a mixture of Gaussians.
    """
    if isinstance(description, Ring):
        # The angles 2πk/K stop before 2π, which would be the first mode again.
        angles = 2 * np.pi * np.arange(description.modes) / description.modes
        return description.radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    if isinstance(description, Grid):
        middle = (description.side - 1) / 2
        ticks = (np.arange(description.side) - middle) * description.spacing
        x, y = np.meshgrid(ticks, ticks, indexing="ij")
        return np.stack([x.ravel(), y.ravel()], axis=1)
    return None


def log_density(description: Any, points: ArrayLike) -> Points | None:
    """The natural logarithm of the density at ``points`` (N, 2), as float64 (N,).

    For a mixture of K equal Gaussians of standard deviation s in the plane,
    log p(x) = log Σₖ exp(-‖x - mₖ‖² / 2s²) - log(2πKs²). None where no exact density is known
    (swiss-roll, spirals) or none exists (two-lines).

    Raises:
        BadInput: ``points`` are not (N, 2).
    """
    if not isinstance(description, Ring | Grid):
        return None
    where = np.asarray(points, dtype=np.float64)
    if where.ndim != 2 or where.shape[1] != 2:
        raise BadInput(f"points should have the shape (N, 2), and these have {where.shape}.")
    centres = modes(description)
    assert centres is not None
    variance = description.std**2
    constant = np.log(2 * np.pi * len(centres) * variance)
    out = np.empty(len(where))
    # In parts, so that (points × modes) stays small.
    for start in range(0, len(where), 65_536):
        part = where[start : start + 65_536]
        squares = ((part[:, None, :] - centres[None]) ** 2).sum(axis=2)
        out[start : start + len(part)] = logsumexp(-squares / (2 * variance), axis=1) - constant
    return out


def draw(description: Toy) -> tuple[NDArray[np.float32], NDArray[np.int64] | None]:
    """Draw the points (N, 2) and their labels (N,), a function of the description alone.

    The label is the mode, arm or line; a swiss roll has none.

    Raises:
        BadInput: A point is too far away for float32.
    """
    n = description.examples
    rng = numpy_generator(description.seed, "toy", description.kind)
    labels: NDArray[np.int64] | None = None
    match description:
        case Ring() | Grid():
            centres = modes(description)
            assert centres is not None
            labels = rng.integers(len(centres), size=n)
            points = centres[labels] + description.std * rng.standard_normal((n, 2))
        case SwissRoll():
            # The usual roll, angle 1.5π to 4.5π, divided by its largest radius.
            angle = 1.5 * np.pi * (1 + 2 * rng.random(n))
            curve = np.stack([np.cos(angle), np.sin(angle)], axis=1) * angle[:, None]
            points = curve / (4.5 * np.pi) + description.std * rng.standard_normal((n, 2))
        case Spirals():
            labels = rng.integers(description.arms, size=n)
            # The square root spreads the points evenly over the disc.
            radius = np.sqrt(rng.random(n))
            angle = 2 * np.pi * (description.turns * radius + labels / description.arms)
            curve = np.stack([np.cos(angle), np.sin(angle)], axis=1) * radius[:, None]
            points = curve + description.std * rng.standard_normal((n, 2))
        case TwoLines():
            labels = rng.integers(2, size=n)
            points = np.stack([labels * description.distance, rng.random(n)], axis=1)
    with np.errstate(over="ignore"):
        drawn = points.astype(np.float32)
    if not np.isfinite(drawn).all():
        raise BadInput(f"{description.kind} as described reaches beyond float32: make it smaller.")
    return drawn, labels


def open_toy(description: Toy) -> ResidentDataset:
    """Draw a toy distribution and divide its points.

    Raises:
        BadInput: Too few points are left for training.
    """
    points, labels = draw(description)
    match description:
        case Ring():
            count = description.modes
        case Grid():
            count = description.side**2
        case Spirals():
            count = description.arms
        case TwoLines():
            count = 2
        case _:
            count = 0
    classes = tuple(str(k) for k in range(count))
    examples = limited(Examples(points, labels, classes), description)
    return ResidentDataset(description.kind, examples, description.split)
