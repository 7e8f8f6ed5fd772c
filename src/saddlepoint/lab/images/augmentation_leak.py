"""Whether a generator draws augmented pictures: the turned share, on pictures that stand upright.

What is measured is a share of samples by the nearest of all pictures that there can be, upright and
turned: a closed form on data that have one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from saddlepoint import drawing
from saddlepoint.lab.bench import Bench, Budget, Score, Trained
from saddlepoint.lab.experiment import IMAGES, experiment
from saddlepoint.lab.findings import Claim, Column, Findings, PerSeed, Row
from saddlepoint.lab.over_time import samples_over_time
from saddlepoint.lab.row_values import joined, least, most, number, numbers, shown
from saddlepoint.run.description import Run

if TYPE_CHECKING:
    from saddlepoint.lab.side_by_side import Cell

Array = NDArray[np.float64]
SIDE, FINE = 12, 8  # pixels of a side, and parts of a pixel's side that are looked at
SHIFTS = (-1, 0, 1)
ANGLES = 24  # that are told apart
PICTURES, SAMPLES, BATCH = 4000, 2000, 64
LIKE = 0.9  # correlation with the nearest picture from which on a sample counts as one
LEAST_LIKE, MOST_TURNED, LEAST_TURNED = 0.8, 0.1, 0.5
SAFE = 0.8  # the largest p of which nothing is to leak

QUARTERS, ANY = "quarter turns", "any angle"
#: The transform of the lens, and how many of the pictures that take it are seen turned.
TURNS = {QUARTERS: ("rotate90", 3 / 4), ANY: ("rotate", 1 - 3 / ANGLES)}


@dataclass(frozen=True)
class Setting:
    """A training: how pictures are turned, and how probably."""

    how: str
    p: float

    @property
    def title(self) -> str:
        """For tables and pictures."""
        return f"{self.how}, p = {self.p:g}" if self.p else "no lens"

    @property
    def seen(self) -> float:
        """The share of real pictures that the critic sees turned."""
        return TURNS[self.how][1] * self.p


SETTINGS = (
    Setting(QUARTERS, 0.0),
    *(Setting(QUARTERS, p) for p in (0.5, SAFE, 1.0)),
    *(Setting(ANY, p) for p in (SAFE, 1.0)),
)

COLUMNS = (
    Column("setting", "lens"),
    Column("p", "p", "number", "g"),
    Column("seen", "seen turned, %", "number", ".1f", 100),
    Column("turned", "drawn turned, %", "seeds", ".1f", 100),
    Column("like", "like a picture, %", "seeds", ".1f", 100),
)
_shown = partial(shown, COLUMNS)


@experiment(
    "augmentation-leak",
    chapter=IMAGES,
    full=Budget(seeds=5, steps=3000, seconds=300),
    fast=Budget(seeds=2, steps=400, seconds=60),
    pictures=("samples",),
    long=True,
)
def augmentation_leak(bench: Bench) -> Findings:
    """Whether a generator draws turned pictures when its critic sees real ones turned.

    The pictures are an upright L of 12×12 pixels at nine places, of different brightness. A fully
    connected GAN with R1 learns them while its critic sees them, and its fakes, through the lens
    `augment` with one transform, quarter turns (rotate90) or any angle (rotate), with probability
    p. A sample is a picture if it has a correlation of 0.9 or more with one of the 216 L at nine
    places and 24 angles, and it counts as turned if the nearest of them is turned by more than 15
    degrees. *Seen turned* is the share of the real pictures that the critic sees so.

    With p = 1 pictures are seen at every angle alike, whatever their own: nothing says which were
    upright, and a generator settles on some angle, upright by chance alone (one seed in four, if
    quarter turns are all). This is the control that a leak shows; the rows of controls say what
    the measure finds in real pictures, and in such that the lens turned. Karras et al., Training
    GANs with Limited Data, 2020, section 2.2, have p = 0.8 as the practical limit.
    """
    cells = [
        bench.cell(f"setting-{number}", each.title, described(each), checkpoints=1)
        for number, each in enumerate(SETTINGS)
    ]
    trained = {each.title: each for each in bench.train(cells, score)}
    there = [each for each in SETTINGS if each.title in trained]
    rows = [row(each, trained[each.title]) for each in there]
    names = {cell.title: cell.where.name for cell in cells}
    pictures = [bench.picture(names[each.title]) for each in there]
    return Findings(
        columns=COLUMNS,
        rows=rows,
        controls=controls(),
        claims=claims(rows),
        pictures={"samples": drawing.mosaic(pictures, min(3, len(pictures)))},
        reading=reading(rows),
    )


def drawn(angle: float, right: int, down: int) -> Array:
    """An L (side, side) from 0 to 1, moved, then turned by an angle from right to down."""
    place = (np.arange(SIDE * FINE) + 0.5) / FINE - SIDE / 2
    y, x = np.meshgrid(place, place, indexing="ij")
    cos, sin = math.cos(angle), math.sin(angle)
    across, along = cos * x + sin * y - right, cos * y - sin * x - down
    stem = (across > -2.5) & (across < -0.5) & (along > -4) & (along < 4)
    foot = (across > -2.5) & (across < 3) & (along > 2) & (along < 4)
    inside = (stem | foot).reshape(SIDE, FINE, SIDE, FINE)
    return np.asarray(inside.mean(axis=(1, 3)))


def pictures(n: int, seed: int = 0) -> NDArray[np.uint8]:
    """Upright ones (n, side, side), each somewhere, of 60 to 100 % of the brightness."""
    random = np.random.default_rng([seed, n])
    upright = np.stack([drawn(0.0, right, down) for right in SHIFTS for down in SHIFTS])
    chosen = upright[random.integers(len(upright), size=n)]
    bright = random.uniform(0.6, 1.0, size=(n, 1, 1))
    return np.asarray((255 * bright * chosen).round().astype(np.uint8))


@cache
def _all() -> Array:
    """Every picture that there can be, as unit vectors (angles · places, pixels)."""
    angles = 2 * math.pi * np.arange(ANGLES) / ANGLES
    return _units(
        np.stack([drawn(angle, r, d) for angle in angles for r in SHIFTS for d in SHIFTS])
    )


def _units(images: Array) -> Array:
    flat = images.reshape(len(images), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    return np.asarray(flat / np.linalg.norm(flat, axis=1, keepdims=True).clip(1e-12))


def nearest(images: Array) -> tuple[NDArray[np.int64], Array]:
    """The angle (n,) of the picture nearest to each image (n, side, side), in 24ths of a turn.

    Returns:
        The angles, and the correlation with that picture, which brightness does not change.
    """
    likeness = _units(images) @ _all().T
    best = likeness.argmax(axis=1)
    return best // len(SHIFTS) ** 2, likeness.max(axis=1)


def shares(images: Array) -> dict[str, float | None]:
    """How many images (n, side, side) are pictures, and how many of these are turned."""
    if not np.isfinite(images).all():
        return {"turned": None, "like": None}
    angle, likeness = nearest(images)
    like = likeness >= LIKE
    turned = ~np.isin(angle, (0, 1, ANGLES - 1))
    share = float(turned[like].mean()) if like.any() else None
    return {"turned": share, "like": float(like.mean())}


def described(setting: Setting) -> Run:
    """The training; all of its seeds are one program."""
    from saddlepoint.games.regularisers import r1
    from saddlepoint.learners.adversarial.augmentation import Augment
    from saddlepoint.networks.mlp import Mlp
    from saddlepoint.optimisers import Adam
    from saddlepoint.recipes import find

    run = find("gan")(pictures(PICTURES), batch_size=BATCH)
    network = Mlp(hidden=(128, 128), activation="leaky_relu")
    rate = Adam(learning_rate=1e-3, beta1=0.0, beta2=0.99)
    word, _ = TURNS[setting.how]
    learner = run.learner.replace(
        latent=16,
        generator=network,
        critic=network,
        generator_optimiser=rate,
        critic_optimiser=rate,
        critic_regularisers=(r1(0.3),),
        lenses=(Augment(p=setting.p, transforms=(word,)),) if setting.p else (),
    )
    return run.replace(
        learner=learner,
        training=run.training.replace(precision="float32", log_every=100, samples=16),
    )


def score(cell: Cell) -> Score:
    """The shares of each seed's samples, and sixteen of the first's."""
    *_, (_, samples) = samples_over_time(cell, SAMPLES)
    picture = drawing.grid(samples[0, :16], 4, scale=4)
    return Score([shares(each[:, 0]) for each in samples], drawing.captioned(picture, cell.title))


def row(setting: Setting, cell: Trained) -> Row:
    """The row of a training."""
    return {
        "setting": setting.title,
        "p": setting.p,
        "seen": setting.seen,
        **{key: PerSeed.of(cell.of(key)) for key in ("turned", "like")},
    }


def controls() -> list[Row]:
    """What the measure finds in real pictures, and in real pictures that a lens turned."""
    import torch

    from saddlepoint.learners.augmenting.chance import Chance
    from saddlepoint.learners.augmenting.pipe import augmented
    from saddlepoint.randomness import Streams

    images = torch.from_numpy(pictures(SAMPLES, seed=1).astype(np.float64))[:, None] / 127.5 - 1
    made: list[Row] = []
    for setting in (SETTINGS[0], *(Setting(how, SAFE) for how in TURNS)):
        word, _ = TURNS[setting.how]
        chance = Chance(Streams(0, "leak"), SAMPLES, SIDE, SIDE)
        seen = augmented(images, chance, (word,), torch.tensor(setting.p))
        found = {key: PerSeed.of([value]) for key, value in shares(seen[:, 0].numpy()).items()}
        title = "real pictures" + (f", {setting.title}" if setting.p else "")
        made.append({"setting": title, "p": setting.p, "seen": setting.seen, **found})
    return made


def claims(rows: Sequence[Row]) -> list[Claim]:
    """What leaks and what does not; and that samples are pictures, without which neither counts."""
    safe = [r for r in rows if number(r, "p") <= SAFE]
    unsafe = [r for r in rows if number(r, "p") > SAFE]
    return [
        Claim(
            f"Generators draw pictures: at least {LEAST_LIKE:.0%} of the samples, in every seed.",
            least(joined(rows, "like")) >= LEAST_LIKE,
            _each(rows, "like"),
        ),
        Claim(
            f"With p ≤ {SAFE:g} at most {MOST_TURNED:.0%} of the pictures are turned, in every "
            "seed.",
            most(joined(safe, "turned")) <= MOST_TURNED,
            _each(safe, "turned"),
        ),
        Claim(
            f"With p = 1 more than {LEAST_TURNED:.0%} are, in a seed of each lens or several.",
            bool(unsafe) and all(_leaks(r) for r in unsafe),
            _each(unsafe, "turned"),
        ),
    ]


def reading(rows: Sequence[Row]) -> str:
    """What the rows show, in sentences."""
    said = [
        f"{r['setting']}: {_shown(r, 'turned')} % of the pictures are drawn turned, where "
        f"{_shown(r, 'seen')} % are seen so"
        for r in rows
    ]
    return ". ".join(said) + "."


def _leaks(r: Row) -> bool:
    return any(share > LEAST_TURNED for share in numbers(r, "turned"))


def _each(rows: Sequence[Row], key: str) -> str:
    return "; ".join(f"{r['setting']}: {_shown(r, key)} %" for r in rows) or "none"
