"""Likelihood and samples: a model can be good at one and bad at the other, on digits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from saddlepoint.drawing import Drawing, Panel, curves, grid
from saddlepoint.lab.bench import Bench, Budget
from saddlepoint.lab.experiment import LIKELIHOOD, experiment
from saddlepoint.lab.findings import Claim, Column, Findings, PerSeed, Row
from saddlepoint.lab.row_values import least, most

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from saddlepoint.drawing.panels import Palette

Array = NDArray[np.float64]
TRAIN, HELD_OUT, LEVELS, SIDE = 1000, 398, 17, 8
COMPONENTS, LEAST_VARIANCE = 10, 1e-3  # of p, a mixture of Gaussians
KEPT = 0.01  # p's share in the model that is mostly noise
BOUND = -math.log(KEPT)
WIDTHS = (0.15, 0.05, 0.02, 0.01, 0.001)  # of the windows around training images
TINY = WIDTHS[-1]
CURVE = np.linspace(0.04, 0.4, 37)
LOWEST = -150  # nats that are drawn
DRAWN = 36  # images of each kind in the picture
P, NOISE, MOSTLY_NOISE, REAL = "p", "noise", "0.01 p + 0.99 noise", "held-out images"

COLUMNS = (
    Column("model", "model"),
    Column("likelihood", "test log-likelihood, nats/image", "seeds", ",.1f"),
    Column("loss", "below p, nats", "seeds", ",.3f"),
    Column("largest", "most below p on any image", "seeds", ",.5f"),
    Column("kernel", "kernel distance", "seeds", ".4f"),
    Column("precision", "precision, %", "seeds", ".1f", 100),
    Column("coverage", "coverage, %", "seeds", ".1f", 100),
    Column("memorised", "closer than 95 % of real, %", "seeds", ".1f", 100),
)


@experiment(
    "likelihood-vs-samples",
    chapter=LIKELIHOOD,
    full=Budget(seeds=5, seconds=8),
    fast=Budget(seeds=2, seconds=5),
    pictures=("samples", "likelihood"),
    lectures=("D 2", "D 34", "E 1"),
)
def likelihood_vs_samples(bench: Bench) -> Findings:
    """Whether a great likelihood means great samples, or great samples a great likelihood.

    p is a mixture of 10 Gaussians fitted to 1,000 of scikit-learn's digits, 64 pixels in [0, 1]
    with uniform noise inside their 17 levels, so that every model has an exact density.
    q = 0.01 p + 0.99 u with uniform noise u draws noise 99 times in 100, and since q ≥ 0.01 p no
    image loses more than log 100 = 4.60517 nats. A Gaussian of width ε on every training image
    draws copies, and its test likelihood falls without bound as ε → 0, like −‖x − x′‖²/2ε² with
    the nearest x′. (Theis, van den Oord and Bethge, A note on the evaluation of generative models,
    2016.)

    Measured on 399 test images and as many samples, in pixels: kernel distance, precision and
    coverage of k = 5 neighbours, and the share of samples that are closer to a training image than
    95 % of test images are (5 % for fresh images). Each seed has its own split, fit and samples.
    """
    parts = bench.all_kept(
        {f"seed-{seed}": lambda seed=seed: measured(seed) for seed in bench.seeds}  # type: ignore[misc]
    )
    names = list(parts[0]["models"])
    made = [_row(name, [part["models"][name] for part in parts]) for name in names]
    rows = [row for row in made if row["model"] != REAL]
    return Findings(
        columns=COLUMNS,
        rows=rows,
        controls=[row for row in made if row["model"] == REAL],
        claims=claims(rows),
        pictures={"samples": samples(bench.seed, made), "likelihood": likelihood(parts, rows)},
        reading=reading(rows),
    )


def copies(width: float) -> str:
    """The name of the model with Gaussians of this width on training images."""
    return f"copies, ε = {width:g}"


class Digits:
    """One split of the digits, p fitted to it, and samples of every model.

    Args:
        seed: Decides the split, the noise within levels, the fit and the samples.
    """

    def __init__(self, seed: int) -> None:
        from sklearn.mixture import GaussianMixture

        from saddlepoint.data.official import digits_examples

        random = np.random.default_rng(seed)
        pixels = np.asarray(digits_examples().values).reshape(-1, SIDE * SIDE)
        levels = np.rint(pixels * ((LEVELS - 1) / 255))
        images = (levels + random.uniform(size=levels.shape)) / LEVELS
        images = images[random.permutation(len(images))]
        self.train, self.held_out, self.test = np.split(images, [TRAIN, TRAIN + HELD_OUT])
        self.p = GaussianMixture(COMPONENTS, reg_covar=LEAST_VARIANCE, random_state=seed)
        self.p.fit(self.train)
        n = len(self.test)
        drawn = random.permutation(self.p.sample(n)[0])  # it gives one component after another
        noise: Array = np.asarray(random.uniform(size=drawn.shape))
        mixed = np.where(random.uniform(size=(n, 1)) < KEPT, drawn, noise)
        chosen = self.train[random.integers(len(self.train), size=n)]
        steps = random.normal(size=chosen.shape)
        self.samples: dict[str, Array] = {P: drawn, NOISE: noise, MOSTLY_NOISE: mixed}
        self.samples |= {copies(width): chosen + width * steps for width in WIDTHS}
        self.samples |= {REAL: self.held_out}

    def log_densities(self) -> dict[str, Array]:
        """Log density of every test image (399,) under every model that has one."""
        of_p, of_noise = self.p.score_samples(self.test), np.zeros(len(self.test))
        mixed = np.logaddexp(math.log(KEPT) + of_p, math.log1p(-KEPT) + of_noise)
        known = {P: of_p, NOISE: of_noise, MOSTLY_NOISE: mixed}
        windows = windowed(self.train, self.test, WIDTHS)
        return known | {copies(w): log for w, log in zip(WIDTHS, windows, strict=True)}


def windowed(train: Array, points: Array, widths: Iterable[float]) -> list[Array]:
    """Log density (k,) of points (k, d) under Gaussians of each width on ``train`` (n, d)."""
    import torch

    from saddlepoint.metrics.parzen import log_likelihoods

    sides = torch.from_numpy(train), torch.from_numpy(points)
    return list(log_likelihoods(*sides, list(widths)).numpy())


def measured(seed: int) -> dict[str, Any]:
    """The figures of every model for one seed, and the windows' likelihoods against their width."""
    digits = Digits(seed)
    logs = digits.log_densities()
    models = {name: _scores(digits, points) for name, points in digits.samples.items()}
    for name, log in logs.items():
        below = logs[P] - log
        models[name] |= {
            "likelihood": float(log.mean()),
            "loss": float(below.mean()),
            "largest": float(below.max()),
        }
    curve = [float(log.mean()) for log in windowed(digits.train, digits.test, CURVE)]
    return {"models": models, "curve": curve}


def _scores(digits: Digits, points: Array) -> dict[str, float]:
    import torch

    from saddlepoint.metrics.kernel import kernel_distance
    from saddlepoint.metrics.memorisation import memorisation
    from saddlepoint.metrics.precision_recall import prdc

    fake, train, test = (torch.from_numpy(each) for each in (points, digits.train, digits.test))
    neighbours = prdc(test, fake)
    return {
        "kernel": kernel_distance(test, fake),
        "precision": neighbours.precision,
        "coverage": neighbours.coverage,
        "memorised": memorisation(fake, train, test).share.value,
    }


def _row(name: str, seeds: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    keys = [column.key for column in COLUMNS[1:]]
    return {"model": name} | {key: PerSeed.of(seed.get(key) for seed in seeds) for key in keys}


def claims(rows: Sequence[Row]) -> list[Claim]:
    """What the rows bear out or refute."""
    by_name = {str(row["model"]): row for row in rows}
    return [
        _at_most_log_100(by_name),
        _samples_of_noise(by_name),
        _without_bound(by_name),
        _perfect_copies(by_name),
        _nearer_than_p(by_name),
    ]


def _values(rows: Mapping[str, Row], name: str, key: str) -> list[float]:
    value = rows[name][key] if name in rows else None
    return value.finite if isinstance(value, PerSeed) else []


def _shown(rows: Mapping[str, Row], name: str, key: str) -> str:
    column = next(column for column in COLUMNS if column.key == key)
    return column.shown(rows[name][key]) if name in rows else "none"


def _at_most_log_100(rows: Mapping[str, Row]) -> Claim:
    largest = _values(rows, MOSTLY_NOISE, "largest")
    loss = _values(rows, MOSTLY_NOISE, "loss")
    return Claim(
        "No test image loses more than log 100 = 4.60517 nats where 99 of 100 samples are noise.",
        bool(largest) and most(largest) <= BOUND + 1e-9,
        f"the largest loss is {most(largest):.5f} nats, the mean "
        f"{_shown(rows, MOSTLY_NOISE, 'loss')} over {len(loss)} seeds, of a likelihood of "
        f"{_shown(rows, P, 'likelihood')}.",
    )


def _samples_of_noise(rows: Mapping[str, Row]) -> Claim:
    mixed, noise = (_values(rows, name, "kernel") for name in (MOSTLY_NOISE, NOISE))
    precise = _values(rows, MOSTLY_NOISE, "precision")
    held = bool(mixed) and all(a >= 0.9 * b for a, b in zip(mixed, noise, strict=True))
    return Claim(
        "Its samples are as bad as noise: a kernel distance of at least 0.9 times that of noise, "
        "and a precision of at most 5 %, in every seed.",
        held and most(precise) <= 0.05,
        f"kernel distance {_shown(rows, MOSTLY_NOISE, 'kernel')}, noise "
        f"{_shown(rows, NOISE, 'kernel')}, p {_shown(rows, P, 'kernel')}; precision "
        f"{_shown(rows, MOSTLY_NOISE, 'precision')} %.",
    )


def _without_bound(rows: Mapping[str, Row]) -> Claim:
    by_width = [_values(rows, copies(width), "likelihood") for width in WIDTHS]
    falling = all(
        a > b for one, other in pairwise(by_width) for a, b in zip(one, other, strict=True)
    )
    noise = _values(rows, NOISE, "likelihood")
    return Claim(
        "The test likelihood of copies of training images falls with every smaller width, and at "
        "ε = 0.001 it is 100,000 nats below that of noise, in every seed.",
        bool(by_width[-1])
        and falling
        and all(a < b - 1e5 for a, b in zip(by_width[-1], noise, strict=True)),
        "; ".join(f"{_shown(rows, copies(w), 'likelihood')} at ε = {w:g}" for w in WIDTHS) + ".",
    )


def _nearer_than_p(rows: Mapping[str, Row]) -> Claim:
    ours, of_p = (_values(rows, name, "kernel") for name in (copies(TINY), P))
    return Claim(
        "The samples with ε = 0.001 have a smaller kernel distance in pixels than p's in every "
        "seed.",
        bool(ours) and all(a < b for a, b in zip(ours, of_p, strict=True)),
        f"smaller in {sum(a < b for a, b in zip(ours, of_p, strict=True))} of {len(ours)} seeds: "
        f"{_shown(rows, copies(TINY), 'kernel')}, p {_shown(rows, P, 'kernel')}.",
    )


def _perfect_copies(rows: Mapping[str, Row]) -> Claim:
    tiny = copies(TINY)
    precise, memorised = (_values(rows, tiny, key) for key in ("precision", "memorised"))
    of_p = _values(rows, P, "precision")
    held = bool(precise) and all(a > b for a, b in zip(precise, of_p, strict=True))
    return Claim(
        "The samples with ε = 0.001 have a higher precision than p's in every seed, and 100 % of "
        "them are copies, nearer to a training image than 95 % of test images are.",
        held and least(memorised) == 1,
        f"precision {_shown(rows, tiny, 'precision')} %, p {_shown(rows, P, 'precision')} %; "
        f"copies: {_shown(rows, tiny, 'memorised')} %.",
    )


def reading(rows: Sequence[Row]) -> str:
    """What the rows show, in plain sentences."""
    by_name = {str(row["model"]): row for row in rows}
    tiny = copies(TINY)
    return (
        f"Noise 99 times in 100 costs {_shown(by_name, MOSTLY_NOISE, 'loss')} nats of "
        f"{_shown(by_name, P, 'likelihood')}: the model keeps nearly its whole likelihood and "
        f"{_shown(by_name, MOSTLY_NOISE, 'precision')} % of precision "
        f"(p: {_shown(by_name, P, 'precision')} %). "
        f"Copies of training images score like real images (kernel distance "
        f"{_shown(by_name, tiny, 'kernel')}, precision {_shown(by_name, tiny, 'precision')} %) at "
        f"{_shown(by_name, tiny, 'likelihood')} nats. A good one of the two figures does not vouch "
        "for the other, and only the distance to training images tells copies from samples. The "
        f"kernel distance is a weak judge here: p's own samples have "
        f"{_shown(by_name, P, 'kernel')}, as it compares three moments of pixels, and p has them."
    )


def samples(seed: int, rows: Sequence[Row]) -> Drawing:
    """Real images and samples of three models, with their likelihoods."""
    digits = Digits(seed)
    shown = {REAL: REAL, P: "p", MOSTLY_NOISE: MOSTLY_NOISE, copies(TINY): copies(TINY)}
    likelihoods = {str(row["model"]): row["likelihood"] for row in rows}
    panels = []
    for name, title in shown.items():
        value = likelihoods[name]
        mean = value.mean if isinstance(value, PerSeed) else None
        words = "" if mean is None else f"\n{mean:,.0f} nats"
        panels.append(_images(digits.samples[name][:DRAWN], title + words, name == REAL))
    return Drawing(panels, columns=2)


def _images(points: Array, title: str, is_control: bool) -> Panel:
    pixels = np.rint(np.clip(points, 0, 1) * 255).astype(np.uint8).reshape(-1, 1, SIDE, SIDE)
    sheet = grid(pixels, round(math.sqrt(DRAWN)), padding=1, scale=6)

    def draw(axes: Axes, palette: Palette) -> None:
        axes.imshow(np.asarray(sheet), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axes.set_xticks(())
        axes.set_yticks(())

    return Panel(title, draw, square=True, is_control=is_control)


def likelihood(parts: Sequence[Mapping[str, Any]], rows: Sequence[Row]) -> Drawing:
    """The likelihood of windows on training images against their width, beside the others'."""
    levels = {}
    for row in rows:
        value = row["likelihood"]
        if row["model"] in (P, MOSTLY_NOISE, NOISE) and isinstance(value, PerSeed):
            levels[str(row["model"])] = value.mean or 0.0
    means = np.mean([part["curve"] for part in parts], axis=0)
    shown = np.where(means >= LOWEST, means, np.nan)
    return Drawing(
        [
            curves(
                CURVE,
                {
                    "copies of width ε": shown,
                    **{n: np.full(len(CURVE), v) for n, v in levels.items()},
                },
                title="Windows on training images",
                x_label="width ε of each window",
                y_label="test log-likelihood, nats/image",
            )
        ]
    )
