"""Data that are hard on scores, and defects that scores must see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from saddlepoint.data.mixture import Mixture
from saddlepoint.evaluation.rows import Row
from saddlepoint.scores.declaration import SCORES
from saddlepoint.scores.view import View

Array = NDArray[np.float64]
Random = np.random.Generator
Draw = Callable[[int, Random], Array]

WIDTH, SIDE, CLASSES, STD = 6, 12, 8, 0.05
CENTRES = np.stack([f(2 * np.pi * np.arange(CLASSES) / CLASSES) for f in (np.cos, np.sin)], 1)
_POOL = np.random.default_rng(98).normal(size=(40, WIDTH))


def _rare(n: int, random: Random, share: float = 0.03) -> Array:
    x = random.normal(size=(n, WIDTH))
    x[random.random(n) < share, 0] += 10
    return x


#: Features of real examples, and of samples as good.
VECTORS: dict[str, Draw] = {
    "normal": lambda n, r: r.normal(size=(n, WIDTH)),
    "Student's t, 3 degrees": lambda n, r: r.standard_t(3, (n, WIDTH)),
    "Cauchy": lambda n, r: r.standard_cauchy((n, WIDTH)),
    "log-normal, σ = 2": lambda n, r: r.lognormal(0, 2, (n, WIDTH)),
    "a rare mode far off": _rare,
    "duplicates": lambda n, r: _POOL[r.integers(0, len(_POOL), n)],
    "constant features": lambda n, r: np.c_[r.normal(size=n), np.full((n, WIDTH - 1), 3.0)],
    "whole numbers": lambda n, r: r.normal(size=(n, WIDTH)).round(),
}


def smooth(n: int, random: Random) -> Array:
    """Images (n, 1, 12, 12) with more coarse than fine detail."""
    x = random.normal(size=(n, 1, SIDE, SIDE))
    return np.tanh(0.15 * x.cumsum(2).cumsum(3))


IMAGES: dict[str, Draw] = {
    "smooth": smooth,
    "grey, one value each": lambda n, r: (
        np.tanh(r.standard_t(3, (n, 1, 1, 1))) * np.ones((n, 1, SIDE, SIDE))
    ),
    "duplicates": lambda n, r: smooth(40, np.random.default_rng(97))[r.integers(0, 40, n)],
}


def ring(n: int, random: Random, shares: Array | None = None, std: float = STD) -> Array:
    """Points (n, 2) of the mixture's modes."""
    mode = random.choice(CLASSES, n, p=shares)
    return CENTRES[mode] + std * random.normal(size=(n, 2))


_ONE_RARE = np.r_[np.full(CLASSES - 1, 0.97 / (CLASSES - 1)), 0.03]
POINTS: dict[str, Draw] = {
    "even modes": ring,
    "a rare mode": lambda n, r: ring(n, r, _ONE_RARE),
    "wide modes": lambda n, r: CENTRES[r.choice(CLASSES, n)] + STD * r.standard_t(3, size=(n, 2)),
    "the centres alone": lambda n, r: CENTRES[r.choice(CLASSES, n)],
}
FORMS = {"vectors": VECTORS, "images": IMAGES, "points": POINTS}


def classes_of(x: Array) -> Array:
    """Class probabilities (n, 8) of features, by their direction in the plane of the first two."""
    logits = 3 * x[:, :2] @ CENTRES.T
    odds = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(odds / odds.sum(1, keepdims=True))


@dataclass(frozen=True)
class Sides:
    """Examples of the four sides of a comparison."""

    form: str
    real: Array
    fake: Array
    control: Array
    train: Array

    @classmethod
    def fresh(cls, form: str, draw: Draw, sizes: tuple[int, int, int], seed: int) -> Sides:
        """Reference, candidate and control of these sizes, all of one distribution."""
        random = np.random.default_rng((form == "images", seed))
        real, fake, control = (draw(n, random) for n in sizes)
        return cls(form, real, fake, control, draw(max(2 * sizes[0], 100), random))

    def view(self, is_control: bool = False) -> View:
        """What a score sees of the candidate, or of the control in its place."""
        side = self.control if is_control else self.fake
        vectors = self.form == "vectors"
        shares = None
        if vectors:
            counts = np.bincount(classes_of(self.real).argmax(1), minlength=CLASSES)
            shares = torch.from_numpy(counts)
        return View(
            images=self.form == "images",
            real=_tensor(self.real),
            fake=_tensor(side),
            real_features=_tensor(self.real).flatten(1),
            fake_features=_tensor(side).flatten(1),
            control=_tensor(self.control),
            is_control=is_control,
            probabilities=_tensor(classes_of(side)) if vectors else None,
            real_shares=shares,
            train=_tensor(self.train),
            mixture=Mixture(CENTRES, STD) if self.form == "points" else None,
            seed=0,
        )

    def row(self, key: str) -> Row | None:
        """The table's row of a score; None if it does not apply."""
        score, view, beside = SCORES[key], self.view(), self.view(is_control=True)
        if not score.applies_to(view):
            return None
        return Row(
            key,
            score.title,
            score.place or "space",
            score.better,
            score.compute(view),
            score.compute(beside),
            comparable=len(self.fake) == len(self.control) or score.unbiased,
            yardstick=score.worthless(view),
            independent=score.independent,
        )


def _tensor(x: Array) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(x)).float()


def _trimmed(n: int, random: Random) -> Array:
    x = random.standard_t(3, (30 * n, WIDTH))
    return np.asarray(x[(np.abs(x) < 2).all(1)][:n])


def _copied(x: Array, train: Array, random: Random, share: float = 0.3) -> Array:
    chosen = train[random.integers(0, len(train), len(x))]
    return np.where(random.random((len(x),) + (1,) * (x.ndim - 1)) < share, chosen, x)


def _blurred(x: Array) -> Array:
    across = (x + np.roll(x, 1, 3)) / 2
    return np.asarray((across + np.roll(across, 1, 2)) / 2)


def _between(n: int, random: Random) -> Array:
    x = ring(n, random)
    x[random.random(n) < 0.2] *= 0.6
    return x


#: By defect: the form, the real data, and the samples from n, the training data and randomness.
DEFECTS: dict[str, tuple[str, Draw, Callable[[int, Array, Random], Array]]] = {
    "a mode is lost": (
        "vectors",
        lambda n, r: _rare(n, r, 0.1),
        lambda n, train, r: r.normal(size=(n, WIDTH)),
    ),
    "tails are cut off": (
        "vectors",
        VECTORS["Student's t, 3 degrees"],
        lambda n, train, r: _trimmed(n, r),
    ),
    "scale is shrunk": (
        "vectors",
        VECTORS["normal"],
        lambda n, train, r: 0.7 * r.normal(size=(n, WIDTH)),
    ),
    "scale is grown": (
        "vectors",
        VECTORS["normal"],
        lambda n, train, r: 1.4 * r.normal(size=(n, WIDTH)),
    ),
    "samples repeat": (
        "vectors",
        VECTORS["normal"],
        lambda n, train, r: r.normal(size=(40, WIDTH))[r.integers(0, 40, n)],
    ),
    "a third are copies": (
        "vectors",
        VECTORS["normal"],
        lambda n, train, r: _copied(r.normal(size=(n, WIDTH)), train, r),
    ),
    "half of the classes are lost": (
        "vectors",
        VECTORS["normal"],
        lambda n, train, r: np.abs(r.normal(size=(n, WIDTH))),
    ),
    "noise": (
        "images",
        smooth,
        lambda n, train, r: smooth(n, r) + 0.2 * r.normal(size=(n, 1, SIDE, SIDE)),
    ),
    "blur": ("images", smooth, lambda n, train, r: _blurred(smooth(n, r))),
    "one image": (
        "images",
        smooth,
        lambda n, train, r: smooth(1, r) + 0.05 * r.normal(size=(n, 1, SIDE, SIDE)),
    ),
    "a third are mirrored copies": (
        "images",
        smooth,
        lambda n, train, r: _copied(smooth(n, r), train[..., ::-1], r),
    ),
    "a known mode is lost": (
        "points",
        ring,
        lambda n, train, r: ring(n, r, np.r_[np.full(7, 1 / 7), 0]),
    ),
    "a known mode is rare": (
        "points",
        ring,
        lambda n, train, r: ring(n, r, np.r_[np.full(7, 0.995 / 7), 0.005]),
    ),
    "modes are narrow": ("points", ring, lambda n, train, r: ring(n, r, std=STD / 2)),
    "samples between modes": ("points", ring, lambda n, train, r: _between(n, r)),
}


def damaged(defect: str, n: int, seed: int) -> Sides:
    """Real examples, and ``n`` samples with a defect."""
    form, real, samples = DEFECTS[defect]
    random = np.random.default_rng((5, seed))
    train = real(2 * n, random)
    return Sides(form, real(n, random), samples(n, train, random), real(n, random), train)
